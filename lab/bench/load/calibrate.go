package load

import (
	"context"
	"errors"
	"time"
)

// Calibrate returns how many blocks of each publisher make a run of about that long, at least one.
func (j Job) Calibrate(ctx context.Context, target Target, length time.Duration) (blocks int, err error) {
	for j.Blocks = 1; ; {
		r, err := j.Throughput(ctx, target)
		if err != nil {
			return 0, err
		}
		if r.Problem != "" {
			return 0, errors.New(r.Problem)
		}
		factor := length.Seconds() / r.Elapsed.Seconds()
		enough := factor < 3
		j.Blocks = max(1, int(float64(j.Blocks)*min(factor, 20)))
		if enough {
			return j.Blocks, nil
		}
	}
}
