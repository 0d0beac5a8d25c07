package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

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
	screen := &sink{w: c.console.out, format: c.Format, visible: c.console.outTerm}
	sinks := []*sink{screen}
	if c.Output != "" {
		file, err := os.Create(c.Output)
		if err != nil {
			return err
		}
		defer file.Close()
		sinks = append(sinks, &sink{w: file, format: c.Format})
	}
	s, err := pubsub.DialSubscriber(ctx, c.addr, c.config())
	if err != nil {
		return err
	}
	defer s.Close()
	c.welcome(s.Welcome())
	filter, err := c.filter()
	if err != nil {
		return err
	}
	ctx, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	if c.console.inTerm {
		go c.awaitTerminate(ctx, leave)
	}
	if file, ok := c.console.out.(*os.File); ok {
		defer watchPipe(file, func() { leave(errNobodyHere) })()
	}
	tally := pubsub.NewTally(filter)
	err = c.receive(ctx, s, tally, sinks)
	s.Close()
	if errors.Is(screen.err, syscall.EPIPE) || context.Cause(ctx) == errNobodyHere {
		return nil // whoever read it has seen enough
	}
	return c.sumUp(tally, err)
}

// receive prints what comes until it is enough. It returns nil when that was
// asked for, by a flag or a person, else why it ended.
func (c *command) receive(ctx context.Context, s *pubsub.Subscriber, tally *pubsub.Tally, sinks []*sink) error {
	for {
		item, err := s.Next(ctx)
		if err == nil {
			tally.Add(&item)
			c.tell(&item, s.Welcome().Name)
		}
		enough := err != nil || c.enough(tally)
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

// enough tells whether --count or --publishers is reached. A publisher that
// joined besides those waited for is not cut short.
func (c *command) enough(tally *pubsub.Tally) bool {
	return c.Count > 0 && tally.Lines() >= c.Count ||
		c.Publishers > 0 && tally.Finished() >= c.Publishers && tally.Online() == 0
}

// awaitTerminate lets a person leave by typing so, or by Ctrl+D.
func (c *command) awaitTerminate(ctx context.Context, leave context.CancelCauseFunc) {
	for {
		line, err := c.console.readLine(ctx)
		if err != nil || strings.TrimSpace(line) == protocol.Terminate {
			leave(errLeft)
			return
		}
		c.console.aside("a subscriber only listens: type terminate, or press Ctrl+D, to leave")
	}
}

// tell shows a person who else comes and goes, where the format does not.
func (c *command) tell(item *pubsub.Item, self string) {
	e := item.Event
	if e == nil || !c.console.errTerm || c.Format.Events() || e.Name == self && e.Role == protocol.Subscriber {
		return
	}
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
func (c *command) sumUp(tally *pubsub.Tally, err error) error {
	report := tally.Report()
	wrong := report.Faults
	if err != nil {
		wrong = append(wrong, explain(err, c.addr))
	}
	if c.Count > 0 && report.Lines < c.Count {
		wrong = append(wrong, fmt.Sprintf("ended before line %d", c.Count))
	}
	if c.Publishers > 0 && tally.Finished() < c.Publishers {
		wrong = append(wrong, fmt.Sprintf("%d of %s finished", tally.Finished(), count(c.Publishers, "publisher")))
	}
	if len(wrong) == 0 {
		c.console.notice("summary: %v", report)
		return nil
	}
	c.console.notice("summary: %v; wrong: %s", report, strings.Join(wrong, "; "))
	return errSaid
}

// sink prints items in a format, whole lines at a time.
type sink struct {
	w       io.Writer
	format  protocol.Format
	visible bool // make visible what would drive a terminal

	buf  []byte
	line []byte
	err  error
}

func (s *sink) add(item *pubsub.Item) {
	to := &s.buf
	if s.visible {
		s.line = s.line[:0]
		to = &s.line
	}
	if item.Event != nil {
		*to = s.format.AppendEvent(*to, item.Event)
	} else {
		*to = s.format.AppendMessage(*to, &item.Message)
	}
	if s.visible && len(s.line) > 0 {
		s.buf = append(appendVisible(s.buf, s.line[:len(s.line)-1]), '\n')
	}
}

// full tells whether it is time to flush even if more is to come.
func (s *sink) full() bool { return len(s.buf) >= 64<<10 }

func (s *sink) flush() {
	if len(s.buf) > 0 && s.err == nil {
		_, s.err = s.w.Write(s.buf)
	}
	s.buf = s.buf[:0]
}
