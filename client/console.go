package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// console is what the command reads from and writes to.
type console struct {
	in       io.Reader
	out      io.Writer
	inTerm   bool
	outTerm  bool
	errTerm  bool
	coloured bool // notices may be

	mu  sync.Mutex
	err io.Writer // where notices go; the line editor while there is one
}

func newConsole(in io.Reader, out, err io.Writer) *console {
	c := &console{in: in, out: out, err: err, inTerm: isTerminal(in), outTerm: isTerminal(out), errTerm: isTerminal(err)}
	c.coloured = c.errTerm && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return c
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
	line := string(appendVisible(nil, []byte(text)))
	if dim && c.coloured {
		line = "\x1b[2m" + line + "\x1b[0m"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	io.WriteString(c.err, line+"\n")
}

// divert makes notices go to w, until the returned function is called.
func (c *console) divert(w io.Writer) (restore func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.err
	c.err = w
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.err = before
	}
}

// readLine reads one line that a person types, and nothing behind it. It
// leaves a goroutine reading when ctx ends first.
func (c *console) readLine(ctx context.Context) (string, error) {
	type typed struct {
		line string
		err  error
	}
	got := make(chan typed, 1)
	go func() {
		var line []byte
		b := make([]byte, 1)
		for {
			if n, err := c.in.Read(b); err != nil {
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

// appendVisible appends text with all in it made visible that would drive a
// terminal, or show text in another order than it is in. Tabs stay.
func appendVisible(dst, text []byte) []byte {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == '\t':
			dst = append(dst, '\t')
		case r < ' ' || r == 0x7f || r == utf8.RuneError && n == 1:
			dst = fmt.Appendf(dst, `\x%02x`, text[0])
		case unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp):
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			dst = append(dst, text[:n]...)
		}
		text = text[n:]
	}
	return dst
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
