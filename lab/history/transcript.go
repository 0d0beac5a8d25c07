package history

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Format is how a subscriber asked for its messages (P13).
type Format string

// The formats of P13, by the names that they have on a role line.
const (
	Plain   Format = "plain"
	Stamped Format = "stamped"
	TSV     Format = "tsv"
	JSON    Format = "json"
)

// parsers read one line, by the format.
var parsers = map[Format]func(*Transcript, string) error{
	Plain:   (*Transcript).plain,
	Stamped: (*Transcript).stamped,
	TSV:     (*Transcript).tsv,
	JSON:    (*Transcript).json,
}

// maxLine bounds a line of a transcript, in bytes: a message of 65,536 bytes (P6), escaped as JSON,
// with room to spare.
const maxLine = 1 << 20

// Transcript is what one subscriber wrote down. Times of events are checked for their form and not
// kept.
type Transcript struct {
	Messages []Message // messages and gaps, in order of arrival
	Events   []Event   // tsv and json only (P13), in order of arrival
}

// Event is a publisher or subscriber that joined or left.
type Event struct {
	Kind   string // "joined" or "left"
	Role   string // "PUBLISHER" or "SUBSCRIBER"
	Name   string
	Lines  int    // of "left": how many lines it published, or were delivered to it
	Reason string // of "left": in a word, such as terminate or reset
}

// Parse reads one line of a transcript, without its line feed. It is a message or a gap, or, where
// the result says so, an event.
func Parse(line string, format Format) (m Message, event bool, err error) {
	var t Transcript
	if err := parsers[format](&t, strings.TrimSuffix(line, "\r")); err != nil {
		return Message{}, false, err
	}
	if len(t.Messages) == 0 {
		return Message{}, true, nil
	}
	return t.Messages[0], false, nil
}

// Read reads a transcript to its end. An error names the line, counted from 1, and what was
// expected there; what was read before it is returned with it. A last line with no line feed is
// [io.ErrUnexpectedEOF], which is what a killed subscriber leaves behind: the caller decides
// whether that is a fault. The line feed and one carriage return before it are not part of a line.
// A line over 1 MiB is an error. Any number of goroutines may call it, with a reader each.
func Read(r io.Reader, format Format) (Transcript, error) {
	var t Transcript
	parse, ok := parsers[format]
	if !ok {
		return t, fmt.Errorf("format %q: expected plain, stamped, tsv or json", format)
	}
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, maxLine+1)
	torn := false
	scanner.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		n, line, err := bufio.ScanLines(data, atEOF)
		torn = n > 0 && data[n-1] != '\n'
		return n, line, err
	})
	n := 1
	for ; scanner.Scan(); n++ {
		if torn {
			return t, fmt.Errorf("line %d: ends without a line feed: %w", n, cmp.Or(scanner.Err(), io.ErrUnexpectedEOF))
		}
		if err := parse(&t, scanner.Text()); err != nil {
			return t, fmt.Errorf("line %d: %w", n, err)
		}
	}
	switch err := scanner.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return t, fmt.Errorf("line %d: more than %d bytes without a line feed", n, maxLine)
	case err != nil:
		return t, fmt.Errorf("line %d: %w", n, err)
	}
	return t, nil
}

// Neither a name nor a topic holds a space, so the first one that ends in a bracket ends them both,
// whatever the line holds, and whatever brackets an IPv6 address holds.
var (
	plainLine   = regexp.MustCompile(`^\[()FROM ([^ ]+?)(?: #([^ ]+?))?\] : (.*)$`)
	stampedLine = regexp.MustCompile(`^\[(.*?) FROM ([^ ]+?)(?: #([^ ]+?))?\] : (.*)$`)
	gapLine     = regexp.MustCompile(`^\[GAP (.*)\]$`)
)

// plain reads a line of P8, or a gap.
func (t *Transcript) plain(line string) error {
	return t.from(plainLine.FindStringSubmatch(line), 0, line, "expected [FROM NAME] : LINE, [FROM NAME #TOPIC] : LINE or [GAP n]")
}

// stamped reads a line of plain with the time in it.
func (t *Transcript) stamped(line string) error {
	fields := stampedLine.FindStringSubmatch(line)
	var at int64
	if fields != nil {
		var err error
		if at, err = micros(fields[1]); err != nil {
			return err
		}
	}
	return t.from(fields, at, line, "expected [TIME FROM NAME] : LINE, [TIME FROM NAME #TOPIC] : LINE or [GAP n]")
}

func (t *Transcript) from(fields []string, at int64, line, expected string) error {
	if gap := gapLine.FindStringSubmatch(line); gap != nil {
		return t.gap(gap[1])
	}
	if fields == nil {
		return malformed(line, expected)
	}
	t.Messages = append(t.Messages, Message{From: fields[2], Topic: fields[3], Line: fields[4], Time: at})
	return nil
}

