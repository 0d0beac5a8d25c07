package checks

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"pubsublab/lab/grade/harness"
)

// pairInterruptServer is the check pair-interrupt-server:
//
//	a publisher, a subscriber ──▶ server
//	Ctrl+C at the server: it ends
//	the clients end, or say that it has
var pairInterruptServer = Check{
	ID:     "pair-interrupt-server",
	Title:  "Ctrl+C ends the server, and its clients notice",
	From:   "A4, A16",
	Needs:  []string{"pair-works"},
	Shares: []string{"pair-terminate"}, // which is the last that a client is told
	Client: true,
	Pair:   true,
	Run:    onPair(1, 1, runPairInterruptServer),
}

func runPairInterruptServer(ctx context.Context, p *pair) *harness.Finding {
	clients := []*harness.Participant{p.publishers[0], p.subscribers[0]}
	shown := make([]int, len(clients))
	limited, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for i, c := range clients {
		c.Received.Quiet(limited, settled) // what is still on its way is no word about the server's end
		shown[i] = c.Received.Len()
	}
	p.Stopped = true
	if !p.pressed(ctx, p.Program) {
		return &harness.Finding{
			What:    "Ctrl+C was pressed twice at the server while clients were connected, and it did not end.",
			Cause:   "It catches the interrupt and goes on, or waits for threads that do not end while their clients are there (make them daemons).",
			Excerpt: append(p.Excerpt(clients, nil), p.Ended()...),
		}
	}
	found := make([]*harness.Finding, len(clients))
	var noticing sync.WaitGroup
	for i, c := range clients {
		noticing.Go(func() { found[i] = p.notices(ctx, c, shown[i]) })
	}
	noticing.Wait()
	return cmp.Or(found...)
}

// notices sees whether a client ends or says something when the server has ended; when it is typed
// something at the latest, terminate included.
func (p *pair) notices(ctx context.Context, c *harness.Participant, shown int) *harness.Finding {
	said := func() bool { return c.Closed() || c.Received.Len() > shown }
	wait := func(limit time.Duration) bool {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		ctx, end := c.Terminal().WhileBusy(ctx)
		defer end()
		return harness.Poll(ctx, said)
	}
	const soon = 200 * time.Millisecond
	noticed := wait(soon)
	for range 2 { // the first that it sends is still taken by the system
		if !noticed && c.Publish(c.Next("")) == nil {
			noticed = wait(soon)
		}
	}
	if !noticed && c.Terminate() == nil {
		noticed = wait(p.endLimit())
	}
	if noticed && !c.Closed() {
		if which, _ := flooding(ctx, c.Terminal().Program.Output); which >= 0 {
			return &harness.Finding{
				What:    fmt.Sprintf("The server was ended with Ctrl+C, and %s prints on and on.", c.Name),
				Cause:   "recv() returns nothing at once, again and again, when the connection has ended: end the loop then.",
				Excerpt: p.words(c),
			}
		}
	}
	if noticed {
		return nil
	}
	return &harness.Finding{
		What:    fmt.Sprintf("The server was ended with Ctrl+C, and %s neither ended nor said anything.", c.Name),
		Cause:   "It does not see that recv() returns nothing, or fails, when the connection has ended.",
		Excerpt: append(p.Excerpt([]*harness.Participant{c}, nil), p.words(c)...),
	}
}
