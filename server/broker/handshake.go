package broker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"pubsublab/protocol"
)

// handshake asks for the role until the client has given one (P1, P2, P3). known is the token that
// the client came in with. unframed reports whether the role word came without a line end. rest is
// what was read behind the role line or, where unframed, behind the role word.
func (s *session) handshake() (known *digest, rest []byte, unframed bool, err error) {
	in := roleReader{s: s, buf: make([]byte, 0, 128)}
	for asked := 1; ; asked++ {
		line, unframed, err := s.askRole(&in)
		if err != nil {
			return nil, nil, false, err
		}
		if isHealthCheck(line) {
			return nil, nil, false, s.tellHealth()
		}
		if s.hello, err = parseRoleLine(line); err == nil {
			known, err := s.acceptRole()
			return known, in.buf, unframed, err
		}
		if err := s.rejectRole(err, asked == protocol.MaxMistakes); err != nil {
			return nil, nil, false, err
		}
	}
}

// askRole sends the prompt and reads a role line.
func (s *session) askRole(in *roleReader) (line string, unframed bool, err error) {
	// With TLS, the first write does the TLS handshake, which reads too.
	if err := s.readUntil(time.Now().Add(s.b.cfg.RoleTimeout)); err != nil {
		return "", false, err
	}
	if _, err := io.WriteString(s.conn, protocol.Prompt); err != nil {
		return "", false, s.cause(err)
	}
	if line, unframed, err = in.next(); err != nil {
		return "", false, s.cause(err)
	}
	return line, unframed, nil
}

// acceptRole checks the token of a role line, and settles the client's name.
func (s *session) acceptRole() (known *digest, err error) {
	if known, err = s.checkToken(); err != nil {
		return nil, err
	}
	s.hello.Token = ""
	s.name = s.hello.Name
	if s.name == "" {
		s.name = s.addr
	}
	return known, s.readUntil(time.Time{})
}

// rejectRole sends the client what is wrong with its role line. The last one that it may get wrong
// is an error, which ends the connection.
func (s *session) rejectRole(wrong error, last bool) error {
	text := s.b.Words(wrong)
	if last {
		return &mistake{text}
	}
	s.b.log.Info("bad role line", "addr", s.addr, "error", text)
	if _, err := io.WriteString(s.conn, protocol.ErrorPrefix+text+"\n"); err != nil {
		return s.cause(err)
	}
	return nil
}

// Words returns the text of an error of the protocol for a client and the log. Where clients need a
// token, it repeats nothing of what was refused, which may hold one.
func (b *Broker) Words(err error) string {
	if b.tokens {
		return protocol.Redact(err)
	}
	return err.Error()
}

// crNUL is what telnet sends for the Enter key in character mode (RFC 854).
const crNUL = "\r\x00"

func parseRoleLine(line string) (protocol.Hello, error) {
	if strings.HasSuffix(line, crNUL) {
		return protocol.Hello{}, errors.New("the role line ends in CR NUL, as telnet's do in character mode, " +
			"expected LF: type \"toggle crlf\" at telnet's own prompt")
	}
	return protocol.ParseHello(line)
}

// checkToken lets the client in, or refuses it, by its token (P18).
func (s *session) checkToken() (known *digest, err error) {
	known, delay, err := s.b.auth.check(s.network, s.hello.Token)
	if known != nil {
		s.b.uncount(s) // before others of its address can push it out
	}
	again := known != nil && s.shown != nil && *known == *s.shown // it has waited for that
	if s.shown = known; delay > 0 && !again {
		select {
		case <-time.After(delay):
		case <-s.ctx.Done():
			return nil, context.Cause(s.ctx)
		}
	}
	if err != nil {
		return nil, err
	}
	for _, word := range append(strings.Split(s.topic(), "."), s.topic(), s.hello.Name, s.hello.Run) {
		if word != "" && s.b.auth.isToken(word) {
			return nil, &mistake{protocol.TokenMisplaced}
		}
	}
	return known, nil
}

// errChecked ends the connection of a health check.
var errChecked = errors.New("a health check")

func isHealthCheck(line string) bool {
	return strings.EqualFold(strings.TrimSpace(line), protocol.HealthCheck)
}

func unhealthy(err error) string { return "unhealthy: " + err.Error() }

// tellHealth answers a health check. The error that it returns ends the connection.
func (s *session) tellHealth() error {
	if err := s.b.Health(s.ctx); err != nil {
		return &mistake{unhealthy(err)}
	}
	io.WriteString(s.conn, protocol.HealthyAnswer(s.b.cfg.Sync)+"\n")
	return errChecked
}

// mayBeHealthCheck reports whether text is a health check, or the beginning of one.
func mayBeHealthCheck(text []byte) bool {
	word := string(bytes.TrimSpace(text))
	return len(word) <= len(protocol.HealthCheck) && strings.EqualFold(word, protocol.HealthCheck[:len(word)])
}

// meet logs the client as connected, once it has shown that it is a client.
func (s *session) meet() {
	if !s.known {
		s.known = true
		s.b.activity.met(s)
	}
}
