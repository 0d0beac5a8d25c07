package harness

import (
	"bytes"
	"net"
	"slices"
	"time"
)

// chunk is what a client said at once.
type chunk struct {
	at        time.Time
	data      []byte
	registers bool  // it may be about its registration
	err       error // why there will be no more; its last one has it
}

// listen records what the client says, from the beginning, as it comes: what is read late has lost the
// pauses between its parts.
func (c *Connection) listen(said chan<- chunk, writes *writes) {
	defer c.Up.End()
	data := make([]byte, 32<<10)
	for {
		n, err := c.client.Read(data)
		registers := writes.lasts()
		parts := [][]byte{data[:n]}
		if registers {
			parts = writes.divide(data[:n])
		}
		for i, part := range parts {
			next := chunk{at: time.Now(), data: slices.Clone(part), registers: registers}
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
	segments int // that were read so far
	bytes    int64
}

// divide divides what was read at once: where one thing ends and another one begins without anything between
// them, if the system says that so many pieces came.
func (w *writes) divide(data []byte) (parts [][]byte) {
	w.bytes += int64(len(data))
	all, received, err := segments(w.conn)
	came := all - w.segments
	if received > w.bytes {
		came-- // since it was read
	}
	start := 0
	if ends := seams(data, w.words); err == nil && len(ends) < came {
		for _, end := range ends {
			parts, start = append(parts, data[start:end]), end
		}
	}
	parts = append(parts, data[start:])
	if w.segments += len(parts); received == w.bytes {
		w.segments = all
	}
	return parts
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
