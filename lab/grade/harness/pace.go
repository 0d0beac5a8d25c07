package harness

import (
	"context"
	"sync/atomic"
	"time"
)

// Pace is how long the submission was seen to need for a message. A correct server may be slow: all
// waiting grows with it. Methods may be called concurrently; the zero Pace knows nothing yet.
type Pace struct{ each atomic.Int64 }

// saw notes that a message took so long to arrive.
func (p *Pace) saw(took time.Duration) {
	for {
		before := p.each.Load()
		if int64(took) <= before || p.each.CompareAndSwap(before, int64(took)) {
			return
		}
	}
}

// Each is the longest that a message was seen to take.
func (p *Pace) Each() time.Duration { return time.Duration(p.each.Load()) }

// within is a time for something that takes as long as some messages, between two bounds.
func (p *Pace) within(messages int, least, most time.Duration) time.Duration {
	return min(max(time.Duration(messages)*p.Each(), least), most)
}

const (
	// countBudget is how long the messages of one check may take in all.
	countBudget = 8 * time.Second
	// leastCount is how many messages a check sends at least.
	leastCount = 4
)

// Count is how many messages a check sends that would send so many to a fast server.
func (c Config) Count(want int) int {
	each := c.Pace.Each()
	if each <= 0 {
		return want
	}
	return min(want, max(leastCount, int(countBudget/each)))
}

// MessageTimeout is how long the harness waits for a message before it takes it for lost: Timeout, and
// longer where the submission is slow.
func (c Config) MessageTimeout() time.Duration { return c.Pace.within(6, c.Timeout, 10*c.Timeout) }

// Soon is how long a message is given to arrive before the next one is sent.
func (c Config) Soon() time.Duration {
	return c.Pace.within(4, min(c.Timeout, time.Second), c.MessageTimeout())
}

// WithTimeout returns a context that ends after MessageTimeout.
func (c Config) WithTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.MessageTimeout())
}
