package checks

import (
	"context"
	"time"

	"pubsublab/lab/grade/harness"
)

// pairEmptyLine is the check pair-empty-line:
//
//	publisher 2: only Enter is pressed
//	publisher 1 ──m──▶ server ──m──▶ the subscribers      as before
//
// What becomes of publisher 2 is its own business: to some, an empty line is the end.
var pairEmptyLine = Check{
	ID:     "pair-empty-line",
	Title:  "an empty line ends nobody but who typed it",
	From:   "A3, A10",
	Needs:  []string{"pair-killed"},
	Client: true,
	Pair:   true,
	Run:    onPair(2, 1, runPairEmptyLine),
}

func runPairEmptyLine(ctx context.Context, p *pair) *harness.Finding {
	c := p.publishers[len(p.publishers)-1]
	if c.Publish(harness.Message{From: c}) != nil {
		return nil // it has ended, which is told elsewhere
	}
	const taken = 200 * time.Millisecond
	harness.Pause(ctx, max(taken, p.need))
	p.publishers = p.publishers[:len(p.publishers)-1]
	f := p.serves(ctx, "after Enter was pressed at "+c.Name+" on an empty line")
	if f != nil && !p.Running() {
		f.Cause = "The server does something with a message that cannot be done with an empty one, as taking its first word: its last output is below."
	}
	c.HangUp()
	return f
}
