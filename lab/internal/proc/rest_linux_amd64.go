package proc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A Watch looks at programs every now and then, to find out whether they are at rest: all threads of
// theirs wait for somebody else, without an end of their own, and none has run meanwhile. Programs at
// rest do nothing more until something comes from outside, however busy the machine is. A timer that
// has gone off some times and nothing came of it, as that of a loop that only sleeps, is none that
// anything will come of. The zero Watch has seen nothing yet. It is for one goroutine.
type Watch struct {
	threads map[int]thread // by number
	since   time.Time      // the first look after the last change
}

// thread is a thread as one look found it.
type thread struct {
	ran   uint64 // how often it was given a processor
	call  string // the system call in which it waits
	timed bool   // which ends by itself soon
	fired int    // how often that was, with nothing else happening
}

const (
	// idleTimers is how often a timer goes off for nothing before nothing is expected of it.
	idleTimers = 2
	// longTimer is the time of one that nobody waits for.
	longTimer = 10 * time.Second
)

// Rest looks once at all that belongs to the programs, which lead groups of their own, and returns how
// long they are at rest; 0 where they are not, or where the system does not say.
func (w *Watch) Rest(leaders ...int) time.Duration {
	now := time.Now()
	table, seen := RecentTable(), map[int]thread{}
	for _, leader := range leaders {
		before := len(seen)
		for _, e := range Family(table, leader) {
			if !e.Zombie && !lookInto(e.PID, seen) {
				w.threads = nil
				return 0
			}
		}
		if len(seen) == before { // it has ended, and who started it is about to be told
			w.threads = nil
			return 0
		}
	}
	changed, waits := w.threads == nil || len(seen) != len(w.threads), false
	for id, t := range seen {
		before, known := w.threads[id]
		switch {
		case !known || t.call != before.call:
			changed = true
		case t.ran == before.ran:
			t.fired = before.fired
		case t.timed:
			t.fired = before.fired + 1
		default:
			changed = true
		}
		seen[id] = t
		waits = waits || t.timed && t.fired < idleTimers
	}
	if changed {
		w.since = now
		for id, t := range seen {
			t.fired = 0
			seen[id] = t
		}
	}
	w.threads = seen
	if changed || waits {
		return 0
	}
	return now.Sub(w.since)
}

// lookInto looks at the threads of a process, and reports whether each of them waits.
func lookInto(pid int, seen map[int]thread) bool {
	dir := fmt.Sprintf("/proc/%d/task", pid)
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, task := range tasks {
		id, err := strconv.Atoi(task.Name())
		if err != nil {
			return false
		}
		folder := dir + "/" + task.Name() + "/"
		stat, err := os.ReadFile(folder + "stat")
		if err != nil {
			return false
		}
		from, to := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
		if from < 0 || to < from || to+2 >= len(stat) {
			return false
		}
		if stat[to+2] != 'S' {
			return false
		}
		if ofJVM(string(stat[from+1 : to])) {
			continue
		}
		call, wrong := os.ReadFile(folder + "syscall")
		ran, err := os.ReadFile(folder + "schedstat")
		if err != nil || wrong != nil {
			return false
		}
		t := thread{call: string(call)}
		if _, err := fmt.Sscanf(string(ran), "%d %d %d", new(uint64), new(uint64), &t.ran); err != nil {
			return false
		}
		waits, timed := waiting(pid, t.call)
		if !waits {
			return false
		}
		t.timed = timed
		seen[id] = t
	}
	return true
}

// ofJVM reports whether a thread is one by which the Java virtual machine keeps house, by its name, of
// which the system keeps 15 bytes.
func ofJVM(name string) bool {
	for _, own := range []string{
		"VM Periodic Tas", "VM Thread", "C1 CompilerThre", "C2 CompilerThre", "Sweeper thread", "Service Thread", "Monitor Deflati", "Notification T",
		"Common-Cleaner", "Signal Dispatch", "Finalizer", "Reference Handl", "GC Thread#", "G1 ",
	} {
		if strings.HasPrefix(name, own) {
			return true
		}
	}
	return false
}

