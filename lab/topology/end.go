package topology

import (
	"fmt"
	"slices"
)

// An End is how a node ended.
type End struct {
	// Code is its exit code: 128 plus the number of the signal that killed it, if one did.
	Code int
	// OutOfMemory: it was killed because it reached its memory limit. Processes have no limit; it
	// is false of them.
	OutOfMemory bool
}

// signalNames are the signals that end programs, by the numbers that they have on all systems.
var signalNames = map[int]string{
	1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV",
	13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM",
}

// Signal is the name of the signal that killed the node, such as SIGKILL, or "".
func (e End) Signal() string { return signalNames[e.Code-128] }

// Killed reports whether somebody else ended the node. Signals of faults, and a memory limit, are
// failures of its own.
func (e End) Killed() bool {
	return !e.OutOfMemory && slices.Contains([]string{"SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"}, e.Signal())
}

// Failed reports whether the node ended by itself, with an error.
func (e End) Failed() bool { return e.Code != 0 && !e.Killed() }

// String says it as a predicate: "ended with exit code 1", "was killed by SIGKILL (exit code 137)".
func (e End) String() string {
	switch {
	case e.OutOfMemory:
		return fmt.Sprintf("reached its memory limit and was killed (exit code %d)", e.Code)
	case e.Signal() != "":
		return fmt.Sprintf("was killed by %s (exit code %d)", e.Signal(), e.Code)
	default:
		return fmt.Sprintf("ended with exit code %d", e.Code)
	}
}
