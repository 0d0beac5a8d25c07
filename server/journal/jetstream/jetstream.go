// Package jetstream keeps the order of messages on a NATS JetStream stream, which several brokers
// share: all see the same order and the same positions, and none holds anything that cannot be
// lost.
//
// Nobody decides the order but the stream. A broker publishes what it appends, reads the stream
// back, its own entries with everybody else's, and works out what its messages mean: a sequencer,
// which is a pure function of them.
package jetstream

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

const (
	// window is how many bytes may be appended and not in the order yet. With journal.WindowOverhead that
	// is 8,192 small entries at most.
	window = 4 << 20

	// snapshotEvery is after how many bytes of messages the order is saved. It has a part in what
	// brokers make of the stream: all have the same.
	snapshotEvery = 32 << 20

	// MinSize is the least that a stream must be allowed to keep, in bytes, so that there are
	// snapshots in what it keeps.
	MinSize = 4 * snapshotEvery

	// answerTimeout is how long the stream may acknowledge nothing before everything is sent again.
	answerTimeout = 5 * time.Second
	// firstTimeout is how long the first attempt to use the stream may take.
	firstTimeout = 2 * time.Second
	// tellAgain is how often the log hears that the stream cannot be used yet.
	tellAgain = 30 * time.Second
)

// Config says which stream to use, and how. All brokers of a stream agree on it.
type Config struct {
	// Servers are addresses of the NATS cluster, with commas between. Users, passwords and tokens
	// in them are never shown, nor is anything of an address that cannot be understood.
	Servers string
	// Access is what the addresses do not say of how to get in.
	Access Access
	// Stream is the stream's name, written like a client's but without dots. It is created where
	// there is none.
	Stream string
	// Replicas is how many servers keep a stream that is created: 1, 3 or 5.
	Replicas int
	// Size is how many bytes a stream that is created keeps, at least MinSize.
	Size int64
	// History is how many bytes of its newest part this broker keeps in memory, at least
	// journal.MinHistory. Who asks for older ones (P12) is sent them from the stream.
	History int
	// Log is told of a connection that is lost or found again; nil is nowhere.
	Log *slog.Logger

	origin *origin // of a copy

	// Of tests.
	every  int                                // instead of snapshotEvery
	group  int                                // instead of maxGroup
	format int                                // of a stream that is created, instead of format
	search time.Duration                      // instead of searchTime
	wrap   func(next publishFunc) publishFunc // what publishing really does
}

type publishFunc func(*nats.Msg) (jetstream.PubAckFuture, error)

// Journal is a journal.Journal on a stream.
type Journal struct {
	*journal.Mirror // what was read back, for readers

	// Static after construction.
	log      *slog.Logger
	cfg      Config
	nc       *nats.Conn
	js       jetstream.JetStream
	bucket   jetstream.ObjectStore
	names    uint64 // how many snapshots have names of their own; all brokers agree
	format   int    // of the stream
	id       string
	producer string
	subject  string // to which it publishes
	publish  publishFunc
	outbox   *outbox
	ctx      context.Context // ends when the journal does; the cause is why
	cancel   context.CancelCauseFunc
	running  sync.WaitGroup

	accepted uint64 // the number of its last accepted entry; owned by the reader

	troubled     atomic.Bool   // the log has heard that sending goes wrong
	seq          atomic.Uint64 // of the last message read
	holes        chan uint64   // for the sender: the latest attempt in which something got lost
	consumptions sync.Map      // of jetstream.MessagesContext: those that are read
	saving       atomic.Bool   // a snapshot is being written
	unsaved      atomic.Bool   // the last one could not be
	replays      chan struct{} // holds one for each replay that reads
	searches     chan struct{} // holds one for each search through the stream
	quieten      sync.Once
	quiet        chan struct{} // closed when all replays have ended and none can begin

	mu        sync.Mutex
	sequencer *sequencer // written by the reader alone
}

// Connect finds the stream, or creates it, and reads it up to its end. It tries until ctx ends,
// unless what it finds cannot be used.
func Connect(ctx context.Context, cfg Config) (*Journal, error) {
	return keepTrying(ctx, cfg, func(error) {})
}

