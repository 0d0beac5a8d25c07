package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/dustin/go-humanize/english"
	"golang.org/x/sync/errgroup"

	"pubsublab/lab/report"
	"pubsublab/lab/topology"
)

// How long a demo goes on in which somebody waits for one who will not come.
const (
	orphanTime = 10 * time.Second // after the last broker, or the majority of the stream's nodes, has ended
	failedTime = 5 * time.Second  // after a client has failed, or the last publisher ended and one was killed
	unsureTime = 30 * time.Second // after the last publisher has finished
	lookTime   = 5 * time.Second  // before the first look for guests whom others may be waiting for; twice that for the next
	stopTime   = 5 * time.Second  // for nodes to end that are asked to, when the demo does not end by itself
)

// A watch follows a running demo to its end. It is for one goroutine.
type watch struct {
	course
	nodes  []*topology.Node
	tell   func(node string, l level, text string)
	guests func(ctx context.Context, subscribersToo bool) []string
	began  time.Time
	revive bool // a broker that was killed is started again
	record *report.Recorder

	// of the console; nil: there is none
	keep    func() bool         // the demo goes on whatever ends
	kept    chan struct{}       // told when keep has changed; it holds one
	joined  chan *topology.Node // nodes that were added
	release func()              // lets nodes go that are frozen or cut off, and adds none any more

	life     context.Context // until run returns
	changes  chan change
	stopping bool
	held     string    // who was named last as holding the end
	looked   time.Time // when nobody was found to hold it; zero: somebody was, or nobody looked
}

// change is a node that has ended, or that runs again after that.
type change struct {
	node *topology.Node
	back bool
}

func isClient(s *topology.Spec) bool {
	return s.Role == topology.Publisher || s.Role == topology.Subscriber
}

// run returns when the demo is over and every node has ended: because all clients have, because
// nobody can go on, or because ctx has ended. Nodes that would not end by themselves are stopped,
// and all where the demo does not end by itself; force makes that short. An error says that a node
// could not be stopped.
func (w *watch) run(ctx, force context.Context) (*course, error) {
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	w.life = following
	w.changes = make(chan change)
	for _, n := range w.nodes {
		go w.follow(following, n)
	}
	w.await(ctx, func() bool { return !w.keeping() && w.clientsEnded() }, w.deadline)
	w.took = time.Since(w.began)
	if w.gaveUp == "" && !w.interrupted {
		// Brokers that end when they are idle do so by themselves. The others never would, nor
		// would the stream's nodes.
		idle := slices.ContainsFunc(w.nodes, func(n *topology.Node) bool {
			_, does := n.Spec.Flag("exit-idle")
			return does && n.Spec.Role == topology.Broker
		})
		if !idle {
			if err := w.stop(force, 0, topology.Broker); err != nil {
				return nil, err
			}
		}
		w.await(ctx, func() bool { return len(w.running(topology.Broker)) == 0 }, w.idleDeadline)
		if err := w.stop(force, 0, topology.Stream); err != nil {
			return nil, err
		}
	}
	if w.gaveUp != "" || w.interrupted {
		if w.gaveUp != "" {
			w.tell("", warn, w.gaveUp+": ending the demo")
		}
		if err := w.stop(force, stopTime, topology.Subscriber, topology.Publisher, topology.Broker, topology.Stream); err != nil {
			return nil, err
		}
	}
	return &w.course, nil
}

// follow reports the changes of one node.
func (w *watch) follow(ctx context.Context, n *topology.Node) {
	for {
		done, back := n.Done(), n.Back()
		for i, c := range []<-chan struct{}{done, back} {
			select {
			case <-c:
			case <-ctx.Done():
				return
			}
			select {
			case w.changes <- change{n, i == 1}:
			case <-ctx.Done():
				return
			}
		}
	}
}

