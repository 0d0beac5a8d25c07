package runner

import (
	"time"

	"pubsublab/lab/internal/proc"
)

// Rest is how long programs that run are at rest, as far as a watch of them has seen: they do nothing
// more until something comes from outside. It is 0 where they are not, or where that cannot be seen: of
// containers, of other users' programs.
func Rest(w *proc.Watch, programs ...*Program) time.Duration {
	var leaders []int
	for _, p := range programs {
		h, ok := p.handle.(*processHandle)
		if !ok {
			return 0
		}
		leaders = append(leaders, h.process.PID())
	}
	return w.Rest(leaders...)
}
