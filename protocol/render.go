package protocol

import (
	"bytes"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// Batch is consecutive messages of one publisher (P8, P13).
type Batch struct {
	Pos   uint64    // position of the first message; the others follow it
	Time  time.Time // the broker's clock when it took them in
	From  string    // the publisher's name
	Topic string    // "" for none
	Lines []byte    // Count messages, each followed by LF
	Count int
}

// EventKind is what happened. The zero value is no event.
type EventKind uint8

const (
	Joined EventKind = iota + 1 // a client registered
	Left                        // a registered client is gone
	Gap                         // messages are missing in this place (P12)
)

var eventNames = [...]string{"", "joined", "left", "gap"}

// String returns the kind's word as the protocol spells it.
func (k EventKind) String() string { return eventNames[k] }

// Event is what `tsv` and `json` subscribers get besides messages, in its place in the order (P13).
type Event struct {
	Kind EventKind

	// Of Joined and Left.
	Time  time.Time
	Role  Role
	Name  string
	Topic string // a publisher's topic or a subscriber's filter; "" for none

	// Of Left.
	Lines  uint64 // that it published, or that were delivered to it, on this connection
	Reason Reason

	// Of Gap.
	Missing uint64 // how many messages
}

// Reason is how a client left, in one word of the protocol.
type Reason string

const (
	ReasonTerminate Reason = "terminate" // it said so (P7)
	ReasonEOF       Reason = "eof"       // it closed its side
	ReasonReset     Reason = "reset"     // the connection broke
	ReasonTakeover  Reason = "takeover"  // another connection took its name (P5)
	ReasonStalled   Reason = "stalled"   // it took nothing for too long, or held publishers up (P16)
	ReasonShutdown  Reason = "shutdown"  // the server stops (P17)
)

// timeLayout is RFC 3339 in UTC with microseconds, always of one width.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// AppendTime appends a time as P13 has it.
func AppendTime(dst []byte, t time.Time) []byte { return t.UTC().AppendFormat(dst, timeLayout) }

// AppendBatch appends the messages of b in this format, each with its Terminator, and returns the
// extended slice.
func (f Format) AppendBatch(dst []byte, b *Batch) []byte {
	var room [MaxHead]byte
	if f.Verbatim() {
		head := f.Head(room[:0], b)
		return head.appendLines(slices.Grow(dst, len(b.Lines)+b.Count*(len(head.text)+head.number)), b.Pos, b.Lines)
	}
	head := append(AppendTime(append(room[:0], `,"time":"`...), b.Time), `","from":`...)
	head = append(appendJSON(head, []byte(b.From)), `,"topic":`...)
	head = append(appendJSON(head, []byte(b.Topic)), `,"line":`...)
	end := "}" + f.Terminator()
	pos := b.Pos
	for lines := b.Lines; len(lines) > 0; pos++ {
		i := bytes.IndexByte(lines, '\n')
		if f == SSE {
			dst = append(appendID(dst, pos), "data: "...)
		}
		dst = append(strconv.AppendUint(append(dst, `{"pos":`...), pos, 10), head...)
		dst = append(appendJSON(dst, lines[:i]), end...)
		lines = lines[i+1:]
	}
	return dst
}

// MaxHead is more than what stands before a line of any format, in bytes, without escapes.
const MaxHead = MaxName + MaxTopic + 64

// Head is what stands before each line of a Batch.
type Head struct {
	number int    // the most bytes of a position that comes first; 0 for none
	text   []byte // what is the same for all lines
}

// Verbatim reports whether the format has the lines as they are, but for a CR at the end, each behind
// a Head.
func (f Format) Verbatim() bool { return f <= TSV }

// Head returns what stands before the lines of b in a format that is Verbatim. It is appended to
// room, as far as it is the same for all.
func (f Format) Head(room []byte, b *Batch) Head {
	if f == TSV {
		room = append(AppendTime(append(room, '\t'), b.Time), '\t')
		return Head{len("18446744073709551615"), append(append(append(append(room, b.From...), '\t'), b.Topic...), '\t')}
	}
	room = append(room, '[')
	if f == Stamped {
		room = append(AppendTime(room, b.Time), ' ')
	}
	room = append(append(room, "FROM "...), b.From...)
	if b.Topic != "" {
		room = append(append(room, " #"...), b.Topic...)
	}
	return Head{0, append(room, "] : "...)}
}

// Append appends what stands before the line at a position.
func (h *Head) Append(dst []byte, pos uint64) []byte {
	if h.number > 0 {
		dst = strconv.AppendUint(dst, pos, 10)
	}
	return append(dst, h.text...)
}

func (h *Head) appendLines(dst []byte, pos uint64, lines []byte) []byte {
	for ; len(lines) > 0; pos++ {
		i := bytes.IndexByte(lines, '\n')
		dst = appendLine(h.Append(dst, pos), lines[:i+1])
		lines = lines[i+1:]
	}
	return dst
}

// appendLine appends a message and its LF, doubling a CR at its end because readers drop one.
func appendLine(dst, line []byte) []byte {
	if n := len(line); n > 1 && line[n-2] == '\r' {
		return append(append(dst, line[:n-1]...), "\r\n"...)
	}
	return append(dst, line...)
}

// AppendEvent appends an event in this format, with its Terminator: nothing in Plain and Stamped, but
// for a Gap.
func (f Format) AppendEvent(dst []byte, e *Event) []byte {
	switch {
	case f == JSON:
		return e.appendJSON(dst)
	case f == SSE:
		dst = append(append(append(dst, "event: "...), e.Kind.String()...), "\ndata: "...)
		return append(e.appendJSON(dst), '\n')
	case f == TSV:
		return e.appendTSV(dst)
	case e.Kind == Gap:
		dst = append(dst, "[GAP "...)
		return append(strconv.AppendUint(dst, e.Missing, 10), "]\n"...)
	}
	return dst
}

func (e *Event) appendTSV(dst []byte) []byte {
	dst = append(append(append(dst, '#'), e.Kind.String()...), '\t')
	if e.Kind == Gap {
		return append(strconv.AppendUint(dst, e.Missing, 10), '\n')
	}
	dst = append(AppendTime(dst, e.Time), '\t')
	dst = append(append(dst, e.Role.String()...), '\t')
	dst = append(append(append(dst, e.Name...), '\t'), e.Topic...)
	if e.Kind == Left {
		dst = strconv.AppendUint(append(dst, '\t'), e.Lines, 10)
		dst = append(append(dst, '\t'), e.Reason...)
	}
	return append(dst, '\n')
}

func (e *Event) appendJSON(dst []byte) []byte {
	dst = append(append(append(dst, `{"event":"`...), e.Kind.String()...), '"')
	if e.Kind == Gap {
		return append(strconv.AppendUint(append(dst, `,"missing":`...), e.Missing, 10), "}\n"...)
	}
	dst = append(AppendTime(append(dst, `,"time":"`...), e.Time), `","role":"`...)
	dst = append(append(dst, e.Role.String()...), `","name":`...)
	dst = append(appendJSON(dst, []byte(e.Name)), `,"topic":`...)
	dst = appendJSON(dst, []byte(e.Topic))
	if e.Kind == Left {
		dst = strconv.AppendUint(append(dst, `,"lines":`...), e.Lines, 10)
		dst = append(append(append(dst, `,"reason":"`...), e.Reason...), '"')
	}
	return append(dst, "}\n"...)
}

// appendJSON appends valid UTF-8 as a JSON string. encoding/json would allocate for each line, and
// this is the path of every line.
func appendJSON(dst, s []byte) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf || c >= ' ' && c != '"' && c != '\\' && c != 0x7f {
			i++
			continue
		}
		dst = append(dst, s[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\t':
			dst = append(dst, `\t`...)
		case '\r':
			dst = append(dst, `\r`...)
		default:
			const hex = "0123456789abcdef"
			dst = append(dst, `\u00`...)
			dst = append(dst, hex[c>>4], hex[c&15])
		}
		i++
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}
