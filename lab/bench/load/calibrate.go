package load

import (
	"context"
	"errors"
	"math"
	"time"
)

// Calibrate returns how many blocks of each publisher make a run of about that long, at least one.
func (j Job) Calibrate(ctx context.Context, system System, length time.Duration) (blocks int, err error) {
	for j.Blocks = 1; ; {
		fastest := time.Duration(math.MaxInt64)
		for range 2 { // something else may have slowed one of them down
			r, err := j.Throughput(ctx, system)
			if err != nil {
				return 0, err
			}
			if r.Problem != "" {
				return 0, errors.New(r.Problem)
			}
			fastest = min(fastest, r.Elapsed)
		}
		factor := length.Seconds() / fastest.Seconds()
		j.Blocks = max(1, int(float64(j.Blocks)*min(factor, 20)))
		if factor < 3 {
			return j.Blocks, nil
		}
	}
}
