package checks

import (
	"context"
	"fmt"
	"strings"
	"time"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// slowSubscriber is the check slow-subscriber:
//
//	slow subscriber ──role──▶ server       and reads nothing any more
//	publisher ──6 MB──▶ server ──6 MB──▶ the other subscribers
var slowSubscriber = Check{
	ID:     "slow-subscriber",
	Title:  "a subscriber that stops reading does not stop the others",
	From:   "A10",
	Needs:  []string{"all-receive-all"},
	Bonus:  true,
	Own:    true,
	Socket: true,
	First:  true,
	Run:    runSlowSubscriber,
}

// checkTime is how long what is sent to fill buffers may take.
const checkTime = time.Minute

func runSlowSubscriber(ctx context.Context, g *Suite) (*harness.Finding, error) {
	const total, size = 6 << 20, 1000
	r, subscribers, publishers, f, err := g.Fixture(ctx, "slow", 2, 1)
	if f != nil || err != nil {
		return f, err
	}
	defer r.Close()
	if whole := time.Duration(total/size) * r.Pace.Each(); g.Dialect.Framing != harness.Lines && whole > checkTime {
		return &harness.Finding{What: fmt.Sprintf("At its pace, so many messages would take %v.", whole.Round(time.Second))}, nil
	}
	// One more that reads nothing once it is registered, with a buffer as small as the system
	// allows.
	slow, err := r.Connect(ctx, runner.Subscriber)
	if err != nil {
		return r.Unreachable("when a slow subscriber came"), nil
	}
	if err := slow.Socket().SetReadBuffer(1); err != nil {
		return nil, err
	}
	if err := r.Register(ctx, slow, runner.Subscriber); err != nil {
		return r.Unreachable("when a slow subscriber came"), nil
	}
	r.Ready(ctx, slow)
	slow.Stall()
	more := " " + strings.Repeat("x", size)
	p, watched := publishers[0], subscribers[0]
	for sent := 0; sent < total; {
		batch := []harness.Message{p.Next(more)}
		if g.Dialect.Framing == harness.Lines {
			for len(batch) < 50 {
				batch = append(batch, p.Next(more))
			}
		}
		said := make(chan struct{})
		go func() {
			defer close(said)
			for _, m := range batch {
				if r.Say(ctx, m) != nil {
					return
				}
			}
		}()
		final := batch[len(batch)-1].Token
		if !arrives(ctx, watched, final, len(batch)*2*size, g.Briefly()) {
			return &harness.Finding{
				What:    fmt.Sprintf("A subscriber stopped reading, and after %d KB %s received nothing more for %v.", sent>>10, watched.Name, g.Briefly()),
				Cause:   "send() waits for the subscriber that does not read, and with it everybody, because the lock is held while sending. A queue and a thread for each subscriber helps.",
				Excerpt: r.Excerpt([]*harness.Participant{slow, p, watched}, []string{final}, harness.Step{Kind: harness.Missing, From: harness.ServerName, To: watched.Name, Data: []byte(final)}),
			}, nil
		}
		<-said
		sent += len(batch) * size
	}
	return nil, nil
}

// arrives waits for a message for as long as anything comes, and a time more, and reports whether it came.
// It is looked for in the last bytes that were received, so many.
func arrives(ctx context.Context, p *harness.Participant, token string, last int, more time.Duration) bool {
	had, progress, came := p.Received.Len(), time.Now(), false
	harness.Poll(ctx, func() bool {
		now := p.Received.Len()
		if came = p.Has(max(0, now-last), token); now > had {
			had, progress = now, time.Now()
		}
		return came || p.Closed() || time.Since(progress) >= more
	})
	return came
}