// keepTrying is Connect; failed is called with the outcome of each attempt but the last.
func keepTrying(ctx context.Context, cfg Config, failed func(error)) (*Journal, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.every == 0 {
		cfg.every = snapshotEvery
	}
	if cfg.format == 0 {
		cfg.format = format
	}
	if cfg.group == 0 {
		cfg.group = maxGroup
	}
	if cfg.search == 0 {
		cfg.search = searchTime
	}
	if protocol.CheckName(cfg.Stream) != nil || strings.Contains(cfg.Stream, ".") {
		return nil, unusable("bad stream name %q, expected 1 to %d of A-Z a-z 0-9 _ -", cfg.Stream, protocol.MaxName)
	}
	hosts, err := Hosts(cfg.Servers)
	if err != nil {
		return nil, err
	}
	var told time.Time
	// Nobody answers for a stream that another broker is just making. To ask again soon costs less
	// than to wait.
	for timeout := firstTimeout; ; timeout = min(2*timeout, 2*answerTimeout) {
		j, err := open(ctx, cfg, timeout)
		var unusable *unusableError
		if err == nil || errors.As(err, &unusable) {
			return j, err
		}
		failed(err)
		if time.Since(told) > tellAgain && ctx.Err() == nil {
			told = time.Now()
			cfg.Log.Warn("cannot use the stream yet, trying again", "stream", cfg.Stream, "servers", hosts, "error", err)
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return nil, fmt.Errorf("cannot use the stream %s at %s: %w", cfg.Stream, hosts, err)
		}
	}
}

// unusableError is one that trying again does not mend.
type unusableError struct{ text string }

func (e *unusableError) Error() string { return e.text }

func unusable(text string, args ...any) error {
	return &unusableError{fmt.Sprintf(text, args...)}
}

// open tries once, with that much time for what has to be asked about the stream. While it does, a
// right that is missing ends it: it does all that the broker will have to do.
func open(ctx context.Context, cfg Config, timeout time.Duration) (j *Journal, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	access, err := cfg.Access.options()
	if err != nil {
		return nil, err
	}
	nc, err := nats.Connect(cfg.Servers, append(access, connectOptions(cfg.Log, func(missing error) {
		if ctx.Err() != nil {
			cfg.Log.Warn("NATS refuses what the broker needs", "error", missing)
		}
		cancel(missing)
	})...)...)
	if err != nil {
		return nil, refusal(err)
	}
	defer func() {
		if err == nil {
			return
		}
		nc.Close()
		var missing *unusableError
		if errors.As(context.Cause(ctx), &missing) {
			err = missing
		}
		err = refusal(err)
	}()
	if most := nc.MaxPayload(); most < 2*protocol.MaxLine+headerRoom {
		return nil, unusable("the NATS servers take messages of %d bytes, expected a max_payload of at least %d", most, 2*protocol.MaxLine+headerRoom)
	}
	js, err := jetstream.New(nc,
		jetstream.WithPublishAsyncMaxPending(1<<20),  // window is the limit
		jetstream.WithPublishAsyncTimeout(time.Hour), // the sender's timeout is; this forgets what nobody waits for
	)
	if err != nil {
		return nil, err
	}
	j = &Journal{
		log: cfg.Log, cfg: cfg, nc: nc, js: js, subject: subject(cfg.Stream),
		producer: rand.Text(), outbox: newOutbox(window, cfg.group), holes: make(chan uint64, 1), replays: make(chan struct{}, maxReplays),
		quiet: make(chan struct{}), searches: make(chan struct{}, maxSearches),
	}
	j.publish = func(m *nats.Msg) (jetstream.PubAckFuture, error) {
		return js.PublishMsgAsync(m, jetstream.WithRetryAttempts(0)) // one by one they would come out of order
	}
	if cfg.wrap != nil {
		j.publish = cfg.wrap(j.publish)
	}
	nc.SetReconnectHandler(func(nc *nats.Conn) {
		j.log.Info("connected to NATS again", "server", nc.ConnectedAddr())
		j.consumptions.Range(func(messages, _ any) bool {
			messages.(jetstream.MessagesContext).Stop() // its consumer may be gone, which it would notice later
			return true
		})
	})
	if err := j.prepare(ctx, timeout); err != nil {
		return nil, err
	}
	j.Mirror = journal.NewMirror(cfg.History, j.sequencer.next)
	j.seq.Store(j.sequencer.seq)
	j.ctx, j.cancel = context.WithCancelCause(context.Background())
	j.running.Go(j.read)
	j.running.Go(j.send)
	err = j.sync(ctx)
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		err = errors.Join(err, context.Cause(j.ctx))
		ended, cancel := context.WithCancel(ctx)
		cancel()
		j.Close(ended)
		return nil, err
	}
	return j, nil
}

