package broker

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// poller waits for what subscribers say, in place of their readers: one goroutine for all of them,
// where each would need one of its own, with a stack. Its methods may be called concurrently.
type poller struct {
	mu      sync.Mutex
	epoll   *os.File // nil before the first await
	waiting map[int32]*session
	running sync.WaitGroup
}

// await has s resumed when something comes from its client, or wake is called. It reports whether it
// can: after a wake, and where the system has no room for it, s has to read by itself.
func (p *poller) await(s *session) bool {
	raw, err := socket(s.raw)
	if err != nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.woken || !p.startLocked() {
		return false
	}
	raw.Control(func(fd uintptr) {
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
		if p.control(unix.EPOLL_CTL_ADD, int32(fd), &event) == nil {
			s.polled = int32(fd)
			p.waiting[s.polled] = s
			s.b.all.Add(1) // it is one of the broker's goroutines, but for its stack
		}
	})
	return s.polled != 0
}

// wake resumes s if it waits, and has later calls of await fail.
func (p *poller) wake(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.woken = true
	if s.polled != 0 {
		p.resumeLocked(s)
	}
}

// close ends the poller, when nobody waits any more.
func (p *poller) close() {
	p.mu.Lock()
	defer p.running.Wait()
	defer p.mu.Unlock()
	if p.epoll != nil {
		p.epoll.Close()
	}
}

func (p *poller) resumeLocked(s *session) {
	p.control(unix.EPOLL_CTL_DEL, s.polled, nil)
	delete(p.waiting, s.polled)
	s.polled = 0
	s.b.all.Go(func() { s.readLoop(nil, false, "") })
	s.b.all.Done()
}

// startLocked starts the goroutine, unless it runs. It reports whether it does.
func (p *poller) startLocked() bool {
	if p.epoll != nil {
		return true
	}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return false
	}
	unix.SetNonblock(fd, true) // so that Go's own poller waits for it, and no thread
	p.epoll, p.waiting = os.NewFile(uintptr(fd), "epoll"), map[int32]*session{}
	p.running.Go(p.run)
	return true
}

// run resumes whoever something has come for, until close.
func (p *poller) run() {
	raw, err := p.epoll.SyscallConn()
	var ready [128]unix.EpollEvent
	for err == nil {
		var n int
		err = raw.Read(func(fd uintptr) bool {
			n, _ = unix.EpollWait(int(fd), ready[:], 0)
			return n > 0
		})
		p.mu.Lock()
		for _, event := range ready[:max(n, 0)] {
			if s := p.waiting[event.Fd]; s != nil {
				p.resumeLocked(s)
			}
		}
		p.mu.Unlock()
	}
}

func (p *poller) control(op int, fd int32, event *unix.EpollEvent) (err error) {
	raw, err := p.epoll.SyscallConn()
	if err != nil {
		return err
	}
	failed := raw.Control(func(epoll uintptr) { err = unix.EpollCtl(int(epoll), op, int(fd), event) })
	if failed != nil {
		return failed
	}
	return err
}
