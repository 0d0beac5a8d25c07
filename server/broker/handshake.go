package broker

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"pubsublab/protocol"
)

// probeTimeout is how long a connection may stay silent, and end, without
// being taken for a client's: health checks do that.
const probeTimeout = 100 * time.Millisecond

// handshake asks for the role until it has one (P1, P2, P3). It returns what
// was read behind the role line.
func (s *session) handshake() (rest []byte, unframed bool, err error) {
	in := roleReader{s: s, buf: make([]byte, 0, 128)}
	for mistakes := 0; ; {
		// With TLS, the first write is a handshake, which reads too.
		if err := s.readUntil(time.Now().Add(s.b.cfg.RoleTimeout)); err != nil {
			return nil, false, err
		}
		if _, err := io.WriteString(s.conn, protocol.Prompt); err != nil {
			return nil, false, s.cause(err)
		}
		line, unframed, err := in.next()
		if err != nil {
			return nil, false, s.cause(err)
		}
		if isHealthCheck(line) {
			return nil, false, s.tellHealth()
		}
		s.hello, err = protocol.ParseHello(line)
		if err == nil {
			if err := s.b.gate.check(s.host, s.hello.Token); err != nil {
				return nil, false, err
			}
			s.hello.Token = ""
			s.name = s.hello.Name
			if s.name == "" {
				s.name = s.addr
			}
			return in.buf, unframed, s.readUntil(time.Time{})
		}
		if mistakes++; mistakes == protocol.MaxMistakes {
			return nil, false, &mistake{err.Error()}
		}
		s.b.log.Info("bad role line", "addr", s.addr, "error", err)
		if _, err := io.WriteString(s.conn, protocol.ErrorPrefix+err.Error()+"\n"); err != nil {
			return nil, false, s.cause(err)
		}
	}
}

// errChecked ends the connection of a health check.
var errChecked = errors.New("a health check")

func isHealthCheck(line string) bool {
	return strings.EqualFold(strings.TrimSpace(line), protocol.HealthCheck)
}

// tellHealth answers a health check. The error ends its connection.
func (s *session) tellHealth() error {
	if err := s.b.journal.Health(); err != nil {
		return &mistake{"unhealthy: " + err.Error()}
	}
	io.WriteString(s.conn, protocol.Healthy+"\n")
	return errChecked
}

// roleReader reads role lines.
type roleReader struct {
	s   *session
	buf []byte // read and not used yet
}

// next returns the next role line, or a bare role word after which the client
// fell silent (P3).
func (r *roleReader) next() (line string, unframed bool, err error) {
	deadline := time.Now().Add(r.s.b.cfg.RoleTimeout)
	for {
		i := bytes.IndexByte(r.buf, '\n')
		if i >= 0 {
			line = string(protocol.TrimLine(r.buf[:i+1]))
			r.buf = r.buf[:copy(r.buf, r.buf[i+1:])]
		} else {
			line = string(bytes.TrimSuffix(r.buf, []byte{'\r'}))
		}
		if len(line) > protocol.MaxRoleLine {
			return "", false, &mistake{fmt.Sprintf("the role line is longer than %d bytes", protocol.MaxRoleLine)}
		}
		if i >= 0 {
			return line, false, nil
		}
		until := deadline
		word := string(bytes.TrimSpace(r.buf))
		_, notRole := protocol.ParseRole(word)
		if notRole == nil {
			until = earlier(deadline, protocol.UnframedSilence)
		} else if !r.s.known {
			until = earlier(deadline, probeTimeout)
		}
		if err := r.s.readUntil(until); err != nil {
			return "", false, err
		}
		if len(r.buf) == cap(r.buf) { // few need as much
			r.buf = slices.Grow(r.buf, protocol.MaxRoleLine+2-len(r.buf))
		}
		n, err := r.s.conn.Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf = r.buf[:len(r.buf)+n]
		timeout := errors.Is(err, os.ErrDeadlineExceeded) && r.s.ctx.Err() == nil
		if timeout || n > 0 && !isHealthCheck(string(r.buf)) {
			r.s.meet()
		}
		switch {
		case n > 0:
		case timeout && notRole == nil:
			r.buf = r.buf[:0]
			return word, true, nil
		case timeout && time.Now().Before(deadline):
		case timeout:
			return "", false, &mistake{"no role given in time, expected PUBLISHER or SUBSCRIBER"}
		case err != nil:
			return "", false, err
		}
	}
}

func earlier(deadline time.Time, wait time.Duration) time.Time {
	if t := time.Now().Add(wait); t.Before(deadline) {
		return t
	}
	return deadline
}

// meet logs the client, once it has shown that it is one.
func (s *session) meet() {
	if !s.known {
		s.known = true
		s.b.log.Info("client connected", "addr", s.addr, "clients", s.b.clients())
	}
}
