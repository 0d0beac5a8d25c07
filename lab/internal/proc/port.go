package proc

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
)

// Loopback is the address at which programs of this machine find each other.
const Loopback = "127.0.0.1"

// The ports that FreePort gives: none of those that systems and engines give to others who ask for
// any.
const lowestPort, highestPort = 10_000, 32_767

// ports are given one after the other from a random one on, so that this process gives none twice
// before it has given all others.
var ports atomic.Uint32

func init() { ports.Store(rand.Uint32()) }

// FreePort finds a port that is free just now at an address of this machine, "" for all of its
// addresses. It is one that no system gives to an outgoing connection, because one of those could
// take it before the program listens, or between its end and its successor's start; and not one
// that is still reserved for a connection that ended, since a program need not be able to take it.
// It may be called concurrently.
func FreePort(ctx context.Context, ip string) (port int, err error) {
	const tries = 100
	for range tries {
		port = lowestPort + int(ports.Add(1)%(highestPort-lowestPort+1))
		var listener net.Listener
		fresh := net.ListenConfig{Control: refuseReserved}
		if listener, err = fresh.Listen(ctx, "tcp", net.JoinHostPort(ip, strconv.Itoa(port))); err == nil {
			return port, listener.Close()
		}
	}
	return 0, fmt.Errorf("no free port found: %w", err)
}
