package checks

import (
	"context"
	"fmt"
	"strings"

	"pubsublab/lab/grade/harness"
)

// longLine is the check long-line:
//
//	publisher ──m of 5,000 bytes──▶ server ──m──▶ subscriber      in one piece
var longLine = Check{
	ID:     "long-line",
	Title:  "a message of 5,000 bytes arrives whole",
	From:   "A7",
	Needs:  []string{"server-delivers"},
	Bonus:  true,
	Socket: true,
	Run:    runLongLine,
}

func runLongLine(ctx context.Context, g *Suite) (*harness.Finding, error) {
	const size = 5000
	r, subscribers, publishers, f, err := g.Fixture(ctx, "long", 1, 1)
	if f != nil || err != nil {
		return f, err
	}
	defer r.Close()
	var text strings.Builder
	for i := 0; text.Len() < size; i++ {
		fmt.Fprintf(&text, " %d", i)
	}
	m := publishers[0].Next(text.String())
	limited, cancel := r.WithTimeout(ctx)
	defer cancel()
	if r.Say(limited, m) == nil && harness.Poll(limited, func() bool { return arrived(string(subscribers[0].Received.Bytes()), m.Text) }) {
		return nil, nil
	}
	return &harness.Finding{What: fmt.Sprintf("A message of %d bytes did not arrive in one piece.", len(m.Text))}, nil
}
