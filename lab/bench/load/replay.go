package load

import (
	"context"
	"fmt"
	"time"

	"pubsublab/lab/bench/dialect"
)

// Replay publishes everything first, to one subscriber, and then measures how fast late joiners get the history of it. Only this
// project's broker has one. The history has to hold it all.
func (j Job) Replay(ctx context.Context, target Target) (Result, error) {
	live := j
	live.Subscribers = 1
	if r, err := live.Throughput(ctx, target); err != nil || r.Problem != "" {
		return r, err
	}
	start := time.Now()
	_, lines := j.block(target, 0)
	target.Dialect = dialect.Lines{From: fmt.Sprintf("-%d", lines*j.Blocks*j.Publishers)}
	crowd, err := target.gather(ctx, 0, j.Subscribers, noTopic)
	if err != nil {
		return Result{}, err
	}
	t := j.new(target, crowd)
	t.start = start
	for i := range t.sent {
		t.sent[i].Store(t.lines * int64(j.Blocks))
	}
	return t.run(ctx)
}
