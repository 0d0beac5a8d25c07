package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"strings"

	"pubsublab/client/internal/terminal"
	"pubsublab/client/pubsub"
	"pubsublab/protocol"
)

// errSaid is a failure that the command has already reported.
var errSaid = errors.New("failed")

// errUsage is wrong usage that was found late.
type errUsage struct{ error }

// command is one run of the client.
type command struct {
	*options
	console *console
	tls     *tls.Config // nil for plain text
	token   string
}

// run is the whole command. It returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, exit, ok := parse(args, stdout, stderr)
	if !ok {
		return exit
	}
	c := &command{options: o, console: newConsole(stdin, stdout, stderr)}
	context.AfterFunc(ctx, c.console.close) // a second signal ends the program at once
	err := c.run(ctx)
	c.console.close()
	switch {
	case err == nil:
		return 0
	case errors.As(err, &errUsage{}):
		c.console.notice("client: error: %v", err)
		return 2
	case !errors.Is(err, errSaid):
		c.console.notice("client: %s", explain(err, o.addr))
	}
	return 1
}

func (c *command) run(ctx context.Context) (err error) {
	if c.tls, c.token, err = c.secure(); err != nil {
		return errUsage{err}
	}
	role, err := c.role(ctx)
	if err != nil {
		return err
	}
	if role == protocol.Publisher {
		return c.publish(ctx)
	}
	return c.subscribe(ctx)
}

// role returns the role. If it was not given, it asks for it as the server does (P1, P2).
func (c *command) role(ctx context.Context) (protocol.Role, error) {
	if c.Role != "" {
		return protocol.ParseRole(c.Role)
	}
	if c.console.keys == nil {
		return c.pipedRole(ctx)
	}
	// A person who would wait in vain should not have to answer first.
	if err := pubsub.Reach(ctx, c.addr, c.config()); err != nil {
		return 0, err
	}
	for {
		line, err := c.console.keys.ReadLine(ctx, protocol.Prompt)
		var h protocol.Hello
		switch {
		case err == nil:
			if h, err = protocol.ParseHello(line); err == nil {
				err = c.answer(h)
			}
		case ctx.Err() != nil:
			return 0, err
		case !errors.Is(err, terminal.ErrTooLong) && !errors.Is(err, terminal.ErrCutOff):
			return 0, errors.New("no role chosen")
		}
		if err != nil {
			c.console.notice("error: %v", err)
			continue
		}
		if err := c.check(h.Role); err != nil {
			return 0, errUsage{err}
		}
		return h.Role, nil
	}
}

// answer takes what was answered besides the role. It overrides flags, which were given
// earlier.
func (c *command) answer(h protocol.Hello) error {
	if h.Ack || h.Run != "" {
		return errors.New("ack and run are this client's own matter, expected name, topic, token, from or format")
	}
	c.Name = cmp.Or(h.Name, c.Name)
	c.Topic = cmp.Or(h.Topic, h.Filter.String(), c.Topic)
	c.token = cmp.Or(h.Token, c.token)
	c.From = cmp.Or(h.From, c.From)
	c.Format = cmp.Or(h.Format, c.Format)
	return nil
}

// pipedRole reads the role from a pipe, with what may stand behind it. A program may read the
// output.
func (c *command) pipedRole(ctx context.Context) (protocol.Role, error) {
	io.WriteString(c.console.err, protocol.Prompt)
	line, err := c.console.readPiped(ctx)
	line = strings.TrimSpace(line)
	if err != nil && line == "" {
		io.WriteString(c.console.err, "\n")
		if ctx.Err() != nil {
			return 0, err
		}
		return 0, errUsage{errors.New("no role given: add PUBLISHER or SUBSCRIBER")}
	}
	h, err := protocol.ParseHello(line)
	if err == nil {
		err = c.answer(h)
	}
	if err == nil {
		err = c.check(h.Role)
	}
	if err != nil {
		return 0, errUsage{err}
	}
	return h.Role, nil
}

func (c *command) config() pubsub.Config {
	cfg := pubsub.Config{
		Name: c.Name, Topic: c.Topic, From: c.From, GiveUp: c.Retry, TLS: c.tls, Token: c.token,
		Logger: slog.New(noticeHandler{c.console, c.addr}),
	}
	if c.Retry == 0 {
		cfg.GiveUp = -1
	}
	return cfg
}

func (c *command) welcome(w protocol.Welcome) {
	c.console.notice("registered as %s %s: %s and %s online", w.Role, w.Name, count(w.Publishers, "publisher"), count(w.Subscribers, "subscriber"))
}
