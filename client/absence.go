package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"pubsublab/client/pubsub"
	"pubsublab/protocol"
)

// errAbsent wakes a subscriber to look whether anybody is there.
var errAbsent = errors.New("time to look for publishers")

// absence is a subscription that fails when no publisher has been online for a time, so that nobody
// waits for a publisher that has failed. Time without a connection does not count: --retry limits
// that.
type absence struct {
	items interface {
		Next(context.Context) (pubsub.Item, error)
		Connected() bool
	}
	verifier *pubsub.Verifier // of what next returned
	timeout  time.Duration    // 0: it never fails

	waiting context.Context // ends with errAbsent when it is time to look
	timer   *time.Timer     // ends it
	event   time.Time       // when a publisher joined or left last, or an order ended
	lines   uint64          // there were at the last look
}

// next waits for the next item. It fails when the timeout has passed since a publisher joined or
// left, none is online, and no line has come.
func (a *absence) next(ctx context.Context) (pubsub.Item, error) {
	if a.timeout == 0 {
		return a.items.Next(ctx)
	}
	for {
		if a.waiting == nil {
			a.wait(ctx, a.timeout)
		}
		item, err := a.items.Next(a.waiting)
		switch {
		case err == nil && item.Event != nil && (item.Event.Kind == protocol.Gap || item.Event.Role == protocol.Publisher):
			a.event = time.Now()
		case err == errAbsent:
			a.waiting = nil
			if rest := a.timeout - time.Since(a.event); rest > 0 {
				a.wait(ctx, rest)
			} else if a.verifier.Online() == 0 && a.verifier.Lines() == a.lines {
				return item, fmt.Errorf("no publisher has been online for %v", a.timeout)
			}
			a.lines = a.verifier.Lines()
			continue
		}
		return item, err
	}
}

// wait renews waiting, which ends after some time with a connection.
func (a *absence) wait(ctx context.Context, d time.Duration) {
	waiting, wake := context.WithCancelCause(ctx)
	a.waiting = waiting
	var timer *time.Timer
	timer = time.AfterFunc(math.MaxInt64, func() {
		if a.items.Connected() {
			wake(errAbsent)
		} else {
			timer.Reset(a.timeout)
		}
	})
	timer.Reset(d)
	a.timer = timer
}

// stop ends the timer.
func (a *absence) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
}
