package proc

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// AdoptOrphans makes this process the parent of all that programs leave behind when they end, so
// that it is found whatever it did to its group, its session and its environment.
func AdoptOrphans() error {
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}

// ReapOrphans lets go of those orphans in a table that have ended.
func ReapOrphans(table []Entry) { sweepOrphans(table, false) }

// KillOrphans kills what programs left to this process, until nothing is left. Call it when no
// program of [Start] runs whose orphans are still of use.
func KillOrphans() {
	const rounds = 1000
	for range rounds {
		if !sweepOrphans(Table(), true) {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// sweepOrphans looks at each orphan in a table once, and reports whether there was one. Children that this
// process started for itself are not orphans: they are in its group, or in live.
func sweepOrphans(table []Entry, kill bool) (found bool) {
	starting.Lock() // so that what was started is in live
	defer starting.Unlock()
	for _, e := range table {
		if _, ours := live[e.PID]; ours || e.Parent != os.Getpid() || e.Group == unix.Getpgrp() {
			continue
		}
		found = true
		if kill {
			_ = unix.Kill(e.PID, unix.SIGKILL) // it may have ended
		}
		_, _ = unix.Wait4(e.PID, nil, unix.WNOHANG, nil) // its end, which nobody else waits for
	}
	return found
}