// waiting reports whether a system call, as proc_pid_syscall(5) shows it, is one that waits, and whether
// it ends by itself soon. A timeout of a socket (SO_RCVTIMEO) is not seen.
func waiting(pid int, call string) (waits, timed bool) {
	var n [7]uint64 // the number of the call, and its arguments
	fields := strings.Fields(call)
	if len(fields) < len(n) {
		return false, false // it runs, or was stopped at something else
	}
	for i := range n {
		var err error
		if n[i], err = strconv.ParseUint(fields[i], 0, 64); err != nil {
			return false, false
		}
	}
	args := n[1:]
	switch n[0] {
	case unix.SYS_READ, unix.SYS_READV, unix.SYS_RECVFROM, unix.SYS_RECVMSG, unix.SYS_ACCEPT, unix.SYS_ACCEPT4, unix.SYS_PAUSE, unix.SYS_RT_SIGSUSPEND,
		unix.SYS_WAIT4, unix.SYS_WAITID, unix.SYS_WRITE, unix.SYS_WRITEV, unix.SYS_SENDTO, unix.SYS_SENDMSG:
		return true, false
	case unix.SYS_POLL:
		return true, soon(time.Duration(int32(args[2])) * time.Millisecond)
	case unix.SYS_EPOLL_WAIT, unix.SYS_EPOLL_PWAIT:
		return true, soon(time.Duration(int32(args[3])) * time.Millisecond)
	case unix.SYS_PPOLL:
		return true, pointsSoon(pid, args[2], 0)
	case unix.SYS_EPOLL_PWAIT2:
		return true, pointsSoon(pid, args[3], 0)
	case unix.SYS_SELECT, unix.SYS_PSELECT6:
		return true, pointsSoon(pid, args[4], 0)
	case unix.SYS_RT_SIGTIMEDWAIT:
		return true, pointsSoon(pid, args[2], 0)
	case unix.SYS_NANOSLEEP:
		return true, pointsSoon(pid, args[0], 0)
	case unix.SYS_CLOCK_NANOSLEEP:
		const absolute = 1
		if args[1]&absolute == 0 {
			return true, pointsSoon(pid, args[2], 0)
		}
		return true, pointsSoon(pid, args[2], clock(int32(args[0])))
	case unix.SYS_FUTEX:
		const wait, waitUntil, private, realtime = 0, 9, 128, 256
		switch op := args[1] &^ (private | realtime); {
		case op == wait:
			return true, pointsSoon(pid, args[3], 0)
		case op == waitUntil && args[1]&realtime != 0:
			return true, pointsSoon(pid, args[3], clock(unix.CLOCK_REALTIME))
		case op == waitUntil:
			return true, pointsSoon(pid, args[3], clock(unix.CLOCK_MONOTONIC))
		}
	}
	return false, false
}

// clock is the time of one of the system's clocks.
func clock(id int32) time.Duration {
	var now unix.Timespec
	_ = unix.ClockGettime(id, &now) // else all is late
	return time.Duration(now.Nano())
}

// soon reports whether a wait so long, for ever where it is negative, ends soon.
func soon(d time.Duration) bool { return d >= 0 && d < longTimer }

// pointsSoon is soon of the time at an address in a process, from another one on; 0 is none.
func pointsSoon(pid int, address uint64, from time.Duration) bool {
	if address == 0 {
		return false
	}
	data := make([]byte, 16)
	local := []unix.Iovec{{Base: &data[0], Len: uint64(len(data))}}
	remote := []unix.RemoteIovec{{Base: uintptr(address), Len: len(data)}}
	if n, err := unix.ProcessVMReadv(pid, local, remote, 0); err != nil || n < len(data) {
		return true
	}
	seconds := binary.NativeEndian.Uint64(data)
	if seconds > math.MaxInt32 {
		return true
	}
	return time.Duration(seconds)*time.Second-from < longTimer
}
