package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// What an entry begins with.
const (
	entryMessages = 'm' // messages; or none, where a run goes on behind a line that was rejected
	entryJoined   = 'j'
	entryLeft     = 'l'
)

// appendEntry writes an entry without its position and time.
func appendEntry(b []byte, e *journal.Entry) []byte {
	if v := e.Event; v != nil {
		kind := byte(entryJoined)
		if v.Kind == protocol.Left {
			kind = entryLeft
		}
		b = append(b, kind, byte(v.Role))
		b = appendText(b, v.Name)
		b = appendText(b, v.Topic)
		if v.Kind == protocol.Left {
			b = binary.AppendUvarint(b, v.Lines)
			b = appendText(b, string(v.Reason))
		}
		return b
	}
	b = append(b, entryMessages)
	b = appendText(b, e.From)
	b = appendText(b, e.Topic)
	b = appendText(b, e.Run)
	b = binary.AppendUvarint(b, e.First)
	b = binary.AppendUvarint(b, uint64(e.Count))
	return appendText(b, e.Lines)
}

func appendText[T string | []byte](b []byte, text T) []byte {
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(b, text...)
}

// entryRoom is more than an entry takes in a frame besides its texts, in bytes.
const entryRoom = 64

// entrySize is at least what appendEntry writes, in bytes.
func entrySize(e *journal.Entry) int {
	size := entryRoom + len(e.From) + len(e.Topic) + len(e.Run) + len(e.Lines)
	if e.Event != nil {
		size += len(e.Event.Name) + len(e.Event.Topic)
	}
	return size
}

// parser reads what was written with appendText and the like, up to an error.
type parser struct {
	rest []byte
	err  error
}

var errShort = errors.New("it ends too soon")

func (p *parser) uvarint() uint64 {
	n, size := binary.Uvarint(p.rest)
	if size <= 0 {
		p.rest, p.err = nil, errShort
		return 0
	}
	p.rest = p.rest[size:]
	return n
}

func (p *parser) bytes() []byte {
	n := p.uvarint()
	if n > uint64(len(p.rest)) {
		p.rest, p.err = nil, errShort
		return nil
	}
	text := p.rest[:n:n]
	p.rest = p.rest[n:]
	return text
}

func (p *parser) text() string { return string(p.bytes()) }

func (p *parser) byte() byte {
	if len(p.rest) == 0 {
		p.err = errShort
		return 0
	}
	b := p.rest[0]
	p.rest = p.rest[1:]
	return b
}

// entries returns what a frame holds. Lines are those of its payload.
func (f *frame) entries() (entries []journal.Entry, err error) {
	p, pos := parser{rest: f.payload}, f.pos
	for len(p.rest) > 0 {
		e := p.entry()
		e.Pos, e.Time = pos, f.time
		if e.Event != nil {
			e.Event.Time = f.time
		}
		pos += uint64(e.Count)
		entries = append(entries, e)
	}
	if p.err == nil && pos != f.next() {
		p.err = fmt.Errorf("it holds %d messages, and says %d", pos-f.pos, f.count)
	}
	return entries, p.err
}

func (p *parser) entry() (e journal.Entry) {
	switch kind := p.byte(); kind {
	case entryMessages:
		e = journal.Entry{From: p.text(), Topic: p.text(), Run: p.text(), First: p.uvarint(), Count: int(p.uvarint()), Lines: p.bytes()}
	case entryJoined, entryLeft:
		v := &protocol.Event{Kind: protocol.Joined, Role: protocol.Role(p.byte()), Name: p.text(), Topic: p.text()}
		if kind == entryLeft {
			v.Kind = protocol.Left
			v.Lines, v.Reason = p.uvarint(), protocol.Reason(p.text())
		}
		e.Event = v
	default:
		p.rest, p.err = nil, fmt.Errorf("an entry of the unknown kind %q", kind)
	}
	return e
}

// snapshot is what is known at the beginning of a file.
type snapshot struct {
	id    string // of the journal
	end   int64  // where the frames of the file before end; 0 for none
	dedup *journal.Dedup
}

func (s *snapshot) append(b []byte) []byte {
	b = appendText(b, s.id)
	b = binary.AppendUvarint(b, uint64(s.end))
	s.dedup.Each(func(name, run string, next uint64) {
		b = appendText(b, name)
		b = appendText(b, run)
		b = binary.AppendUvarint(b, next)
	})
	return b
}

func parseSnapshot(f *frame) (s snapshot, err error) {
	p := parser{rest: f.payload}
	s = snapshot{id: p.text(), end: int64(p.uvarint()), dedup: journal.NewDedup(journal.RunsPerName)}
	for len(p.rest) > 0 && p.err == nil {
		s.dedup.Admit(journal.Entry{From: p.text(), Run: p.text(), First: p.uvarint()})
	}
	return s, p.err
}

// clock is the wall clock, kept from running backwards along the order.
func clock(last time.Time) time.Time {
	if now := time.Now().UTC().Round(0); now.After(last) {
		return now
	}
	return last
}
