package submission

import (
	"context"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// idle is a server that was seen to listen, and that nobody has used: it is left running for the first
// pair that is tried with it.
type idle struct {
	dir, command string
	port         int
	program      *runner.Program
	run          *runner.Processes // that started it
}

// keep leaves a server running, instead of any other.
func (f *finder) keep(i *idle) {
	if f.idle != nil {
		f.idle.program.Kill()
	}
	f.idle = i
}

// trial starts the server for a pair, or takes the one that was left running, if it is of the same
// settings.
func (f *finder) trial(ctx context.Context, h *harness.Harness, run *runner.Processes, s Settings) (*harness.ServerRun, error) {
	if i := f.idle; i != nil && i.dir == s.Dir && i.command == s.Server && s.Port == 0 {
		f.idle, h.Runner = nil, run.With(i.run)
		r := h.Adopt(i.program, i.port, "trial")
		if r.Running() {
			return r, nil
		}
		r.Close()
	}
	f.keep(nil)
	return h.Start(ctx, "trial")
}
