package disk

import (
	"fmt"
	"slices"

	"pubsublab/server/journal"
)

// recover reads the files, cuts off what a crash has left unfinished at their end, and knows then
// what it takes to go on. Where there are no files it makes the first one.
func (j *Journal) recover() error {
	numbers, unfinished, err := fileNumbers(j.fs)
	for _, name := range unfinished {
		if err == nil {
			err = j.fs.Remove(name)
		}
	}
	if err == nil {
		err = j.fs.Sync() // what is read here is shown to others, so it must not be lost any more
	}
	if err != nil {
		return err
	}
	if len(numbers) == 0 {
		return j.begin()
	}
	files, err := listSegments(j.fs, numbers)
	if err != nil {
		return err
	}
	all := &contents{fs: j.fs, files: files, damage: j.damaged, frame: func(*segment, *frame) error { return nil }}
	if err := all.read(); err != nil {
		return err
	}
	j.files, j.next = files, all.next
	if err := j.reopen(all.torn); err != nil {
		return err
	}
	return j.load()
}

// begin makes the first file of a new journal.
func (j *Journal) begin() error {
	j.id, j.next, j.dedup, j.time = journal.NewID(), 1, journal.NewDedup(journal.RunsPerName), clock(j.time)
	j.Mirror = journal.NewMirror(j.cfg.History, j.next)
	made, err := j.create(1, 0)
	if err == nil {
		j.use(made)
	}
	return err
}

// damaged is told of damage.
func (j *Journal) damaged(e *DamageError) error {
	if !j.cfg.Gaps {
		return e
	}
	j.log.Error("going on behind what is damaged", "file", e.File, "offset", e.Offset, "problem", e.What, "missing", e.Missing)
	return nil
}

// reopen opens the last file to be written to, behind its last frame.
func (j *Journal) reopen(torn int64) (err error) {
	last := j.files[len(j.files)-1]
	j.number, j.room, j.off = last.number, max(last.size, j.fileSize), last.end
	if j.file, err = j.fs.Open(fileName(last.number), true); err != nil {
		return err
	}
	if torn > 0 {
		j.log.Warn("cutting off what a crash has left unfinished: nobody has seen it",
			"file", fileName(last.number), "offset", last.end, "bytes", torn)
		if err := j.file.Cut(last.end, last.size); err != nil && !noRoom(err) { // without, it is waited for later
			return err
		}
	}
	j.synced = j.off
	return j.file.Sync() // also what the system had and the disk had not
}

// load reads what is to be in memory: the newest messages, and the runs.
func (j *Journal) load() error {
	begin := len(j.files) - 1
	size := j.files[begin].end
	for begin > 0 && (size < int64(j.cfg.History) || !j.files[begin].headed) {
		begin--
		size += j.files[begin].end
	}
	j.Mirror = journal.NewMirror(j.cfg.History, j.files[begin].first)
	j.dedup = journal.NewDedup(journal.RunsPerName)
	newest := &contents{fs: j.fs, files: slices.Clone(j.files[begin:]), damage: func(*DamageError) error { return nil }, frame: j.replay}
	newest.files[len(newest.files)-1].sealed = true // its end is known by now
	return newest.read()
}

// replay does with a frame what was done when it was written.
func (j *Journal) replay(s *segment, f *frame) error {
	j.time = f.time
	if missing := f.pos - j.Next(); missing > 0 {
		if err := j.Skip(j.ctx, missing); err != nil {
			return err
		}
	}
	if f.kind == kindSnapshot {
		known, err := parseSnapshot(f)
		if err != nil {
			return fmt.Errorf("%s at offset %d: %w", fileName(s.number), f.off, err)
		}
		if j.id != "" && j.id != known.id {
			return fmt.Errorf("%s is of journal %s, expected %s like the files before it", fileName(s.number), known.id, j.id)
		}
		j.id, j.dedup = known.id, known.dedup
		return nil
	}
	entries, err := f.entries()
	if err != nil {
		return fmt.Errorf("%s at offset %d: %w", fileName(s.number), f.off, err)
	}
	for _, e := range entries {
		e = j.dedup.Admit(e)
		if e.Count > 0 || e.Event != nil {
			if err := j.Add(j.ctx, e); err != nil {
				return err
			}
		}
	}
	return nil
}
