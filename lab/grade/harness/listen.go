package harness

import (
	"context"
	"slices"
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
			is = r.listensSomewhere()
		}
		if is {
			r.listens()
		}
		Pause(limited, wait)
	}
	if r.reached > 0 {
		return nil
	}
	return r.Unreachable("after it was started")
}

// listensSomewhere reports whether the server listens at all, and notes where that is, unless it is
// where it was told: on a busy machine it may have begun to just now.
func (r *ServerRun) listensSomewhere() bool {
	found := r.Program.Listening()
	if len(found) > 0 && !slices.ContainsFunc(found, func(address string) bool { return slices.Contains(r.Program.Addresses, address) }) {
		r.found.Store(&found)
	}
	return len(found) > 0
}
