// Package wait is how tests wait: for what has to come, until go test's own
// -timeout is near. A shorter deadline would be a verdict on how fast the machine
// is, and a test that was only slow would say that something is lost.
package wait

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// ErrLate is the cause of the end of a [Context] whose test was not finished in
// time: nothing is known about what it waited for.
var ErrLate = errors.New("not finished in time: go test's -timeout is near")

// margin is what a test keeps of go test's -timeout, but for no more than a tenth
// of what is left of it, to say what it waited for and to take down what it started.
const margin = 30 * time.Second

// contexts are those of the tests that run, by testing.TB, each made once.
var contexts sync.Map

// Context is done, with the cause [ErrLate], at most half a minute before go test's
// -timeout ends the test binary, and otherwise when the test is over. A test that
// fails after that says so in its last line. It is not for a synctest bubble, whose
// clock is another one.
func Context(t testing.TB) context.Context {
	if ctx, ok := contexts.Load(t); ok {
		return ctx.(context.Context)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if bounded, ok := t.(interface{ Deadline() (time.Time, bool) }); ok {
		if deadline, ok := bounded.Deadline(); ok {
			ctx, cancel = context.WithDeadlineCause(context.Background(), deadline.Add(-min(margin, time.Until(deadline)/10)), ErrLate)
		}
	}
	if other, made := contexts.LoadOrStore(t, ctx); made {
		cancel()
		return other.(context.Context)
	}
	t.Cleanup(func() {
		contexts.Delete(t)
		if t.Failed() && Late(ctx) {
			t.Log(ErrLate)
		}
		cancel()
	})
	return ctx
}

// Late reports whether ctx, a [Context] or one derived from it, ended because
// the test was not finished in time.
func Late(ctx context.Context) bool { return errors.Is(context.Cause(ctx), ErrLate) }

// Deadline is when [Context] ends, for sockets. It is zero, which is none, where
// go test has no -timeout.
func Deadline(t testing.TB) time.Time {
	deadline, _ := Context(t).Deadline()
	return deadline
}

// Left is the time until [Deadline], for what takes a timeout. It is an hour where there is none.
func Left(t testing.TB) time.Duration {
	if deadline := Deadline(t); !deadline.IsZero() {
		return time.Until(deadline)
	}
	return time.Hour
}

// pause is the time between two looks of [Until].
const pause = 10 * time.Millisecond

// Until waits until something is so that nothing tells of, such as the size of a
// file, and stops the test with ErrLate and what it waited for when the test is not
// finished in time. The words are those of [fmt.Sprintf]. so runs in the test's own
// goroutine and may stop the test itself.
func Until(t testing.TB, so func() bool, format string, args ...any) {
	t.Helper()
	for ctx := Context(t); !so(); {
		select {
		case <-ctx.Done():
			t.Fatalf("%v: %s", context.Cause(ctx), fmt.Sprintf(format, args...))
		case <-time.After(pause):
		}
	}
}

// For waits until c is closed or gives something, which it returns, and stops the
// test like [Until].
func For[T any](t testing.TB, c <-chan T, format string, args ...any) T {
	t.Helper()
	ctx := Context(t)
	select {
	case v := <-c:
		return v
	case <-ctx.Done():
		t.Fatalf("%v: %s", context.Cause(ctx), fmt.Sprintf(format, args...))
		panic("unreachable")
	}
}