// tsv reads POSITION, TIME, NAME, TOPIC and LINE, which may hold tabs itself, or an event.
func (t *Transcript) tsv(line string) error {
	if strings.HasPrefix(line, "#") {
		return t.tsvEvent(line)
	}
	fields := strings.SplitN(line, "\t", 5)
	if len(fields) != 5 || fields[2] == "" {
		return malformed(line, "expected POSITION, TIME, NAME, TOPIC and LINE with tabs between, or an event")
	}
	pos, err := strconv.ParseUint(fields[0], 10, 64)
	if err != nil || pos == 0 {
		return malformed(fields[0], "expected a position, from 1")
	}
	at, err := micros(fields[1])
	if err != nil {
		return err
	}
	t.Messages = append(t.Messages, Message{Pos: pos, From: fields[2], Topic: fields[3], Line: fields[4], Time: at})
	return nil
}

func (t *Transcript) tsvEvent(line string) error {
	fields := strings.Split(line, "\t")
	switch {
	case fields[0] == "#gap" && len(fields) == 2:
		return t.gap(fields[1])
	case fields[0] == "#joined" && len(fields) == 5:
		return t.event(Event{Kind: "joined", Role: fields[2], Name: fields[3]}, fields[1])
	case fields[0] == "#left" && len(fields) == 7:
		n, err := strconv.Atoi(fields[5])
		if err != nil || n < 0 {
			return malformed(fields[5], "expected a number of lines")
		}
		return t.event(Event{Kind: "left", Role: fields[2], Name: fields[3], Lines: n, Reason: fields[6]}, fields[1])
	}
	return malformed(line, "expected #joined TIME ROLE NAME TOPIC, #left TIME ROLE NAME TOPIC LINES REASON or #gap N with tabs between")
}

// json reads an object: a message, or an event.
func (t *Transcript) json(line string) error {
	const expected = "expected an object with pos, time, from, topic and line, or with event"
	var o struct {
		Pos                                   uint64
		Time, From, Topic, Role, Name, Reason string
		Line                                  *string
		Event                                 string
		Lines                                 int
		Missing                               *int
	}
	if !utf8.ValidString(line) {
		return malformed(line, "expected UTF-8")
	}
	if err := json.Unmarshal([]byte(line), &o); err != nil {
		return fmt.Errorf("%w: %s", malformed(line, expected), err)
	}
	switch {
	case o.Event == "gap" && o.Missing != nil:
		return t.gap(strconv.Itoa(*o.Missing))
	case o.Event == "joined", o.Event == "left" && o.Lines >= 0:
		return t.event(Event{Kind: o.Event, Role: o.Role, Name: o.Name, Lines: o.Lines, Reason: o.Reason}, o.Time)
	case o.Event != "":
		return malformed(line, "expected the event joined, left (with lines) or gap (with missing)")
	case o.Pos == 0 || o.From == "" || o.Line == nil:
		return malformed(line, expected)
	}
	at, err := micros(o.Time)
	if err != nil {
		return err
	}
	t.Messages = append(t.Messages, Message{Pos: o.Pos, From: o.From, Topic: o.Topic, Line: *o.Line, Time: at})
	return nil
}

func (t *Transcript) gap(n string) error {
	missing, err := strconv.Atoi(n)
	if err != nil || missing < 0 {
		return malformed(n, "expected how many messages are missing, or 0 where nobody knows")
	}
	if missing == 0 {
		missing = Unknown
	}
	t.Messages = append(t.Messages, Message{Gap: missing})
	return nil
}

func (t *Transcript) event(e Event, stamp string) error {
	if e.Role != "PUBLISHER" && e.Role != "SUBSCRIBER" {
		return malformed(e.Role, "expected the role PUBLISHER or SUBSCRIBER")
	}
	if e.Name == "" {
		return malformed(e.Name, "expected the name of who joined or left")
	}
	if _, err := micros(stamp); err != nil {
		return err
	}
	t.Events = append(t.Events, e)
	return nil
}

// micros reads a time, in microseconds since 1970.
func micros(stamp string) (int64, error) {
	const layout = "2006-01-02T15:04:05.000000Z"
	at, err := time.Parse(layout, stamp)
	if err != nil {
		return 0, malformed(stamp, "expected a time like 2026-11-22T10:15:04.123456Z")
	}
	return at.UnixMicro(), nil
}

func malformed(got, expected string) error { return fmt.Errorf("%s, got %s", expected, quote(got)) }

// Digest is the SHA-256 in hexadecimal digits of the received messages as a plain subscriber gets
// them (P8): what sha256sum says of a plain transcript. A line that ends in a carriage return has
// one more before its line feed.
func Digest(received []Message) string {
	sum := sha256.New()
	var buf []byte
	for _, m := range received {
		buf = appendPlain(buf[:0], m)
		sum.Write(buf)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func appendPlain(b []byte, m Message) []byte {
	if m.Gap != 0 {
		b = append(b, "[GAP "...)
		b = strconv.AppendInt(b, int64(max(0, m.Gap)), 10)
		return append(b, "]\n"...)
	}
	b = append(append(b, "[FROM "...), m.From...)
	if m.Topic != "" {
		b = append(append(b, " #"...), m.Topic...)
	}
	b = append(append(b, "] : "...), m.Line...)
	if strings.HasSuffix(m.Line, "\r") {
		b = append(b, '\r')
	}
	return append(b, '\n')
}
