package protocol

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Message is one message as a subscriber gets it (P13).
type Message struct {
	Pos   uint64
	Time  time.Time
	From  string
	Topic string // "" for none
	Line  string
}

// AppendMessage appends one message in this format and returns the extended slice.
func (f Format) AppendMessage(dst []byte, m *Message) []byte {
	return f.AppendBatch(dst, &Batch{Pos: m.Pos, Time: m.Time, From: m.From, Topic: m.Topic, Lines: append([]byte(m.Line), '\n'), Count: 1})
}

// ParseTSV reads one line of a `tsv` subscriber, without its line end: a message, or an event,
// whose Kind is then not zero (P13).
func ParseTSV(line []byte) (m Message, e Event, err error) {
	if bytes.HasPrefix(line, []byte{'#'}) {
		e, err = parseEvent(string(line))
		return m, e, err
	}
	fields := strings.SplitN(string(line), "\t", 5)
	if len(fields) < 5 {
		return m, e, fmt.Errorf("bad tsv line %s, expected POSITION TIME NAME TOPIC LINE with tabs between", Quoted(string(line)))
	}
	if m.Pos, err = strconv.ParseUint(fields[0], 10, 64); err != nil {
		return m, e, fmt.Errorf("bad position %s in a tsv line, expected a number", Quoted(fields[0]))
	}
	if m.Time, err = parseTime(fields[1]); err != nil {
		return m, e, err
	}
	m.From, m.Topic, m.Line = fields[2], fields[3], fields[4]
	return m, e, nil
}

func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(timeLayout, s)
	if err != nil {
		return t, fmt.Errorf("bad time %s, expected it as in %s", Quoted(s), timeLayout)
	}
	return t, nil
}

func parseEvent(line string) (e Event, err error) {
	fields := strings.Split(line, "\t")
	bad := func(expected string) (Event, error) {
		return Event{}, fmt.Errorf("bad event %s, expected %s", Quoted(line), expected)
	}
	switch {
	case fields[0] == "#gap":
		e.Kind = Gap
		if len(fields) < 2 {
			return bad("#gap N")
		}
		if e.Missing, err = strconv.ParseUint(fields[1], 10, 64); err != nil {
			return bad("a number after #gap")
		}
		return e, nil
	case fields[0] == "#joined" && len(fields) >= 5:
		e.Kind = Joined
	case fields[0] == "#left" && len(fields) >= 7:
		e.Kind = Left
		if e.Lines, err = strconv.ParseUint(fields[5], 10, 64); err != nil {
			return bad("a number of lines")
		}
		e.Reason = Reason(fields[6])
	default:
		return bad("#joined, #left or #gap with their fields")
	}
	if e.Time, err = parseTime(fields[1]); err != nil {
		return Event{}, err
	}
	if e.Role, err = ParseRole(fields[2]); err != nil {
		return Event{}, err
	}
	e.Name, e.Topic = fields[3], fields[4]
	return e, nil
}
