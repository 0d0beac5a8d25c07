package pubsub

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"pubsublab/protocol"
)

// session is one registered connection.
type session struct {
	net.Conn
	addr    string // HOST:PORT, as it was given
	reader  *bufio.Reader
	welcome protocol.Welcome
}

// bufferedLine returns the next line without its line end, if all of it has been read. It is valid
// until the next call.
func (s *session) bufferedLine() (line []byte, ok bool) {
	data, _ := s.reader.Peek(s.reader.Buffered())
	i := bytes.IndexByte(data, '\n')
	if i < 0 {
		return nil, false
	}
	s.reader.Discard(i + 1)
	return protocol.TrimLine(data[:i+1]), true
}

// readLine waits for the next line. After an error, the part of a line that has been read is kept,
// so that a read deadline does no harm.
func (s *session) readLine() ([]byte, error) {
	for {
		if line, ok := s.bufferedLine(); ok {
			return line, nil
		}
		n := s.reader.Buffered()
		if _, err := s.reader.Peek(n + 1); err == bufio.ErrBufferFull {
			return nil, fmt.Errorf("%w: it sent a line of more than %d bytes", ErrNotAServer, n)
		} else if err != nil {
			return nil, err
		}
	}
}

// register does the handshake (P1, P2, P4); where there is no role, only as far as the prompt.
func (s *session) register(ctx context.Context, hello protocol.Hello) error {
	s.SetDeadline(time.Now().Add(handshakeTimeout))
	stop := context.AfterFunc(ctx, func() { s.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	ask := hello.String()
	if hello.Role == 0 { // any answer will do, of a server
		ask = protocol.HealthCheck
	}
	if _, err := io.WriteString(s, ask+"\n"); err != nil {
		return fmt.Errorf("registering: %w", err)
	}
	line, err := s.readLine()
	if err != nil {
		return fmt.Errorf("registering: %w", err)
	}
	line, prompted := bytes.CutPrefix(line, []byte(protocol.Prompt))
	if hello.Role == 0 && prompted {
		return nil
	}
	if s.welcome, err = protocol.ParseWelcome(string(line)); err != nil {
		if refusal := (*protocol.Refusal)(nil); errors.As(err, &refusal) {
			return err
		}
		return fmt.Errorf("%w: %w", ErrNotAServer, err)
	}
	if s.welcome.Role != hello.Role {
		return fmt.Errorf("%w: asked to be a %s, registered as %s", ErrNotAServer, hello.Role, s.welcome.Role)
	}
	if hello.Name != "" && s.welcome.Name != hello.Name {
		// The role word came alone and the rest of the line 200 ms later, which is how clients
		// speak that know no newlines (P3). It will not be so again.
		return fmt.Errorf("asked to be called %s, registered as %s", hello.Name, s.welcome.Name)
	}
	if !stop() {
		return context.Cause(ctx)
	}
	return s.SetDeadline(time.Time{})
}
