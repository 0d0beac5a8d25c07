package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"strings"

	"pubsublab/client/pubsub"
	"pubsublab/protocol"
)

// errSaid is a failure that the command has told of already.
var errSaid = errors.New("failed")

// errUsage is wrong usage that showed late.
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
	err := c.run(ctx)
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

// role returns the role, asking for it the way the server does (P1, P2) if it
// was not given.
func (c *command) role(ctx context.Context) (protocol.Role, error) {
	if c.Role != "" {
		return protocol.ParseRole(c.Role)
	}
	out := c.console.out
	if !c.console.inTerm {
		out = c.console.err // a program may read the output
	}
	for {
		io.WriteString(out, protocol.Prompt)
		line, err := c.console.readLine(ctx)
		line = strings.TrimSpace(line)
		if err != nil && line == "" {
			io.WriteString(out, "\n")
			if c.console.inTerm {
				return 0, errors.New("no role chosen")
			}
			return 0, errUsage{errors.New("no role given: add PUBLISHER or SUBSCRIBER")}
		}
		role, err := protocol.ParseRole(line)
		if err == nil {
			if err := c.check(role); err != nil {
				return 0, errUsage{err}
			}
			return role, nil
		}
		if !c.console.inTerm {
			return 0, errUsage{err}
		}
		c.console.notice("error: %v", err)
	}
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
