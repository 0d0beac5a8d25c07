package checks

import (
	"context"
	"fmt"
	"time"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// endLimit is how long a program may take to end when it was asked to; longer where it also takes long
// to start, or for a message.
func (p *pair) endLimit() time.Duration {
	const least = 5 * time.Second
	return max(least, p.Timeout, 5*p.need, 2*p.start).Round(time.Second)
}

// How a client can leave.
const (
	byTerminate = "terminate"
	byInterrupt = "Ctrl+C"
)

// leaves asks the last client of a role to end, and returns it, and whether it has ended. One that
// goes on is killed.
func (p *pair) leaves(ctx context.Context, role, way string) (*harness.Participant, bool) {
	all := p.subscribers
	if role == runner.Publisher {
		all = p.publishers
	}
	c := all[len(all)-1]
	ended := false
	switch way {
	case byTerminate:
		if role == runner.Publisher {
			p.goodbye(ctx, c)
		}
		ended = c.Terminate() == nil && p.until(ctx, p.endLimit(), c.Closed) || c.Closed()
	case byInterrupt:
		ended = p.pressed(ctx, c.Terminal().Program)
	}
	if !ended {
		c.HangUp()
	}
	<-c.Terminal().Program.Done()
	p.left[role+way] = true
	p.tidy()
	return c, ended
}

// goodbye types a last message at a publisher, and returns when that has been sent: what comes right
// behind it could be in the same read of the server's, where that is no business of this check.
func (p *pair) goodbye(ctx context.Context, c *harness.Participant) {
	m := c.Next("")
	p.last = &m
	if c.Publish(m) != nil {
		return // it has ended, which is told elsewhere
	}
	const read, sent = 20 * time.Millisecond, 200 * time.Millisecond
	p.until(ctx, sent, func() bool { return !c.Terminal().Silent() })
	harness.Pause(ctx, read)
}

// pressed is that Ctrl+C was pressed until the program ended, twice at most, as a person does; false
// when it goes on.
func (p *pair) pressed(ctx context.Context, program *runner.Program) bool {
	for range 2 {
		_ = program.Interrupt() // one that has ended is what is wanted
		limited, cancel := p.Within(ctx, p.endLimit()/2)
		select {
		case <-program.Done():
			cancel()
			return true
		case <-limited.Done():
			cancel()
		}
	}
	return false
}

// goesOn is that a client did not end.
func (p *pair) goesOn(c *harness.Participant, what, cause string) *harness.Finding {
	return &harness.Finding{
		What:    fmt.Sprintf("%s at %s, and it did not end.", what, c.Name),
		Cause:   cause,
		Excerpt: append(p.Excerpt([]*harness.Participant{c}, []string{harness.Terminate}), p.words(c)...),
	}
}

// pairTerminate is the check pair-terminate:
//
//	typed: terminate
//	a publisher ends with exit code 0
var pairTerminate = Check{
	ID:     "pair-terminate",
	Title:  "terminate ends a publisher with exit code 0",
	From:   "A4",
	Needs:  []string{"pair-works"},
	Client: true,
	Pair:   true,
	Run: onLeaver(2, 1, func(ctx context.Context, p *pair) *harness.Finding {
		c, ended := p.leaves(ctx, runner.Publisher, byTerminate)
		if !ended {
			return p.goesOn(c, "terminate was typed", "Its loop does not end at terminate, or it waits for another thread that does not end (make it a daemon).")
		}
		exit := c.Terminal().Program.Exit()
		if exit.Code == 0 {
			return nil
		}
		return &harness.Finding{
			What:    fmt.Sprintf("terminate was typed at %s, and it ended %s; expected was exit code 0.", c.Name, exit),
			Cause:   "An error was not caught while it ended: reading from a socket that is closed, for instance.",
			Excerpt: append(p.Excerpt([]*harness.Participant{c}, []string{harness.Terminate}), p.words(c)...),
		}
	}),
}

// pairTerminateSubscriber is the check pair-terminate-subscriber:
//
//	typed: terminate
//	a subscriber ends
var pairTerminateSubscriber = Check{
	ID:     "pair-terminate-subscriber",
	Title:  "terminate ends a subscriber",
	From:   "A4",
	Needs:  []string{"pair-terminate"},
	Client: true,
	Pair:   true,
	Run:    onLeaver(1, 2, func(ctx context.Context, p *pair) *harness.Finding { return p.subscriberTerminates(ctx) }),
}

func (p *pair) subscriberTerminates(ctx context.Context) *harness.Finding {
	shown := p.subscribers[len(p.subscribers)-1].Received.Len()
	c, ended := p.leaves(ctx, runner.Subscriber, byTerminate)
	if ended {
		return nil
	}
	cause := "A subscriber waits for messages only: it needs a thread that reads what is typed, too."
	if c.Received.Len() > shown {
		cause = "It reads what is typed, and goes on: it does not take the word, or waits for another thread that does not end (make it a daemon)."
	}
	return p.goesOn(c, "terminate was typed", cause)
}

// pairInterruptPublisher is the check pair-interrupt-publisher:
//
//	Ctrl+C at a publisher: it ends
var pairInterruptPublisher = Check{
	ID:     "pair-interrupt-publisher",
	Title:  "Ctrl+C ends a publisher",
	From:   "A4",
	Needs:  []string{"pair-works"},
	Client: true,
	Pair:   true,
	Run: onLeaver(2, 1, func(ctx context.Context, p *pair) *harness.Finding {
		return p.interrupted(ctx, runner.Publisher)
	}),
}

// pairInterruptSubscriber is the check pair-interrupt-subscriber:
//
//	Ctrl+C at a subscriber: it ends
var pairInterruptSubscriber = Check{
	ID:     "pair-interrupt-subscriber",
	Title:  "Ctrl+C ends a subscriber",
	From:   "A4",
	Needs:  []string{"pair-interrupt-publisher"},
	Client: true,
	Pair:   true,
	Run: onLeaver(1, 2, func(ctx context.Context, p *pair) *harness.Finding {
		return p.interrupted(ctx, runner.Subscriber)
	}),
}

func (p *pair) interrupted(ctx context.Context, role string) *harness.Finding {
	if c, ended := p.leaves(ctx, role, byInterrupt); !ended {
		return p.goesOn(c, "Ctrl+C was pressed twice", "It catches the interrupt and goes on, or waits for a thread that does not end (make it a daemon).")
	}
	return nil
}
