// Package disk keeps the order of messages in files of one folder: for one broker that may not lose
// a line.
//
// What is appended goes to an outbox, and from there one goroutine writes it: all that came while
// the last frame was written is the next one, with one write and one sync. Only then can it be
// read, and is acknowledged, so that nobody has seen what a crash takes back.
package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

const (
	// window is how many bytes may be appended and not be acknowledged yet.
	window = 4 << 20
	// maxFrame is about how many bytes of entries go into a frame.
	maxFrame = 1 << 20

	// MinSize is the smallest size of a journal, in bytes.
	MinSize = 16 << 20
	// A journal of any size is about so many files, unless they would be larger or smaller than
	// this, in bytes.
	filesPerJournal = 16
	minFile         = 1 << 20
	maxFile         = 64 << 20
)

// Config says where the journal is, and how it is kept.
type Config struct {
	// Dir is the folder. It is made where there is none, and serves one journal at a time.
	Dir string
	// Wait is for how long Open waits where another journal has the folder: one that was killed a
	// moment ago keeps it until its process is gone. 0 does not wait.
	Wait time.Duration
	// SyncEvery is for how long what was acknowledged may be lost to a crash of the machine: 0 for
	// not at all, and less than 0 for as long as the operating system likes. A crash of this
	// process alone takes nothing.
	SyncEvery time.Duration
	// Size is how many bytes the files take, at least MinSize; when there are more, the oldest file
	// goes.
	Size int64
	// History is how many bytes of the newest part are kept in memory, at least
	// journal.MinHistory. Who asks for older ones (P12) is sent them from the files.
	History int
	// Gaps goes on behind what is damaged in the files: a gap stands in its place (P12). Without it
	// Open fails with a *DamageError.
	Gaps bool
	// Log is told what is cut off, missing or full; nil is nowhere.
	Log *slog.Logger

	// Of tests.
	fs       fileSystem
	fileSize int64
}

// Journal is a journal.Journal in a folder.
type Journal struct {
	*journal.Mirror // what is on the disk, for readers

	// Static after construction.
	cfg      Config
	log      *slog.Logger
	fs       fileSystem
	fileSize int64
	id       string
	outbox   *outbox
	unlock   func()          // lets others have the folder
	ctx      context.Context // ends when the journal does; the cause is why
	cancel   context.CancelCauseFunc
	ended    chan struct{} // closed when the writer has ended
	turns    chan struct{} // holds one for each reader of old history
	reads    chan struct{} // holds one for each that reads from the disk right now
	searches chan struct{} // holds one for each search in it

	writer // owned by the goroutine that writes

	// Whoever has put a value in has what is known of runs, up to the last frame.
	order chan struct{}
	dedup *journal.Dedup

	mu      sync.Mutex
	files   []segment // oldest first, never empty
	adding  bool      // the mirror may have more than the files say
	trouble error     // what Health reports
}

// Open opens the journal in a folder, or begins one. It reads all there is.
func Open(cfg Config) (*Journal, error) {
	cfg.History = max(cfg.History, journal.MinHistory)
	j := &Journal{cfg: cfg, log: cfg.Log, fs: cfg.fs, unlock: func() {}, fileSize: cfg.fileSize}
	if j.log == nil {
		j.log = slog.New(slog.DiscardHandler)
	}
	if j.fileSize == 0 {
		j.fileSize = min(max(cfg.Size/filesPerJournal, minFile), maxFile)
	}
	if j.fs == nil {
		f, unlock, err := openFolder(cfg.Dir, cfg.Wait, func() {
			j.log.Warn("another broker has the folder: waiting for its end", "dir", cfg.Dir, "at-most", cfg.Wait)
		})
		if err != nil {
			return nil, err
		}
		j.fs, j.unlock = f, unlock
	}
	j.outbox, j.order = newOutbox(window), make(chan struct{}, 1)
	j.ended, j.turns, j.searches = make(chan struct{}), make(chan struct{}, maxReaders), make(chan struct{}, maxSearches)
	j.reads = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)) // the others are for publishers
	j.ctx, j.cancel = context.WithCancelCause(context.Background())
	begun := time.Now()
	if err := j.recover(); err != nil {
		if j.file != nil {
			j.file.Close()
		}
		j.unlock()
		return nil, err
	}
	j.log.Info("using the journal", "dir", cfg.Dir, "journal", j.id, "files", len(j.files), "from", j.files[0].first, "next", j.next,
		"after", time.Since(begun).Round(time.Millisecond))
	go j.write()
	return j, nil
}

func (j *Journal) ID() string { return j.id }

// Append fails for more lines than a frame can hold, which is many times as many as a client's.
func (j *Journal) Append(ctx context.Context, e journal.Entry, done func(error)) error {
	if most := maxPayload - maxFrame; len(e.Lines) > most {
		return fmt.Errorf("%d bytes of lines at once, expected at most %d", len(e.Lines), most)
	}
	if e.Buffer == nil {
		e.Lines = bytes.Clone(e.Lines)
	} else {
		e.Buffer.Hold() // until it is in the mirror, which holds it too
	}
	err := j.outbox.add(ctx, e, done)
	if err != nil {
		e.Buffer.Release()
	}
	return err
}

// NextLine waits until what is known of runs is on the disk.
func (j *Journal) NextLine(ctx context.Context, name, run string) (uint64, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, protocol.RoleTimeout, errors.New("the disk does not answer"))
	defer cancel()
	select {
	case j.order <- struct{}{}:
		defer func() { <-j.order }()
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	if j.ctx.Err() != nil { // what is known may not be on the disk
		return 0, journal.ErrClosed
	}
	return j.dedup.Next(name, run), nil
}

// Extent reaches back as far as the files do.
func (j *Journal) Extent() journal.Extent {
	e := j.Mirror.Extent()
	j.mu.Lock()
	defer j.mu.Unlock()
	e.Oldest = min(e.Oldest, j.files[0].first)
	return e
}

// Health reports a full disk, and what was found to be damaged since the start.
func (j *Journal) Health() error {
	j.mu.Lock()
	trouble := j.trouble
	j.mu.Unlock()
	if trouble != nil {
		return trouble
	}
	return j.Mirror.Health()
}

// Close leaves the folder to others. Who reads old history may go on.
func (j *Journal) Close(ctx context.Context) {
	j.outbox.close()
	select {
	case <-j.ended:
	case <-ctx.Done():
		j.cancel(journal.ErrClosed)
		<-j.ended
	}
}

// Life ends when the journal does. Its cause is journal.ErrClosed after Close, and otherwise why
// the journal cannot go on: what was written is not known to be on the disk.
func (j *Journal) Life() context.Context { return j.ctx }

var _ journal.Journal = (*Journal)(nil)
