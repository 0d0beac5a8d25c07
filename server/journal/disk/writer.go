package disk

import (
	"context"
	"errors"
	"syscall"
	"time"

	"pubsublab/server/journal"
)

const (
	// askAgain is how often it is tried whether a full disk has room again, and tellAgain how often
	// the log hears that it has not.
	askAgain  = 250 * time.Millisecond
	tellAgain = 30 * time.Second
)

// writer is what the goroutine that writes knows of the end of the files.
type writer struct {
	file   file   // the last one
	number uint64 // of the file
	room   int64  // where the next file begins instead
	off    int64  // where the next frame goes
	next   uint64 // the position of the next message
	time   time.Time
	buf    []byte

	synced   int64 // all of the file before this is on the disk
	syncedAt time.Time
}

// write writes what is in the outbox, until the journal ends.
func (j *Journal) write() {
	defer j.finish()
	for j.ctx.Err() == nil {
		var late <-chan time.Time
		if j.cfg.SyncEvery > 0 && j.synced < j.off {
			wait := j.cfg.SyncEvery - time.Since(j.syncedAt)
			if wait <= 0 {
				j.sync()
				continue
			}
			late = time.After(wait)
		}
		batch, drained := j.outbox.next(int(min(maxFrame, j.fileSize/4)))
		switch {
		case drained:
			return
		case len(batch) > 0:
			j.commit(batch)
			continue
		}
		select {
		case <-j.outbox.more:
		case <-late:
		case <-j.ctx.Done():
		}
	}
}

// finish ends the journal. A last frame, of nothing, knows that all before it is on the disk.
func (j *Journal) finish() {
	if j.ctx.Err() == nil || errors.Is(context.Cause(j.ctx), journal.ErrClosed) {
		if j.sync() {
			f := j.frame()
			if _, err := j.file.WriteAt(j.seal(&f), j.off); err == nil {
				j.off = f.end()
				j.sync()
			}
		}
	}
	if err := j.file.Close(); err != nil {
		j.cancel(err)
	}
	j.cancel(journal.ErrClosed)
	j.End()
	j.outbox.abandon()
	j.unlock()
	close(j.ended)
}

// frame returns the next frame, of nothing yet.
func (j *Journal) frame() frame {
	j.buf = append(j.buf[:0], make([]byte, headerSize)...)
	j.time = clock(j.time)
	return frame{kind: kindEntries, off: j.off, pos: j.next, synced: j.synced, time: j.time}
}

// seal completes a frame of what is in the buffer behind the header.
func (j *Journal) seal(f *frame) []byte {
	f.payload = j.buf[headerSize:]
	f.seal(j.number, j.buf)
	return j.buf
}

// commit has the entries be on the disk, in the mirror and acknowledged, in this order.
func (j *Journal) commit(batch []pending) {
	size := int64(headerSize)
	for i := range batch {
		size += int64(entrySize(&batch[i].entry))
	}
	if j.off+size > j.room && !j.rotate() {
		return
	}
	entries, ok := j.store(batch)
	if !ok {
		return
	}
	j.mu.Lock()
	j.adding = true
	j.mu.Unlock()
	for i := range entries {
		if e := &entries[i]; e.Count > 0 || e.Event != nil {
			if err := j.Add(j.ctx, *e); err != nil {
				return
			}
		}
	}
	j.mu.Lock()
	j.adding = false
	last := &j.files[len(j.files)-1]
	last.end, last.size = j.off, max(last.size, j.off)
	j.mu.Unlock()
	j.outbox.finish(len(batch))
}

// store writes a frame of the entries, without those of their lines that were sent twice. Nobody
// gets to know of their runs before it is on the disk. It is not ok when the journal has ended.
func (j *Journal) store(batch []pending) (entries []journal.Entry, ok bool) {
	j.order <- struct{}{}
	defer func() { <-j.order }()
	f := j.frame()
	for _, p := range batch {
		e := j.dedup.Admit(p.entry)
		if e.Count == 0 && e.Event == nil && e.Run == "" {
			continue
		}
		e.Time = f.time
		f.count += e.Count
		j.buf = appendEntry(j.buf, &e)
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil, true
	}
	data := j.seal(&f)
	if !j.untilRoom(func() error {
		_, err := j.file.WriteAt(data, f.off)
		return err
	}) {
		return nil, false
	}
	j.off, j.next = f.end(), f.next()
	return entries, j.cfg.SyncEvery != 0 || j.sync()
}

// sync has all that was written be on the disk. Where that fails the journal ends: nobody knows
// then what the disk has, and to try again tells no more.
func (j *Journal) sync() bool {
	if j.synced == j.off {
		return true
	}
	if err := j.file.Sync(); err != nil {
		j.cancel(err)
		return false
	}
	j.synced, j.syncedAt = j.off, time.Now()
	return true
}

// noRoom reports whether an error says that the disk is full.
func noRoom(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// untilRoom does what fails while the disk is full, until it succeeds or the journal ends.
func (j *Journal) untilRoom(do func() error) bool {
	var told time.Time
	for {
		err := do()
		switch {
		case err == nil && !told.IsZero():
			j.clearTrouble(errFull)
			j.log.Info("the disk has room again")
			return true
		case err == nil:
			return true
		case !noRoom(err):
			j.cancel(err)
			return false
		}
		if time.Since(told) > tellAgain {
			told = time.Now()
			j.setTrouble(errFull)
			j.log.Warn("the disk is full: publishers wait", "dir", j.cfg.Dir, "error", err)
		}
		select {
		case <-time.After(askAgain):
		case <-j.ctx.Done():
			return false
		}
	}
}

var errFull = errors.New("the disk is full: publishers wait")

func (j *Journal) setTrouble(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.trouble = err
}

func (j *Journal) clearTrouble(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.trouble == err {
		j.trouble = nil
	}
}