// await returns when over says so, or with a reason to give up, or when ctx ends. Meanwhile it
// names guests whom the end may wait for.
func (w *watch) await(ctx context.Context, over func() bool, deadline func() (time.Time, string)) {
	wait := lookTime
	look := time.NewTimer(wait)
	defer look.Stop()
	for !over() {
		var late <-chan time.Time
		at, why := deadline()
		if !at.IsZero() {
			late = time.After(time.Until(at))
		}
		select {
		case c := <-w.changes:
			w.note(c)
		case <-late:
			w.gaveUp = why
			return
		case n := <-w.joined:
			w.nodes = append(w.nodes, n)
			go w.follow(w.life, n)
		case <-w.kept:
		case <-look.C:
			w.look(ctx)
			wait *= 2 // the more seldom the better: a look is a client, which keeps a broker from being idle
			look.Reset(wait)
		case <-ctx.Done():
			w.interrupted = true
			return
		}
	}
}

// note keeps a change, and says at once what nobody expected.
func (w *watch) note(c change) {
	spec, now := c.node.Spec, time.Since(w.began)
	if c.back {
		for _, e := range slices.Backward(w.ends) {
			if e.spec == spec {
				e.early, e.back = true, now
				break
			}
		}
		w.record.Add(report.Back, spec.Name, "runs again")
		w.tell(spec.Name, warn, "runs again after "+seconds(now))
		return
	}
	e := &ended{spec: spec, after: now, asked: w.stopping}
	e.end, e.err = c.node.End()
	if lines := c.node.LastLines(); len(lines) > 0 {
		e.last = lines[len(lines)-1]
	}
	e.early = !w.stopping && (e.err != nil || e.end.Code != 0 || !isClient(spec) && !w.clientsEnded())
	w.ends = append(w.ends, e)
	w.record.Add(w.kindOf(e), spec.Name, e.how())
	if e.early {
		l := warn
		if e.failed() && !w.mayBeUnsure(e) {
			l = bad
		}
		w.tell(spec.Name, l, fmt.Sprintf("%s after %s", e.how(), seconds(now)))
		w.reviveKilled(c.node, e)
	}
}

func (w *watch) kindOf(e *ended) report.Kind {
	if e.early && !w.mayBeUnsure(e) {
		return report.Died
	}
	return report.End
}

// mayBeUnsure reports whether a subscriber has ended with an error just because a broker was
// started again, whose history was lost: the verdict looks closer.
func (w *watch) mayBeUnsure(e *ended) bool {
	return e.spec.Role == topology.Subscriber && e.end.Code == 1 && slices.ContainsFunc(w.ends, func(e *ended) bool {
		return e.spec.Role == topology.Broker && e.back > 0
	})
}

func (w *watch) clientsEnded() bool {
	return len(w.running(topology.Publisher))+len(w.running(topology.Subscriber)) == 0
}

// of returns how many nodes have a role, how those of them ended that have, and when the last one
// did.
func (w *watch) of(role topology.Role) (all int, ends []*ended, at time.Duration) {
	for _, n := range w.nodes {
		if n.Spec.Role == role {
			all++
			if e := w.last(n.Spec.Name); e != nil {
				ends = append(ends, e)
				at = max(at, e.after)
			}
		}
	}
	return all, ends, at
}

func (w *watch) keeping() bool { return w.keep != nil && w.keep() }

