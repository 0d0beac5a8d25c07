package wait

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// late is a test whose time is over.
type late struct {
	testing.TB
	said string
}

func (l *late) Deadline() (time.Time, bool) { return time.Unix(1, 0), true }

func (l *late) Fatalf(format string, args ...any) {
	l.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestLate(t *testing.T) {
	for want, wait := range map[string]func(l *late){
		"3 lines":  func(l *late) { Until(l, func() bool { return false }, "%d lines", 3) },
		"a number": func(l *late) { For(l, make(chan int), "a number") },
	} {
		l, done := &late{TB: t}, make(chan struct{})
		go func() {
			defer close(done)
			wait(l)
		}()
		<-done
		assert.Equal(t, "not finished in time: go test's -timeout is near: "+want, l.said)
	}
}

func TestContext(t *testing.T) {
	ctx := Context(t)
	assert.Equal(t, ctx, Context(t), "one for each test")
	deadline, limited := t.Deadline()
	if limited {
		assert.WithinRange(t, Deadline(t), deadline.Add(-margin), deadline)
	} else {
		assert.Zero(t, Deadline(t))
	}
	assert.False(t, Late(ctx))

	var inner context.Context
	t.Run("another test", func(t *testing.T) { inner = Context(t) })
	assert.NotEqual(t, ctx, inner)
	assert.Error(t, inner.Err(), "it ends with its test")
	assert.False(t, Late(inner), "which was not late")
	assert.NoError(t, ctx.Err())

	over, cancel := context.WithDeadlineCause(t.Context(), time.Unix(1, 0), ErrLate)
	defer cancel()
	assert.True(t, Late(over))
}

func TestUntilAndFor(t *testing.T) {
	looks := 0
	Until(t, func() bool { looks++; return looks == 3 }, "the third look")
	assert.Equal(t, 3, looks)
	c := make(chan int, 1)
	c <- 7
	assert.Equal(t, 7, For(t, c, "a number"))
	close(c)
	assert.Zero(t, For(t, c, "the end"))
}
