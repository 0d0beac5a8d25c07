package proc

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// An Entry is a process of this machine, as the system shows it.
type Entry struct {
	PID, Parent, Group, Session int

	Zombie   bool  // it ended, and its parent has not noticed
	Threads  int   // of them
	Resident int64 // bytes, with all that it shares
}

// Table are the processes of this machine, but for those that ended while it looked.
func Table() (all []Entry) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) // those that it could read
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			if e, err := look(pid); err == nil {
				all = append(all, e)
			}
		}
	}
	return all
}

// recent is a table that is not old.
var recent struct {
	sync.Mutex
	at    time.Time
	table []Entry
}

// RecentTable is Table as of a moment ago, for all who look at about the same time. It must not be
// changed.
func RecentTable() []Entry {
	const moment = 40 * time.Millisecond
	recent.Lock()
	defer recent.Unlock()
	if time.Since(recent.at) > moment {
		recent.table, recent.at = Table(), time.Now()
	}
	return recent.table
}

// look reads what there is in proc_pid_stat(5).
func look(pid int) (e Entry, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return e, err
	}
	// Behind the name, which may hold anything: the state, which is no number, and 49 or more numbers.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const parent, group, session, threads, resident, enough = 1, 2, 3, 17, 21, 22
	if len(fields) < enough {
		return e, fmt.Errorf("process %d: unexpected %q", pid, text)
	}
	number := func(field int) int {
		n, wrong := strconv.Atoi(fields[field])
		if wrong != nil {
			err = wrong
		}
		return n
	}
	return Entry{
		PID: pid, Parent: number(parent), Group: number(group), Session: number(session),
		Zombie: fields[0] == "Z", Threads: number(threads), Resident: int64(number(resident)) * int64(os.Getpagesize()),
	}, err
}

// Owner is the number of the real user of the process, which the owner of its folder in /proc need
// not be: of a process that hides its memory that is root.
func (e Entry) Owner() (int, error) { return strconv.Atoi(e.field("status", "Uid:")) }

// Proportional is how many bytes are resident, of what it shares only its part. Where the system
// does not say so, it is Resident.
func (e Entry) Proportional() int64 {
	kilobytes, err := strconv.ParseInt(e.field("smaps_rollup", "Pss:"), 10, 64)
	if err != nil {
		return e.Resident
	}
	return kilobytes << 10
}

// field is the word behind a name that a line of one of the process's files in /proc begins with,
// "" where there is none.
func (e Entry) field(file, name string) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", e.PID, file)) // it may have ended
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, name); found && rest != "" {
			return strings.Fields(rest)[0]
		}
	}
	return ""
}

// Family are the processes that belong to one that was started in a group of its own: its group, a
// session that it leads, and all that these started while they lived.
func Family(table []Entry, leader int) (family []Entry) {
	belongs := map[int]bool{}
	for again := true; again; {
		again = false
		for _, e := range table {
			if !belongs[e.PID] && (e.PID == leader || e.Group == leader || e.Session == leader || belongs[e.Parent]) {
				belongs[e.PID], again = true, true
				family = append(family, e)
			}
		}
	}
	return family
}