// deadline returns when it is of no use any more to wait for the clients, and why, or zero while it
// is.
func (w *watch) deadline() (at time.Time, why string) {
	if w.keeping() {
		return time.Time{}, ""
	}
	earliest := func(after, wait time.Duration, reason string) {
		if t := w.began.Add(after + wait); at.IsZero() || t.Before(at) {
			at, why = t, reason
		}
	}
	for _, e := range w.ends {
		if isClient(e.spec) && e.back == 0 && e.failed() {
			reason := e.spec.Name + " has failed"
			if waiting := w.running(topology.Subscriber); e.spec.Role == topology.Publisher && len(waiting) > 0 {
				reason += ", and " + waits(waiting) + " for it"
			}
			earliest(e.after, failedTime, reason)
		}
	}
	publishers, gone, last := w.of(topology.Publisher)
	if len(gone) == publishers {
		waiting := w.running(topology.Subscriber)
		if slices.ContainsFunc(gone, func(e *ended) bool { return e.end.Code != 0 }) {
			earliest(last, failedTime, fmt.Sprintf("%s for publishers that will not come", waits(waiting)))
		} else if !w.looked.IsZero() {
			earliest(max(last, w.looked.Sub(w.began)), unsureTime, fmt.Sprintf("%s although all publishers have finished", waits(waiting)))
		}
	}
	if brokers, gone, last := w.of(topology.Broker); brokers > 0 && len(gone) == brokers {
		earliest(last, orphanTime, "no broker is left")
	}
	if streams, gone, last := w.of(topology.Stream); streams > 0 && 2*len(gone) >= streams {
		earliest(last, orphanTime, fmt.Sprintf("%d of %d nodes of the stream have ended, and it needs a majority", len(gone), streams))
	}
	return at, why
}

// idleDeadline is deadline for brokers that end by themselves when nobody is there.
func (w *watch) idleDeadline() (at time.Time, why string) {
	if !w.looked.IsZero() {
		at = w.began.Add(w.took + unsureTime)
	}
	return at, english.WordSeries(w.running(topology.Broker), "and") + " should have ended, because nobody is there"
}

// running returns the names of the nodes of a role that run.
func (w *watch) running(role topology.Role) (names []string) {
	for _, n := range w.nodes {
		if n.Spec.Role == role && w.last(n.Spec.Name) == nil {
			names = append(names, n.Spec.Name)
		}
	}
	return names
}

func waits(names []string) string {
	verb := " wait"
	if len(names) == 1 {
		verb = " waits"
	}
	return english.WordSeries(names, "and") + verb
}

// look names guests once the publishers have finished, where somebody seems to wait for them.
func (w *watch) look(ctx context.Context) {
	publishers, gone, last := w.of(topology.Publisher)
	if len(gone) < publishers || time.Since(w.began) < last+lookTime {
		return
	}
	names := w.guests(ctx, w.clientsEnded())
	who := english.WordSeries(names, "and")
	if w.looked = (time.Time{}); len(names) == 0 {
		w.looked = w.began.Add(last)
	} else if who != w.held {
		has := "has"
		if len(names) > 1 {
			has = "have"
		}
		w.tell("", warn, fmt.Sprintf("the demo waits for %s, who joined in and %s not left (Ctrl+C ends it)", who, has))
	}
	w.held = who
}

// stop stops the nodes of some roles, of each role all at once, and one role after the other. Each
// role has that long, if it is not 0; who has not ended by then is killed.
func (w *watch) stop(ctx context.Context, timeout time.Duration, roles ...topology.Role) error {
	if !w.stopping && w.release != nil {
		w.release()
	}
	w.stopping = true
	for _, role := range roles {
		var stopping errgroup.Group
		for _, n := range w.nodes {
			if n.Spec.Role == role && w.last(n.Spec.Name) == nil {
				stopping.Go(func() error { return stopNode(ctx, n, timeout) })
			}
		}
		var err error
		w.during(func() { err = stopping.Wait() })
		if err != nil {
			return err
		}
		for len(w.running(role)) > 0 {
			select {
			case c := <-w.changes:
				w.note(c)
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

// specs are those of the nodes, added ones too.
func (w *watch) specs() (specs []*topology.Spec) {
	for _, n := range w.nodes {
		specs = append(specs, n.Spec)
	}
	return specs
}

func stopNode(ctx context.Context, n *topology.Node, timeout time.Duration) error {
	if timeout == 0 {
		return n.Stop(ctx)
	}
	soft, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := n.Stop(soft); err == nil || soft.Err() == nil {
		return err
	}
	return n.Kill(ctx)
}

// during keeps changes while something else is done.
func (w *watch) during(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	for {
		select {
		case c := <-w.changes:
			w.note(c)
		case <-done:
			return
		}
	}
}
