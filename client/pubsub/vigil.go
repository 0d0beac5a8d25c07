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

// patience is how long a server may confirm nothing of what is under way to it.
// The kernel would send it again for a quarter of an hour. Its own limit for
// that, TCP_USER_TIMEOUT, also ends a connection whose peer is there and only
// takes nothing for now, as a server does that holds its publishers up (P16).
// To go on at another broker costs little; not to find the only one again may
// cost everything.
func patience(brokers int) time.Duration {
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

// vigil finds out from traffic, looked at again and again, that the peer is gone.
type vigil struct {
	after  time.Duration // how long it may owe a confirmation
	looked time.Time     // the last time
	since  time.Time     // since when the peer owes a confirmation
}

func (v *vigil) gone(now time.Time, t traffic) bool {
	if !t.underWay || v.looked.IsZero() || t.silence < now.Sub(v.looked) {
		v.since = now
	}
	v.looked = now
	return now.Sub(v.since) >= v.after
}

// watch closes a connection whose peer has owed a confirmation for too long, and
// returns a function that ends this and tells whether it was so. It can only do so on systems
// whose kernel tells of traffic.
func watch(conn net.Conn, after time.Duration) (stop func() (vanished bool)) {
	stopped, result := make(chan struct{}), make(chan bool, 1)
	go func() {
		tick := time.NewTicker(after / 10)
		defer tick.Stop()
		for v := (vigil{after: after}); ; {
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
				if err == nil && v.gone(now, t) {
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