func (j *Journal) ID() string { return j.id }

// Append fails for more lines than a message of the stream holds, which is at least as many bytes
// as two of the longest lines.
func (j *Journal) Append(ctx context.Context, e journal.Entry, done func(error)) error {
	if most := int(j.nc.MaxPayload()) - headerRoom; len(e.Lines) > most {
		return fmt.Errorf("%d bytes of lines at once, expected at most %d", len(e.Lines), most)
	}
	e.Lines, e.Buffer = bytes.Clone(e.Lines), nil
	return j.outbox.add(ctx, e, done)
}

// sync waits until everything is read that the stream had acknowledged to anybody: it appends a
// barrier and waits for it.
func (j *Journal) sync(ctx context.Context) error {
	read := make(chan error, 1)
	if err := j.Append(ctx, journal.Entry{}, func(err error) { read <- err }); err != nil {
		return err
	}
	select {
	case err := <-read:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// NextLine asks the stream. What a publisher sent through another broker and lands later is dropped
// as sent twice.
func (j *Journal) NextLine(ctx context.Context, name, run string) (uint64, error) {
	ctx, cancel := inTime(ctx)
	defer cancel()
	if err := j.sync(ctx); err != nil {
		return 0, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.sequencer.nextLine(name, run), nil
}

// Open asks the stream where a subscriber has seen more at another broker, or wants what is not in
// memory here.
func (j *Journal) Open(ctx context.Context, from protocol.From, filter protocol.Filter) (journal.Start, error) {
	ctx, cancel := inTime(ctx)
	defer cancel()
	if from.Position() > j.Next() {
		if err := j.sync(ctx); err != nil {
			return journal.Start{}, err
		}
	}
	place, err := j.Mirror.Open(ctx, from, filter)
	if err != nil || place.Next == 1 || place.Missing == 0 && place.Short == 0 && !from.First() {
		return place, err
	}
	j.Release(place.Segment) // nobody is to wait meanwhile
	older, ok, err := j.backlog(ctx, filter, place)
	if ok || err != nil {
		return older, err
	}
	return j.Mirror.Open(ctx, from, filter)
}

// inTime bounds how long a client waits to be let in: a connection that is gone is not noticed
// before.
func inTime(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, protocol.RoleTimeout, errors.New("the stream does not answer"))
}

// Extent does not know how far back the stream reaches: only the stream does.
func (j *Journal) Extent() journal.Extent {
	e := j.Mirror.Extent()
	e.Oldest = 0
	return e
}

// Health knows what the last things sent have met with: where nothing is sent, it does not hear
// that the stream has no leader.
func (j *Journal) Health() error {
	if !j.nc.IsConnected() {
		if err := j.nc.LastError(); err != nil {
			return fmt.Errorf("no connection to NATS: %w", err)
		}
		return errors.New("no connection to NATS")
	}
	if j.troubled.Load() {
		return fmt.Errorf("the stream %s takes nothing", j.cfg.Stream)
	}
	if j.unsaved.Load() {
		return fmt.Errorf("snapshots of the stream %s cannot be saved", j.cfg.Stream)
	}
	return j.Mirror.Health()
}

// Close leaves the stream to the other brokers. It waits for those who are still sent what only the
// stream keeps, until ctx ends.
func (j *Journal) Close(ctx context.Context) {
	j.outbox.close()
	select {
	case <-j.outbox.drained:
	case <-j.ctx.Done():
	case <-ctx.Done():
	}
	j.quieten.Do(func() { j.running.Go(j.endReplays) })
	select {
	case <-j.quiet:
	case <-j.ctx.Done():
	case <-ctx.Done():
	}
	j.mu.Lock()
	j.cancel(journal.ErrClosed)
	j.mu.Unlock()
	j.nc.Close()
	j.running.Wait()
}

// endReplays lets those that read come to their end.
func (j *Journal) endReplays() {
	for range maxReplays {
		select {
		case j.replays <- struct{}{}:
		case <-j.ctx.Done():
			return
		}
	}
	close(j.quiet)
}

// Life ends when the journal does. Its cause is journal.ErrClosed after Close, and otherwise why
// the journal cannot go on: the stream is gone, or has not kept what it promised.
func (j *Journal) Life() context.Context { return j.ctx }
