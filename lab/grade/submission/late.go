package submission

import (
	"context"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// late is a server that took long to start, and was seen to listen: it is left running for the first
// pair that is tried with it.
type late struct {
	dir, command string
	port         int
	program      *runner.Program
}

// keep leaves a server running, instead of any other.
func (f *finder) keep(l *late) {
	if f.late != nil {
		f.late.program.Kill()
	}
	f.late = l
}

// trial starts the server for a pair, or takes the one that was left running, if it is of the same
// settings.
func (f *finder) trial(ctx context.Context, h *harness.Harness, s Settings) (*harness.ServerRun, error) {
	if l := f.late; l != nil && l.dir == s.Dir && l.command == s.Server && s.Port == 0 {
		f.late = nil
		r := h.Adopt(l.program, l.port, "trial")
		if r.Running() {
			return r, nil
		}
		r.Close()
	}
	f.keep(nil)
	return h.Start(ctx, "trial")
}
