package schedule

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"

	"pubsublab/client/pubsub"
	"pubsublab/lab/history"
	"pubsublab/protocol"
)

// subscribe receives with the Go client until add wants no more.
func (s *Subscriber) subscribe(ctx context.Context, addr string, secure *tls.Config, registered func(), add func(history.Message) bool) error {
	cfg := pubsub.Config{Topic: s.Filter, TLS: secure, GiveUp: never}
	var err error
	if cfg.From, err = protocol.ParseFrom(s.From); err != nil {
		return err
	}
	if s.Named {
		cfg.Name = s.Name
	}
	c, err := pubsub.DialSubscriber(ctx, addr, cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	registered()
	filter, _ := protocol.ParseFilter("")
	if s.Filter != "" {
		if filter, err = protocol.ParseFilter(s.Filter); err != nil {
			return err
		}
	}
	verifier := pubsub.NewVerifier(filter)
	gaps := false
	for more := true; more; {
		item, err := c.Next(ctx)
		if err != nil {
			return err
		}
		verifier.Add(&item)
		switch e := item.Event; {
		case e == nil:
			more = add(history.Message{Pos: item.Pos, From: item.From, Topic: item.Topic, Line: item.Line})
		case e.Kind == protocol.Gap && e.Missing == 0:
			gaps = true
			add(endOfOrder)
		case e.Kind == protocol.Gap:
			gaps = true
			add(history.Message{Gap: int(e.Missing)})
		}
	}
	if report := verifier.Report(); !report.OK() && !gaps {
		return fmt.Errorf("its own verifier reports %s: %q", report, report.Faults)
	}
	return nil
}

// halfCloser is a connection that can end its input.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// dialRaw connects and registers with nothing but a socket.
func dialRaw(ctx context.Context, addr string, secure *tls.Config, hello string) (halfCloser, *bufio.Reader, error) {
	dial := (&net.Dialer{}).DialContext
	if secure != nil {
		dial = (&tls.Dialer{Config: secure}).DialContext
	}
	dialed, err := dial(ctx, "tcp", addr)
	if err != nil {
		return nil, nil, err
	}
	conn := dialed.(halfCloser)
	conn.SetDeadline(until(ctx))
	reader := bufio.NewReaderSize(conn, 1<<18)
	if _, err = io.WriteString(conn, hello+"\n"); err == nil {
		var line string
		if line, err = reader.ReadString('\n'); err == nil && !strings.HasPrefix(line, protocol.Prompt+"registered as ") {
			err = fmt.Errorf("answered %q", line)
		}
	}
	if err != nil {
		conn.Close()
		return nil, nil, fmt.Errorf("registering: %w", err)
	}
	return conn, reader, nil
}

// publishRaw sends everything, with no acknowledgement but that the broker
// closes at the end.
func (p *Publisher) publishRaw(ctx context.Context, addr string, secure *tls.Config) error {
	hello := "PUBLISHER name=" + p.Name
	if p.Topic != "" {
		hello += " topic=" + p.Topic
	}
	conn, reader, err := dialRaw(ctx, addr, secure, hello)
	if err != nil {
		return err
	}
	defer conn.Close()
	var text []byte
	for _, line := range p.Lines {
		text = protocol.AppendLine(text, line)
	}
	if !p.Torn {
		text = append(text, protocol.Terminate...)
		text = append(text, '\n')
	} else if last := p.Lines[len(p.Lines)-1]; last != "" {
		text = text[:len(text)-1] // the end of the input ends the last line, too
	}
	if _, err := conn.Write(text); err != nil {
		return err
	}
	if p.Torn {
		if err := conn.CloseWrite(); err != nil {
			return err
		}
	}
	rest, err := io.ReadAll(reader)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("was told %q", rest)
	}
	return err
}

// subscribeRaw receives with nothing but a socket until add wants no more.
func (s *Subscriber) subscribeRaw(ctx context.Context, addr string, secure *tls.Config, registered func(), add func(history.Message) bool) error {
	hello := "SUBSCRIBER format=" + s.Format + " from=" + s.From
	if s.Named {
		hello += " name=" + s.Name
	}
	if s.Filter != "" {
		hello += " topic=" + s.Filter
	}
	conn, reader, err := dialRaw(ctx, addr, secure, hello)
	if err != nil {
		return err
	}
	defer conn.Close()
	registered()
	for more := true; more; {
		line, err := reader.ReadString('\n')
		if err != nil {
			return err
		}
		transcript, err := history.Read(strings.NewReader(line), history.Format(s.Format))
		if err != nil {
			return err
		}
		for _, m := range transcript.Messages {
			more = add(m)
		}
	}
	if _, err := io.WriteString(conn, protocol.Terminate+"\n"); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, reader)
	return err
}
