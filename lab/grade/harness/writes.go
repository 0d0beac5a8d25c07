package harness

import (
	"bytes"
	"errors"
	"net"
	"os"
	"slices"
	"time"
)

// chunk is what a client said at once.
type chunk struct {
	at    time.Time
	data  []byte
	apart bool  // it is another thing than what came before, and registers the client like that
	err   error // why there will be no more; its last one has it
}

// listen records what the client says, from the beginning, as it comes: what is read late has lost the
// pauses between its parts.
func (c *Connection) listen(said chan<- chunk, writes *writes) {
	defer c.Up.End()
	data := make([]byte, 32<<10)
	for {
		n, err := c.client.Read(data)
		at := time.Now()
		if err == nil && writes.expected() {
			n, err = c.gather(data, n)
		}
		parts, apart := writes.divide(data[:n])
		for i, part := range parts {
			next := chunk{at: at, data: slices.Clone(part), apart: apart || i > 0}
			if i == len(parts)-1 {
				next.err = err
			}
			_, _ = c.Up.Write(part)
			select {
			case said <- next:
			case <-c.over:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// together is how soon a client says what belongs to what it said before, as a header and what is behind it.
// On a machine that is not busy a server reads them at once.
const together = 20 * time.Millisecond

// gather reads what the client says soon, behind the bytes that were read already, and returns how many there
// are then.
func (c *Connection) gather(data []byte, n int) (int, error) {
	for n < len(data) {
		if err := c.client.SetReadDeadline(time.Now().Add(together)); err != nil {
			return n, nil
		}
		more, err := c.client.Read(data[n:])
		n += more
		if err != nil {
			_ = c.client.SetReadDeadline(time.Time{})
			if errors.Is(err, os.ErrDeadlineExceeded) {
				err = nil
			}
			return n, err
		}
	}
	return n, c.client.SetReadDeadline(time.Time{})
}

// registering is what is known of a client that registers.
type registering struct {
	words []string        // that it was told, in lower case, those first that may hold others
	over  <-chan struct{} // closed when it has; nil: it never does
}

func (r registering) lasts() bool {
	select {
	case <-r.over:
		return false
	default:
		return true
	}
}

// writes tells writes of a client apart that were read at once, while it registers: many send their role and
// their topic one right behind the other, and it must not be luck whether that is seen. It is for one
// goroutine.
type writes struct {
	registering
	conn     *net.TCPConn
	segments int    // that were read so far
	said     []byte // so far
}

// registration is how much of what a client says may be its registration, in bytes.
const registration = 4 << 10

// expected reports whether what the client says may be its registration.
func (w *writes) expected() bool { return w.lasts() && len(w.said) < registration }

// divide divides what was read at once: where one thing ends and another one begins without anything between
// them, if the system says that so many pieces came. apart is whether that is so before the first part, too.
func (w *writes) divide(data []byte) (parts [][]byte, apart bool) {
	before := len(w.said)
	if !w.expected() || before+len(data) > registration {
		return [][]byte{data}, false
	}
	w.said = append(w.said, data...)
	ends := slices.DeleteFunc(seams(w.said, w.words), func(end int) bool { return end < before })
	if apart = len(ends) > 0 && ends[0] == before; apart {
		ends = ends[1:]
	}
	all, received, err := segments(w.conn)
	came := all - w.segments
	if received > int64(len(w.said)) {
		came-- // since it was read
	}
	start := before
	if err == nil && len(ends) < came {
		for _, end := range ends {
			parts, start = append(parts, w.said[start:end]), end
		}
	}
	parts = append(parts, w.said[start:])
	if w.segments += len(parts); received == int64(len(w.said)) {
		w.segments = all
	}
	return parts, apart
}

// seams are where in data the client may have begun another write: behind a line, between two documents of
// JSON, and where a word that it was told begins or ends in the middle of letters.
func seams(data []byte, words []string) (at []int) {
	low, told := Lower(data), 0
	for i := 0; i < len(data); i++ {
		size := 0
		for _, word := range words {
			if word != "" && bytes.HasPrefix(low[i:], []byte(word)) {
				size = len(word)
				break
			}
		}
		if i > 0 && seam(data, i, size > 0, i == told) {
			at = append(at, i)
		}
		if size > 0 {
			told = i + size
			i = told - 1
		}
	}
	return at
}

// seam reports whether another write may begin at i, where a word begins, or has ended.
func seam(data []byte, i int, begins, ended bool) bool {
	before, here := data[i-1], data[i]
	behind := byte(0)
	if i > 1 {
		behind = data[i-2]
	}
	switch {
	case before == '\n': // and no byte of a length
		return here > ' ' && (behind >= ' ' || behind == '\r')
	case before == '}':
		return here == '{'
	case before == 0: // the end of a text in C
		return begins && letter(behind)
	}
	return (begins || ended) && letter(before) && letter(here)
}

func letter(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b|0x20 && b|0x20 <= 'z' || b >= 0x80
}
