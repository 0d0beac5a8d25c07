package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"pubsublab/client/internal/terminal"
	"pubsublab/protocol"
)

const howToEnd = "terminate, Ctrl+D or Ctrl+C ends"

// typed publishes what a person types, until terminate, Ctrl+D or Ctrl+C.
func (p *publishing) typed(ctx context.Context) error {
	p.console.aside("type lines; %s", howToEnd)
	ctx, cancel := p.untilDone(ctx)
	defer cancel()
	published := make(chan struct{}, 64) // lines to confirm; when it is full, a line is not confirmed
	defer close(published)
	go p.confirm(ctx, published)
	for {
		line, ok := p.nextTyped(ctx)
		if !ok {
			return nil
		}
		if err := p.Publish(ctx, line); err != nil {
			p.input.held = []string{line}
			return err
		}
		p.hint(line)
		select {
		case published <- struct{}{}:
		default:
		}
	}
}

// untilDone returns a context that also ends when the Publisher does.
func (p *publishing) untilDone(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-p.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// confirm prints, for each line published, that the server has acknowledged it.
func (p *publishing) confirm(ctx context.Context, published <-chan struct{}) {
	for range published {
		if p.Flush(ctx) == nil && p.console.outTerm {
			fmt.Fprintln(p.console.out, "message sent")
		}
	}
}

// nextTyped returns the next line that is a message, and reports those that are none. ok is false
// at the end.
func (p *publishing) nextTyped(ctx context.Context) (line string, ok bool) {
	for {
		line, err := p.console.keys.ReadLine(ctx, "> ")
		p.number++
		switch {
		case errors.Is(err, terminal.ErrTooLong):
			err = errTooLong
		case errors.Is(err, terminal.ErrCutOff):
			err = fmt.Errorf("%w: use --script or a pipe", err)
		case err != nil || strings.TrimSpace(line) == protocol.Terminate:
			return "", false
		default:
			p.console.keys.Remember(line)
			if err = protocol.CheckMessage(line); err == nil {
				return line, true
			}
		}
		p.refused.Add(1)
		p.console.notice("line %d not sent: %v", p.number, err)
	}
}

// hint shows a person how to end who may have wanted that. The line is a message all the same.
func (p *publishing) hint(line string) {
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "exit", "quit", protocol.Terminate:
		p.console.aside("%s was published as a message; %s", shorten(line), howToEnd)
	}
}
