package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"pubsublab/protocol"
)

// typed publishes what a person types, until terminate, Ctrl+D or Ctrl+C.
func (p *publishing) typed(ctx context.Context) error {
	in := p.console.in.(*os.File)
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return fmt.Errorf("preparing the terminal: %w", err)
	}
	defer term.Restore(int(in.Fd()), before)
	editor := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, p.console.out}, "> ")
	if p.console.errTerm {
		defer p.console.divert(editor)()
	}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	published := make(chan struct{}, 64) // a few that are not acknowledged yet; more than that are not told of
	defer close(published)
	go func() {
		for range published {
			if p.Flush(ctx) == nil {
				io.WriteString(editor, "message sent\n")
			}
		}
	}()
	lines := make(chan string)
	go func() { // left behind, reading, where it is not the person who ends it
		defer close(lines)
		for {
			if width, height, err := term.GetSize(int(in.Fd())); err == nil && width > 0 {
				editor.SetSize(width, height)
			}
			line, err := editor.ReadLine()
			if err == nil && strings.TrimSpace(line) == protocol.Terminate {
				return
			} else if err != nil { // Ctrl+D, Ctrl+C
				io.WriteString(p.console.out, "\r\n") // leave the prompt's line
				return
			}
			select {
			case lines <- line:
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				return nil
			}
			if err := p.Publish(ctx, line); err != nil {
				p.input.held = []string{line}
				return err
			}
			select {
			case published <- struct{}{}:
			default:
			}
		case <-p.Done():
			io.WriteString(p.console.out, "\r\n")
			return nil
		case <-ctx.Done():
			io.WriteString(p.console.out, "\r\n")
			return nil
		}
	}
}
