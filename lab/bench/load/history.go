package load

import (
	"context"
	"fmt"
	"time"

	"pubsublab/lab/bench/dialect"
)

// History publishes everything first, to one subscriber, and then measures how fast late joiners get
// the history of it. Only this project's broker has one. The history has to hold it all.
func (j Job) History(ctx context.Context, system System) (Result, error) {
	live := j
	live.Subscribers = 1
	if r, err := live.Throughput(ctx, system); err != nil || r.Problem != "" {
		return r, err
	}
	start := time.Now()
	_, lines := j.block(system, 0)
	system.Dialect = dialect.Lines{From: fmt.Sprintf("-%d", lines*j.Blocks*j.Publishers)}
	crowd, err := system.gather(ctx, 0, j.Subscribers, noTopic)
	if err != nil {
		return Result{}, err
	}
	t := j.new(system, crowd)
	t.start = start
	for i := range t.sent {
		t.sent[i].Store(t.lines * int64(j.Blocks))
	}
	return t.run(ctx)
}
