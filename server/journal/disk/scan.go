package disk

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// DamageError says where the files of a journal are damaged: what was on the disk there cannot be
// read any more.
type DamageError struct {
	File    string
	Offset  int64  // in the file, in bytes
	What    string // what is wrong there
	Missing uint64 // how many messages are gone with it; events are not counted
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("the journal is damaged: %s at offset %d: %s", e.File, e.Offset, e.What)
}

// listSegments returns what the files with these numbers say of themselves.
func listSegments(fs fileSystem, numbers []uint64) (files []segment, err error) {
	for i, number := range numbers {
		s := segment{number: number}
		var head snapshot
		err := s.open(fs, func(f file) (err error) {
			if s.size, err = f.Size(); err != nil {
				return err
			}
			if err = checkVersion(f, &s); err != nil {
				return err
			}
			head, err = s.head(f)
			return err
		})
		if err != nil {
			return nil, err
		}
		s.end, s.headed = s.size, head.id != ""
		if i > 0 && s.headed && files[i-1].number == number-1 {
			files[i-1].sealed, files[i-1].end = true, head.end
		}
		files = append(files, s)
	}
	return files, nil
}

func (s *segment) open(fs fileSystem, use func(f file) error) error {
	f, err := fs.Open(fileName(s.number), false)
	if err != nil {
		return err
	}
	defer f.Close()
	return use(f)
}

// readBanner returns what a file begins with, a little longer than the banner.
func readBanner(f file) (string, error) {
	text := make([]byte, len(banner)+10)
	n, err := f.ReadAt(text, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return string(text[:n]), err
}

var bannerLine = regexp.MustCompile("^" + bannerText + "([0-9]+)\n")

func checkVersion(f file, s *segment) error {
	text, err := readBanner(f)
	if found := bannerLine.FindStringSubmatch(text); err == nil && found != nil && found[0] != banner {
		return fmt.Errorf("%s is of version %s of a journal's files, expected %s: another version of this program has made it",
			fileName(s.number), found[1], strings.TrimSpace(banner[len(bannerText):]))
	}
	return err
}

// head returns the snapshot that the file begins with, a zero one where that cannot be read.
func (s *segment) head(f file) (head snapshot, err error) {
	sc := scanner{file: f, number: s.number, limit: s.size}
	fr, ok, err := sc.frameAt(int64(len(banner)))
	if !ok || err != nil || fr.kind != kindSnapshot {
		return snapshot{}, err
	}
	return parseSnapshot(&fr)
}

// contents reads files of a journal, all that is in them, in their order.
type contents struct {
	fs    fileSystem
	files []segment // what is not known of them is filled in

	// frame is called for each frame, the snapshots that files begin with too.
	frame func(s *segment, f *frame) error
	// damage is called for what cannot be read, before the next frame. Its error ends all.
	damage func(e *DamageError) error

	next uint64       // the position of the next message; 0 for not known yet
	torn int64        // at the end: how many bytes a crash has left there unfinished
	open *DamageError // found, and not told yet
}

func (c *contents) read() error {
	for i := range c.files {
		s := &c.files[i]
		if i > 0 && s.number != c.files[i-1].number+1 {
			c.found(c.files[i-1].number+1, 0, "the file is missing")
		}
		if err := s.open(c.fs, func(f file) error { return c.readFile(s, f) }); err != nil {
			return err
		}
	}
	if c.open != nil {
		return fmt.Errorf("%w. Nothing behind it says how much is gone. To go on without it, move that file, and all with a higher number, away",
			c.open)
	}
	return nil
}

// found is told of damage.
func (c *contents) found(number uint64, off int64, what string) {
	if c.open == nil { // what follows is part of it
		c.open = &DamageError{File: fileName(number), Offset: off, What: what}
	}
}

func (c *contents) readFile(s *segment, f file) error {
	if text, err := readBanner(f); err != nil {
		return err
	} else if !strings.HasPrefix(text, banner) {
		c.found(s.number, 0, fmt.Sprintf("it does not begin with %q", banner))
	}
	begin := int64(len(banner))
	sc := scanner{file: f, number: s.number, limit: min(s.end, s.size), sure: s.sealed, off: begin}
	for {
		off := sc.off
		fr, damaged, ok, err := sc.next()
		if err != nil {
			return err
		}
		if damaged > 0 || !ok && off == begin {
			c.found(s.number, off, "what is there is no frame, or was changed")
		}
		if !ok {
			break
		}
		if err := c.take(s, &fr); err != nil {
			return err
		}
	}
	if s.sealed && s.end > s.size {
		c.found(s.number, s.size, fmt.Sprintf("it ends, expected it to go on up to %d", s.end))
	}
	if s.first == 0 {
		s.first = c.next
	}
	if c.torn = sc.torn; !s.sealed {
		s.end = sc.off
	}
	return nil
}

// take passes a frame on, when what is missing before it has been told.
func (c *contents) take(s *segment, f *frame) error {
	switch {
	case c.next == 0:
		c.next = f.pos
	case f.pos < c.next:
		return &DamageError{File: fileName(s.number), Offset: f.off, What: fmt.Sprintf("position %d comes a second time", f.pos)}
	case f.pos > c.next:
		c.found(s.number, f.off, fmt.Sprintf("positions %d to %d are missing before it", c.next, f.pos-1))
	}
	if e := c.open; e != nil {
		c.open, e.Missing = nil, f.pos-c.next
		if err := c.damage(e); err != nil {
			return err
		}
	}
	if s.first == 0 {
		s.first = f.pos
	}
	c.next = f.next()
	return c.frame(s, f)
}
