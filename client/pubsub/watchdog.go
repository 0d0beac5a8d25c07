package pubsub

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// errVanished ends a connection whose peer has confirmed nothing for too long.
var errVanished = fmt.Errorf("the server does not confirm what is sent to it (%w)", os.ErrDeadlineExceeded)

// vanishTimeout is how long a server may acknowledge nothing of what was sent to it. The kernel
// would send it again for a quarter of an hour. The kernel's own limit for that, TCP_USER_TIMEOUT,
// would also end a connection to a server that takes nothing for now because it holds its
// publishers up (P16). With several brokers the timeout is shorter: to go on at another one costs
// little, whereas to lose the only one may cost everything.
func vanishTimeout(brokers int) time.Duration {
	if brokers > 1 {
		return 12 * time.Second
	}
	return 30 * time.Second
}

// traffic is what the kernel knows of a connection.
type traffic struct {
	underWay bool          // something was sent, or asked, that the peer has not confirmed
	silence  time.Duration // since the peer confirmed anything
}

// watchdog decides from the traffic, which it is shown at intervals, whether the peer is gone.
type watchdog struct {
	after  time.Duration // how long it may owe a confirmation
	looked time.Time     // the last time
	since  time.Time     // since when the peer owes a confirmation
}

func (w *watchdog) gone(now time.Time, t traffic) bool {
	if !t.underWay || w.looked.IsZero() || t.silence < now.Sub(w.looked) {
		w.since = now
	}
	w.looked = now
	return now.Sub(w.since) >= w.after
}

// watch closes a connection whose peer has not acknowledged anything for too long. It returns a
// function that stops this, and reports whether the connection was closed. It works only on systems
// whose kernel reports the traffic.
func watch(conn net.Conn, after time.Duration) (stop func() (vanished bool)) {
	stopped, result := make(chan struct{}), make(chan bool, 1)
	go func() {
		tick := time.NewTicker(after / 10)
		defer tick.Stop()
		for w := (watchdog{after: after}); ; {
			select {
			case <-stopped:
				result <- false
				return
			case now := <-tick.C:
				t, err := trafficOf(conn)
				if errors.Is(err, errors.ErrUnsupported) {
					<-stopped
					result <- false
					return
				}
				if err == nil && w.gone(now, t) {
					conn.Close()
					result <- true
					return
				}
			}
		}
	}()
	return func() bool {
		close(stopped)
		return <-result
	}
}
