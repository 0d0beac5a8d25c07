package checks

import (
	"context"
	"time"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// survivesMidMessage is the check survives-mid-message:
//
//	publisher ──half of m──▶ server
//	publisher ──closes, or ✂
//	newcomers are served
var survivesMidMessage = Check{
	ID:     "survives-mid-message",
	Title:  "the server goes on when a publisher leaves in the middle of a message",
	From:   "A10",
	Needs:  []string{"survives-reset"},
	Socket: true,
	Run:    runSurvivesMidMessage,
}

func runSurvivesMidMessage(ctx context.Context, g *Suite) (*harness.Finding, error) {
	half := func(end func(context.Context, *harness.ServerRun, *harness.Participant)) func(context.Context, *harness.ServerRun, *harness.Participant) {
		return func(ctx context.Context, r *harness.ServerRun, p *harness.Participant) {
			_ = p.PublishHalf(p.Next(""))
			harness.Pause(ctx, 20*time.Millisecond) // so that it is read before the end is seen
			end(ctx, r, p)
		}
	}
	return survives(ctx, g, "half",
		"The server waits for the rest of the message for ever, or uses a rest that is not there: an empty read is the end of the connection.",
		[]leaving{
			{runner.Publisher, "a publisher closed in the middle of a message", half(closes)},
			{runner.Publisher, "a publisher's connection was reset in the middle of a message", half(resets)},
			{"", "a client closed in the middle of its role", func(ctx context.Context, r *harness.ServerRun, p *harness.Participant) {
				_ = p.Send("PUBL")
				harness.Pause(ctx, 20*time.Millisecond)
				closes(ctx, r, p)
			}},
		})
}
