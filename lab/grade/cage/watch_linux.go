package cage

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"pubsublab/lab/internal/proc"
)

// lookEvery is how often it is looked at what programs use. A limit of the system on memory
// (RLIMIT_AS, RLIMIT_DATA) would not do: it counts what is reserved, and the runtimes of Java, Go and
// Node reserve far more than they use. And a control group can hardly ever be made where graders
// run: in containers, and by users who are not root.
const lookEvery = 200 * time.Millisecond

// watch looks after a program until it ends.
func (c *Cage) watch(p *Process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil { // closed meanwhile
		_ = p.Kill()
		return
	}
	c.running[p] = struct{}{}
	if len(c.running) == 1 {
		go c.patrol()
	}
}

// patrol looks after all programs until none is left.
func (c *Cage) patrol() {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for range ticker.C {
		table := proc.RecentTable()
		if !c.look(table) {
			return
		}
		proc.ReapOrphans(table)
	}
}

// look looks at each program once, and reports whether there are any.
func (c *Cage) look(table []proc.Entry) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for p := range c.running {
		select {
		case <-p.Done():
			delete(c.running, p)
			continue
		default:
		}
		if limit := c.limits.exceeded(proc.Family(table, p.PID())); limit != "" {
			p.stop(limit)
		}
	}
	return len(c.running) > 0
}

// exceeded says which limit processes exceed together, "" for none.
func (l Limits) exceeded(family []proc.Entry) string {
	var tasks int
	var memory int64
	for _, p := range family {
		tasks += p.Threads
		memory += p.Resident
	}
	if tasks > l.Tasks {
		return fmt.Sprintf("%d processes and threads", l.Tasks)
	}
	if memory <= l.Memory {
		return ""
	}
	memory = 0 // what they share was counted for each; this costs more, and is exact
	for _, p := range family {
		memory += p.Proportional()
	}
	if memory <= l.Memory {
		return ""
	}
	return fmt.Sprintf("%d MiB of memory", l.Memory>>20)
}

// killedFor says why a program was killed, where it was not the grader who did.
func (l Limits) killedFor(exit proc.Exit) string {
	switch exit.Number {
	case int(unix.SIGXFSZ):
		return fmt.Sprintf("the system stopped it: it wrote a file of more than %d MiB", l.FileSize>>20)
	case int(unix.SIGKILL):
		return "it was killed, but not by the grader: most likely this machine ran out of memory"
	}
	return ""
}
