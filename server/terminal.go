package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"

	"pubsublab/protocol"
)

// terminalHandler shows records to a person at a terminal: one short line each, in columns, with
// the local time.
//
//	10:15:04  client connected  127.0.0.1:51234               1 client
//	10:15:06  publisher added   ada (127.0.0.1:51240) #sea    1 publisher, 1 subscriber
//	10:15:07  published         [FROM ada #sea] : The fog is lifting.
type terminalHandler struct {
	level   slog.Level
	colours bool
	attrs   []slog.Attr // of With

	mu  *sync.Mutex // guards out, also of the handlers that With makes
	out io.Writer
}

func newTerminalHandler(out io.Writer, level slog.Level, colours bool) *terminalHandler {
	return &terminalHandler{out: out, level: level, colours: colours, mu: new(sync.Mutex)}
}

// Enabled implements [slog.Handler].
func (h *terminalHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

// WithAttrs implements [slog.Handler].
func (h *terminalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attrs = slices.Concat(h.attrs, attrs)
	return &with
}

// WithGroup implements [slog.Handler]. A person needs no groups.
func (h *terminalHandler) WithGroup(string) slog.Handler { return h }

// The columns of what is no published line.
const (
	messageWidth = 16 // "client connected"
	whoWidth     = 24 // "127.0.0.1:51240", and a name
)

// Handle implements [slog.Handler].
func (h *terminalHandler) Handle(_ context.Context, r slog.Record) error {
	var p parts
	for _, a := range h.attrs {
		p.add(a)
	}
	r.Attrs(func(a slog.Attr) bool {
		p.add(a)
		return true
	})
	text := h.paint(dim, r.Time.Local().Format("15:04:05")) + "  " +
		h.paint(colourOf(r), fmt.Sprintf("%-*s", messageWidth, protocol.Visible(r.Message)))
	if rest := p.text(); rest != "" {
		text += "  " + rest
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.out, strings.TrimRight(text, " ")+"\n")
	return err
}

// parts is what the attributes of a record say, in the order in which a person wants to know it.
type parts struct {
	from, line, name, addr, topic string
	published                     bool
	counts, more                  []string
}

func (p *parts) add(a slog.Attr) {
	value := protocol.Visible(a.Value.Resolve().String())
	switch a.Key {
	case "line":
		p.line, p.published = value, true
	case "from":
		p.from = value
	case "addr":
		p.addr = value
	case "name":
		p.name = value
	case "topic":
		p.topic = " #" + value
	case "clients", "publishers", "subscribers":
		p.counts = append(p.counts, number(value, a.Key))
	case "lines", "records":
		p.more = append(p.more, number(value, a.Key))
	case "reason", "error":
		p.more = append(p.more, value)
	default:
		if strings.Contains(value, " ") {
			value = strconv.Quote(value)
		}
		p.more = append(p.more, a.Key+"="+value)
	}
}

// number returns value with its noun, whose plural is given.
func number(value, plural string) string {
	if value == "1" {
		plural = strings.TrimSuffix(plural, "s")
	}
	return value + " " + plural
}

func (p *parts) text() string {
	if p.published {
		return "[FROM " + p.from + p.topic + "] : " + p.line
	}
	who := p.addr
	if p.name != "" {
		who = p.name + " (" + p.addr + ")"
	}
	who += p.topic
	columns := []string{}
	if who != "" {
		columns = append(columns, fmt.Sprintf("%-*s", whoWidth, who))
	}
	for _, column := range [][]string{p.counts, p.more} {
		if len(column) > 0 {
			columns = append(columns, strings.Join(column, ", "))
		}
	}
	return strings.Join(columns, "  ")
}

// Escape sequences of colours that can be read on black and on white.
const (
	dim    = "2"
	red    = "1;31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func colourOf(r slog.Record) string {
	switch {
	case r.Level >= slog.LevelError:
		return red
	case r.Level >= slog.LevelWarn:
		return yellow
	case r.Level < slog.LevelInfo, strings.Contains(r.Message, " left"):
		return dim
	case strings.HasPrefix(r.Message, "publish"):
		return cyan
	case strings.HasPrefix(r.Message, "subscriber"):
		return green
	}
	return ""
}

func (h *terminalHandler) paint(colour, text string) string {
	if !h.colours || colour == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}
