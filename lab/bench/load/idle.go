package load

import (
	"context"
	"time"
)

// settle is how long a broker is left alone before its memory is read. Idle subscribers are idle for
// longer than the moment in which they came.
const settle = 3 * time.Second

// Idle returns how many bytes of resident memory a broker takes for each of so many subscribers
// that receive nothing.
func Idle(ctx context.Context, system System, subscribers int, resident func() (uint64, error)) (float64, error) {
	quiet := func() (uint64, error) {
		select {
		case <-time.After(settle):
			return resident()
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
	before, err := quiet()
	if err != nil {
		return 0, err
	}
	crowd, err := system.gather(ctx, 0, subscribers, noTopic)
	if err != nil {
		return 0, err
	}
	defer crowd.close()
	after, err := quiet()
	return (float64(after) - float64(before)) / float64(subscribers), err
}
