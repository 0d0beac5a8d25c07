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
		for _, m := range batch {
			if err = r.Say(ctx, m); err != nil {
				break
			}
			sent += size
		}
		final := batch[len(batch)-1].Token
		offset := max(0, watched.Received.Len()-len(batch)*2*size)
		limited, cancel := context.WithTimeout(ctx, g.Briefly())
		if err != nil {
			cancel() // the server took nothing for longer than that
		}
		arrived := harness.Poll(limited, func() bool { return watched.Has(offset, final) })
		cancel()
		if !arrived {
			return &harness.Finding{
				What:    fmt.Sprintf("A subscriber stopped reading, and after %d KB %s received nothing more for %v.", sent>>10, watched.Name, g.Briefly()),
				Cause:   "send() waits for the subscriber that does not read, and with it everybody, because the lock is held while sending. A queue and a thread for each subscriber helps.",
				Excerpt: r.Excerpt([]*harness.Participant{slow, p, watched}, []string{final}, harness.Step{Kind: harness.Missing, From: harness.ServerName, To: watched.Name, Data: []byte(final)}),
			}, nil
		}
	}
	return nil, nil
}
