package main

import (
	"io"
	"log/slog"
	"os"
	"strconv"

	"golang.org/x/term"

	"pubsublab/protocol"
)

// newLog returns the log on standard error, and the queue behind it, which has to be flushed at the
// end.
func (s *serve) newLog() (*slog.Logger, *logQueue) {
	handler := s.logHandler(atTerminal())
	queue := newLogQueue(os.Stderr, handler)
	return slog.New(handler(queue)), queue
}

// atTerminal reports whether the log is read by a person at a terminal.
func atTerminal() bool { return term.IsTerminal(int(os.Stderr.Fd())) }

// logHandler returns what makes records in the format that was asked for.
func (s *serve) logHandler(terminal bool) func(io.Writer) slog.Handler {
	options := &slog.HandlerOptions{Level: s.LogLevel}
	switch {
	case s.LogFormat == "json":
		options.ReplaceAttr = escaped(protocol.Hidden)
		return func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, options) }
	case s.LogFormat == "short" || s.LogFormat == "auto" && terminal:
		colours := terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		return func(w io.Writer) slog.Handler { return newTerminalHandler(w, s.LogLevel, colours) }
	}
	// The handler quotes what strconv takes for not printable, but for 0x7f alone. The rest is what
	// has no picture all the same.
	options.ReplaceAttr = escaped(func(r rune) bool { return protocol.Hidden(r) && (strconv.IsPrint(r) || r == 0x7f) })
	return func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, options) }
}

// escaped makes a handler escape what is hidden in the values of attributes.
func escaped(hidden func(rune) bool) func([]string, slog.Attr) slog.Attr {
	return func(_ []string, a slog.Attr) slog.Attr {
		if kind := a.Value.Kind(); kind == slog.KindString || kind == slog.KindAny {
			a.Value = slog.StringValue(protocol.Escape(a.Value.String(), hidden))
		}
		return a
	}
}
