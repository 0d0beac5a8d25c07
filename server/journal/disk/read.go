package disk

import (
	"fmt"
	"os"
	"time"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// Summary is what there is in a journal.
type Summary struct {
	ID          string
	Files       int
	Bytes       int64  // of all files
	First, Next uint64 // the position of the oldest message kept, and of the next one to come
	From, To    time.Time
	Messages    uint64 // that can be read
	Runs        int    // of publishers, that can be resumed (P15)
	Unfinished  int64  // bytes at the end that a crash, or a broker that writes just now, has left there
}

// Read reads all there is in the folder of a journal, and changes nothing: a broker may use it, and
// it may be read-only. take is called with each entry from a position on, and with a gap for the
// messages that are missing; nil takes nothing. From position 0 on, it is called with what is known
// of publishers' runs, too: entries without lines. damaged is called for each place that cannot be
// read. An error of either ends it.
func Read(dir string, from uint64, take func(*journal.Entry) error, damaged func(*DamageError) error) (s Summary, err error) {
	if _, err := os.Stat(dir); err != nil {
		return s, err
	}
	fs := folder{dir}
	numbers, _, err := fileNumbers(fs)
	if err != nil {
		return s, err
	}
	if len(numbers) == 0 {
		return s, fmt.Errorf("there is no journal in %s", dir)
	}
	files, err := listSegments(fs, numbers)
	if err != nil {
		return s, err
	}
	dedup := journal.NewDedup(journal.RunsPerName)
	c := &contents{fs: fs, files: files, damage: damaged}
	c.frame = func(f *segment, fr *frame) (err error) {
		if s.From.IsZero() {
			s.First, s.From = fr.pos, fr.time
			s.Next = fr.pos
		}
		if missing := fr.pos - max(s.Next, min(from, fr.pos)); missing > 0 && take != nil {
			err = take(&journal.Entry{Pos: fr.pos, Event: &protocol.Event{Kind: protocol.Gap, Missing: missing}})
		}
		s.Next, s.To = fr.next(), fr.time
		s.Messages += uint64(fr.count)
		if err != nil {
			return err
		}
		if fr.kind == kindSnapshot {
			known, err := parseSnapshot(fr)
			if s.ID == "" && from == 0 && take != nil && err == nil {
				known.dedup.Each(func(name, run string, next uint64) {
					if err == nil {
						err = take(&journal.Entry{Pos: fr.pos, Time: fr.time, From: name, Run: run, First: next})
					}
				})
			}
			s.ID, dedup = known.id, known.dedup
			return err
		}
		entries, err := fr.entries()
		for i := range entries {
			if err == nil {
				err = pass(&entries[i], dedup, from, take)
			}
		}
		if err != nil {
			err = fmt.Errorf("%s at offset %d: %w", fileName(f.number), fr.off, err)
		}
		return err
	}
	err = c.read()
	dedup.Each(func(string, string, uint64) { s.Runs++ })
	for _, f := range files {
		s.Bytes += f.size
	}
	s.Files, s.Unfinished = len(files), c.torn
	return s, err
}

// Hold keeps brokers away from the folder of a journal, until the function returned is called.
func Hold(dir string) (release func(), err error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	_, release, err = openFolder(dir, 0, nil)
	return release, err
}

func pass(e *journal.Entry, dedup *journal.Dedup, from uint64, take func(*journal.Entry) error) error {
	*e = dedup.Admit(*e)
	if take == nil || from > 0 && (e.Count == 0 && e.Event == nil || !e.StartAt(from)) {
		return nil
	}
	return take(e)
}
