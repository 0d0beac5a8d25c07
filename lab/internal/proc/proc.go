// Package proc starts other people's programs: each in a process group of its own, so that a signal
// reaches all that it started, and so that nothing of it is left when it has ended. All runners of
// the lab stand on it: the topology's nodes, the grader's submissions, the bench's peers.
package proc

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

// Exit is how a program ended. The zero value is an end by itself with exit code 0.
type Exit struct {
	Code   int    // -1 where a signal killed it
	Number int    // of the signal that killed it; 0 where none did
	Signal string // its name, "killed" for instance; empty where none did
	Reason string // why it was ended, where whoever ended it says so: a sentence without its full stop
}

func (e Exit) String() string {
	if e.Reason != "" {
		return "because " + e.Reason
	}
	if e.Signal != "" {
		return "by the signal: " + e.Signal
	}
	return fmt.Sprintf("with exit code %d", e.Code)
}

// Shell is the exit code as shells and Docker report it: 128 plus the number of the signal where
// one killed the program.
func (e Exit) Shell() int {
	if e.Number > 0 {
		return 128 + e.Number
	}
	return e.Code
}

// A Process is a program that was started. Its methods may be called concurrently, and do nothing,
// without an error, to a program that has ended.
type Process struct {
	// static after Start
	command *exec.Cmd
	mark    string
	done    chan struct{}

	// written before done is closed
	exit Exit
	err  error
}

// live are the processes of Start that were not waited for, so that they are not taken for orphans.
var (
	starting sync.Mutex // guards live, and is held while one is started
	live     = map[int]struct{}{}
)

// Start starts a command in a process group of its own. Ctrl+C at the terminal does not reach it
// there: whoever started it ends it. When it ends, what is left of its group is killed. A mark,
// "NAME=VALUE", is put into its environment, by which also what has left the group is found and
// killed; without one ("") that is not looked for.
func Start(command *exec.Cmd, mark string) (*Process, error) {
	p := &Process{command: command, mark: mark, done: make(chan struct{})}
	if mark != "" {
		command.Env = append(command.Environ(), mark)
	}
	command.SysProcAttr = ownGroup(command.SysProcAttr)
	starting.Lock()
	err := command.Start()
	if err == nil {
		live[p.PID()] = struct{}{}
	}
	starting.Unlock()
	if err != nil {
		return nil, err
	}
	go func() {
		err := command.Wait()
		starting.Lock()
		delete(live, p.PID())
		starting.Unlock()
		p.sweep()
		if p.exit = exitOf(command.ProcessState); p.exit == (Exit{}) {
			p.err = err // of its input or output: the code says all else
		}
		close(p.done)
	}()
	return p, nil
}

// Done is closed when the program has ended and nothing of it is left.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit is how it ended. Call it when Done is closed.
func (p *Process) Exit() Exit { return p.exit }

// Err is what went wrong with the input or output of a program that ended well by itself, such as
// [exec.ErrWaitDelay]. Call it when Done is closed.
func (p *Process) Err() error { return p.err }

// PID is the number of the process.
func (p *Process) PID() int { return p.command.Process.Pid }

// Interrupt does to the group what Ctrl+C does at a terminal. Windows has no way to do it to one
// group.
func (p *Process) Interrupt() error { return interruptGroup(p.command.Process) }

// Terminate asks the group to end. Windows has no way to ask: there it kills.
func (p *Process) Terminate() error { return terminateGroup(p.command.Process) }

// Kill ends the group at once. Wait for Done to know that nothing is left.
func (p *Process) Kill() error { return killGroup(p.command.Process) }

// Pause freezes the group until Resume. Not on Windows.
func (p *Process) Pause() error { return pauseGroup(p.command.Process) }

// Resume lets a paused group go on. Not on Windows.
func (p *Process) Resume() error { return resumeGroup(p.command.Process) }

// Resident is how many bytes of memory of the program itself are resident.
func (p *Process) Resident() (uint64, error) {
	info, err := (&process.Process{Pid: int32(p.PID())}).MemoryInfo()
	if err != nil {
		return 0, err
	}
	return info.RSS, nil
}

// sweep kills the program's group, and everything that left the group but has its mark. It looks
// again as long as it finds something, because what is being killed may still start more.
func (p *Process) sweep() {
	const rounds = 50
	for range rounds {
		_ = killGroup(p.command.Process)
		if p.mark == "" || !killMarked(p.mark) {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// Members are the numbers of the processes that have the program's mark just now: it, and what it
// started. Without a mark it is alone.
func (p *Process) Members() []int32 {
	if p.mark == "" {
		return []int32{int32(p.PID())}
	}
	return marked(p.mark)
}

// killMarked kills every process of this machine whose environment has the mark, and reports
// whether there was one.
func killMarked(mark string) (found bool) {
	for _, pid := range marked(mark) {
		found = (&process.Process{Pid: pid}).Kill() == nil || found
	}
	return found
}

// marked are the processes of this machine whose environment has the mark.
func marked(mark string) (found []int32) {
	pids, err := process.Pids()
	if err != nil {
		return nil
	}
	for _, pid := range pids {
		other := &process.Process{Pid: pid} // without a look at it, which costs more than the one that follows
		if env, err := other.Environ(); err == nil && slices.Contains(env, mark) && int(pid) != os.Getpid() {
			found = append(found, pid)
		}
	}
	return found
}
