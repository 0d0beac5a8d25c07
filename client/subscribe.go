package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"pubsublab/client/internal/terminal"
	"pubsublab/client/pubsub"
	"pubsublab/protocol"
)

// Why a subscriber leaves, besides signals.
var (
	errLeft       = errors.New("a person wants to")
	errNobodyHere = errors.New("nobody reads the output any more")
)

// subscribe is the command of a subscriber.
func (c *command) subscribe(ctx context.Context) error {
	sinks, output, err := c.outputs()
	if err != nil {
		return err
	}
	if output != nil {
		defer output.Close()
	}
	s, err := pubsub.DialSubscriber(ctx, c.addr, c.config())
	if err != nil {
		return err
	}
	defer s.Close()
	if output != nil {
		if err := empty(output); err != nil {
			return err
		}
	}
	c.welcome(s.Welcome())
	filter, err := c.filter()
	if err != nil {
		return err
	}
	ctx, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	piped, unwatch := c.watchOutput(func() { leave(errNobodyHere) })
	defer unwatch()
	if c.console.keys != nil && !piped { // a pager behind a pipe wants the keys
		go c.awaitTerminate(ctx, leave)
	}
	verifier := pubsub.NewVerifier(filter)
	err = c.receive(ctx, s, verifier, sinks)
	c.console.close() // Ctrl+C ends the program from here on
	s.Close()
	if errors.Is(sinks[0].err, syscall.EPIPE) || context.Cause(ctx) == errNobodyHere {
		return nil // whoever read it has seen enough
	}
	return c.sumUp(verifier, err)
}

// outputs returns the sinks, the screen first, and the open file of --output; nil is none.
func (c *command) outputs() (sinks []*sink, output *os.File, err error) {
	sinks = []*sink{{w: c.console.out, format: c.Format, visible: c.console.outTerm}}
	if c.Output == "" {
		return sinks, nil, nil
	}
	if output, err = openKept(c.Output, os.O_RDWR); err != nil {
		return nil, nil, err
	}
	format := c.Format
	if c.OutputFormat != nil {
		format = *c.OutputFormat
	}
	return append(sinks, &sink{w: output, format: format}), output, nil
}

// watchOutput calls closed once nobody reads a standard output that is a pipe. It reports whether
// that is a pipe, and returns a function that ends the watching.
func (c *command) watchOutput(closed func()) (piped bool, stop func()) {
	file, ok := c.console.out.(*os.File)
	if !ok {
		return false, func() {}
	}
	info, err := file.Stat()
	piped = err == nil && info.Mode()&os.ModeNamedPipe != 0
	return piped, watchPipe(file, closed)
}

// receive prints what comes until it is enough. It returns nil where a flag or a person has asked
// for that end, or else why it ended.
func (c *command) receive(ctx context.Context, s *pubsub.Subscriber, verifier *pubsub.Verifier, sinks []*sink) error {
	items := &absence{items: s, verifier: verifier, timeout: c.PublisherTimeout}
	defer items.stop()
	for {
		item, err := items.next(ctx)
		if err == nil {
			verifier.Add(&item)
			c.tell(&item, s.Welcome().Name, sinks[0])
		}
		enough := err != nil || c.enough(verifier)
		for _, sink := range sinks {
			if err == nil {
				sink.add(&item)
			}
			if enough || !s.Buffered() || sink.full() {
				sink.flush()
			}
			if sink.err != nil {
				return fmt.Errorf("writing what was received: %w", sink.err)
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if enough {
			return err
		}
	}
}

// enough reports whether --count or --publishers is reached. While a publisher is online beyond
// those that are waited for, it is not.
func (c *command) enough(verifier *pubsub.Verifier) bool {
	return c.Count > 0 && verifier.Lines() >= c.Count ||
		c.Publishers > 0 && verifier.Finished() >= c.Publishers && verifier.Online() == 0
}

// awaitTerminate lets a person leave by typing terminate, or by Ctrl+D.
func (c *command) awaitTerminate(ctx context.Context, leave context.CancelCauseFunc) {
	for {
		line, err := c.console.keys.ReadLine(ctx, "")
		if errors.Is(err, terminal.ErrHungUp) { // a signal decides whether that is the end
			return
		}
		if err == io.EOF || strings.TrimSpace(line) == protocol.Terminate {
			leave(errLeft)
			return
		}
		if ctx.Err() != nil {
			return
		}
		c.console.aside("a subscriber only listens; %s", howToEnd)
	}
}

// tell shows a person which other clients come and leave, where the format does not show it. It
// does so below what has been printed before.
func (c *command) tell(item *pubsub.Item, self string, screen *sink) {
	e := item.Event
	if e == nil || !c.console.errTerm || c.Format.Events() || e.Name == self && e.Role == protocol.Subscriber {
		return
	}
	screen.flush()
	role := strings.ToLower(e.Role.String())
	topic := ""
	if e.Topic != "" {
		topic = " #" + e.Topic
	}
	switch e.Kind {
	case protocol.Joined:
		c.console.aside("%s joined as %s%s", e.Name, role, topic)
	case protocol.Left:
		c.console.aside("%s left as %s%s after %s (%s)", e.Name, role, topic, count(e.Lines, "line"), e.Reason)
	}
}

// sumUp prints the summary line. err is why it ended before it was enough.
func (c *command) sumUp(verifier *pubsub.Verifier, err error) error {
	report := verifier.Report()
	wrong := report.Faults
	if err != nil {
		wrong = append(wrong, explain(err, c.addr))
	}
	if c.Count > 0 && report.Lines < c.Count {
		wrong = append(wrong, fmt.Sprintf("ended before line %d", c.Count))
	}
	if c.Publishers > 0 && verifier.Finished() < c.Publishers {
		wrong = append(wrong, fmt.Sprintf("%d of %s finished", verifier.Finished(), count(c.Publishers, "publisher")))
	}
	if len(wrong) == 0 {
		c.console.notice("summary: %v", report)
		return nil
	}
	c.console.notice("summary: %v; wrong: %s", report, strings.Join(wrong, "; "))
	return errSaid
}
