package harness

import (
	"context"
	"sync/atomic"
	"time"
)

// Pace is how long the submission was seen to need for a message. A correct server may be slow: all
// waiting grows with it. Methods may be called concurrently; the zero Pace knows nothing yet.
type Pace struct {
	each, answer atomic.Int64
	rounds       atomic.Int32 // whether its clients ask for something before each message: noRounds, inRounds
}

// saw notes that a message took so long to arrive.
func (p *Pace) saw(took time.Duration) { raise(&p.each, took) }

// answered notes how long a server took to answer who registers, if it did.
func (p *Pace) answered(did bool, took time.Duration) {
	if did {
		raise(&p.answer, took)
	}
}

func raise(longest *atomic.Int64, took time.Duration) {
	for {
		before := longest.Load()
		if int64(took) <= before || longest.CompareAndSwap(before, int64(took)) {
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

// answers is how long an answer is waited for that may not come: several times as long as any took so
// far, and the longest where none came yet.
func (p *Pace) answers() time.Duration {
	const least, times = 300 * time.Millisecond, 10
	longest := time.Duration(p.answer.Load())
	if longest == 0 {
		return BonusTimeout
	}
	return min(max(least, times*longest), BonusTimeout)
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

const hopedLeast = 300 * time.Millisecond

// Hoped is how long a message is given that nobody demands: most, and less where messages come soon.
func (c Config) Hoped(most time.Duration) time.Duration {
	if c.Pace.Each() == 0 {
		return most
	}
	return c.Pace.within(10, min(most, hopedLeast), most)
}

// Briefly is how long a message is waited for where others like it have come before: half of Timeout, and
// longer where the submission is slow.
func (c Config) Briefly() time.Duration { return c.Pace.within(10, c.Timeout/2, c.MessageTimeout()) }

// WithTimeout returns a context that ends after MessageTimeout.
func (c Config) WithTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.MessageTimeout())
}
