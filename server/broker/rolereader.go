package broker

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"pubsublab/protocol"
)

// probeTimeout is how long a connection may stay silent before it is logged as a client's. Health
// checks that only connect are gone by then.
const probeTimeout = 100 * time.Millisecond

// roleReader reads role lines.
type roleReader struct {
	s     *session
	buf   []byte // read and not used yet
	reads int    // how many reads brought what is in buf
}

// next returns the next role line. unframed reports whether it is a bare role word, after which the
// client fell silent (P3).
func (r *roleReader) next() (line string, unframed bool, err error) {
	deadline := time.Now().Add(r.s.b.cfg.RoleTimeout)
	for {
		line, ended := r.cut()
		if len(line) > protocol.MaxRoleLine {
			return "", false, &mistake{fmt.Sprintf("the role line is longer than %d bytes", protocol.MaxRoleLine)}
		}
		if ended {
			return line, false, nil
		}
		until, bare := r.until(deadline)
		if err := r.s.readUntil(until); err != nil {
			return "", false, err
		}
		n, err := r.read()
		timeout := errors.Is(err, os.ErrDeadlineExceeded) && r.s.ctx.Err() == nil
		if timeout && len(r.buf) == 0 || n > 0 && !mayBeHealthCheck(r.buf) {
			r.s.meet()
		}
		switch {
		case n > 0:
		case timeout && bare:
			r.s.typed = r.reads > 1
			word := bytes.TrimRight(r.buf, " \t\r")
			line = string(bytes.TrimSpace(word))
			r.buf = r.buf[:copy(r.buf, r.buf[len(word):])]
			return line, true, nil
		case timeout && time.Now().Before(deadline):
		case timeout && len(r.buf) > 0:
			return "", false, &mistake{protocol.OpenRoleLine}
		case timeout:
			return "", false, &mistake{protocol.NoRole}
		case err != nil:
			return "", false, err
		}
	}
}

// cut takes a line out of the buffer. While none has ended, it returns what has come of one, and
// leaves that in the buffer.
func (r *roleReader) cut() (line string, ended bool) {
	i := bytes.IndexByte(r.buf, '\n')
	if j := bytes.Index(r.buf, []byte(crNUL)); j >= 0 && (i < 0 || j < i) {
		i = j + 1
	}
	if i < 0 {
		return string(bytes.TrimSuffix(r.buf, []byte{'\r'})), false
	}
	line = string(protocol.TrimLine(r.buf[:i+1]))
	r.buf = r.buf[:copy(r.buf, r.buf[i+1:])]
	r.reads = min(len(r.buf), 1)
	return line, true
}

// until returns the time until which to wait for more of a line. bare reports whether what has come
// may be all that comes (P3), which is so of a role word. A word that came in pieces is being
// typed, or was torn on the way: more is waited for longer than behind a word that came at once.
func (r *roleReader) until(deadline time.Time) (until time.Time, bare bool) {
	word := string(bytes.TrimSpace(r.buf))
	if _, err := protocol.ParseRole(word); err == nil || isHealthCheck(word) {
		if r.reads > 1 {
			return earlier(deadline, typedSilence), true
		}
		return earlier(deadline, protocol.UnframedSilence), true
	}
	if !r.s.known {
		return earlier(deadline, probeTimeout), false
	}
	return deadline, false
}

// read reads once, and returns the number of bytes by which the buffer has grown.
func (r *roleReader) read() (n int, err error) {
	if len(r.buf) == cap(r.buf) { // few clients need that much
		r.buf = slices.Grow(r.buf, protocol.MaxRoleLine+2-len(r.buf))
	}
	before := len(r.buf)
	n, err = r.s.conn.Read(r.buf[before:cap(r.buf)])
	r.buf = stripTelnet(r.buf[:before+n])
	if len(r.buf) > before {
		r.reads++
	}
	return n, err
}

func earlier(deadline time.Time, wait time.Duration) time.Time {
	if t := time.Now().Add(wait); t.Before(deadline) {
		return t
	}
	return deadline
}
