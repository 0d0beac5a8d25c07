package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"

	"pubsublab/client/internal/terminal"
	"pubsublab/protocol"
)

// console is what the command reads from and writes to.
type console struct {
	in       io.Reader
	text     io.Reader // in, without a byte order mark
	out      io.Writer
	inTerm   bool
	outTerm  bool
	errTerm  bool
	coloured bool               // notices may be
	keys     *terminal.Terminal // of a person; nil where in is none

	mu  sync.Mutex
	err io.Writer // where notices go
}

func newConsole(in io.Reader, out, err io.Writer) *console {
	c := &console{in: in, text: &textReader{Reader: in}, out: out, err: err, inTerm: isTerminal(in), outTerm: isTerminal(out), errTerm: isTerminal(err)}
	c.coloured = c.errTerm && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if !c.inTerm {
		return c
	}
	tty := in.(*os.File)
	screen := io.Writer(tty)
	if c.outTerm {
		screen = out
	} else if c.errTerm {
		screen = err
	}
	c.keys = terminal.Open(tty, screen, 2*protocol.MaxLine, protocol.AppendVisible)
	if c.outTerm {
		c.out = c.keys.Output(out)
	}
	if c.errTerm {
		c.err = c.keys.Output(err)
	}
	return c
}

// close gives the terminal back, if there is one. Notices may still come.
func (c *console) close() {
	if c.keys != nil {
		c.keys.Close()
	}
}

func isTerminal(file any) bool {
	f, ok := file.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// notice prints a line on standard error. It may hold words of others.
func (c *console) notice(format string, args ...any) { c.print(fmt.Sprintf(format, args...), false) }

// aside is a notice that matters less.
func (c *console) aside(format string, args ...any) { c.print(fmt.Sprintf(format, args...), true) }

func (c *console) print(text string, dim bool) {
	line := string(protocol.AppendVisible(nil, []byte(text)))
	if dim && c.coloured {
		line = "\x1b[2m" + line + "\x1b[0m"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	io.WriteString(c.err, line+"\n")
}

// readPiped reads one line of an input that is no terminal, and nothing behind it. It leaves a
// goroutine reading when ctx ends first.
func (c *console) readPiped(ctx context.Context) (string, error) {
	type typed struct {
		line string
		err  error
	}
	got := make(chan typed, 1)
	go func() {
		var line []byte
		b := make([]byte, 1)
		for {
			if n, err := c.text.Read(b); err != nil {
				got <- typed{string(line), err}
				return
			} else if n == 1 && b[0] == '\n' {
				got <- typed{string(line), nil}
				return
			} else {
				line = append(line, b[:n]...)
			}
		}
	}()
	select {
	case t := <-got:
		return t.line, t.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// noticeHandler prints what the library logs as notices.
type noticeHandler struct {
	console *console
	addr    string
}

func (h noticeHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo
}
func (h noticeHandler) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h noticeHandler) WithGroup(string) slog.Handler      { return h }

func (h noticeHandler) Handle(_ context.Context, r slog.Record) error {
	var more []string
	why := ""
	r.Attrs(func(a slog.Attr) bool {
		if err, ok := a.Value.Any().(error); ok {
			why = ": " + explain(err, h.addr)
		} else {
			more = append(more, fmt.Sprintf("%s %v", strings.ReplaceAll(a.Key, "_", " "), a.Value))
		}
		return true
	})
	text := r.Message
	if len(more) > 0 {
		text += " (" + strings.Join(more, ", ") + ")"
	}
	h.console.notice("%s%s", text, why)
	return nil
}
