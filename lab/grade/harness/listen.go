package harness

import (
	"context"
	"time"

	"pubsublab/lab/grade/harness/runner"
)

// Listens waits until the server listens. Where the system says so (Linux, for programs that are
// processes) nobody connects for that: one that comes and goes at once is no client that a person
// starts. Elsewhere a connection is opened, and closed at once. A finding is that it does not.
func (r *ServerRun) Listens(ctx context.Context) *Finding {
	limited, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	look := time.Now().Add(elsewhere)
	for wait := time.Millisecond; r.reached == 0 && r.Running() && limited.Err() == nil; wait = min(2*wait, 20*time.Millisecond) {
		is, err := r.Program.Taken(r.Port)
		if err != nil {
			if p, err := r.Connect(ctx, runner.Publisher); err == nil {
				p.HangUp()
			}
			break
		}
		if !is && time.Now().After(look) {
			look = time.Now().Add(time.Second)
			if found := r.Program.Listening(); len(found) > 0 {
				is = true
				if there, err := r.Program.Taken(r.Port); err != nil || !there { // it may have come to between the two looks
					r.found.Store(&found)
				}
			}
		}
		if is {
			r.reached = time.Since(r.Began)
		}
		Pause(limited, wait)
	}
	if r.reached > 0 {
		return nil
	}
	return r.Unreachable("after it was started")
}
