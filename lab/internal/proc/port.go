package proc

import (
	"context"
	"errors"
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

func init() { ports.Store(rand.Uint32() &^ 1) }

// FreePort finds a port that is free just now at an address of this machine, "" for all of its
// addresses. It is one that no system gives to an outgoing connection, because one of those could
// take it before the program listens, or between its end and its successor's start; and not one
// that is still reserved for a connection that ended, since a program need not be able to take it.
// The one behind it is free, too, and given to nobody: some servers listen at both. It may be called
// concurrently.
func FreePort(ctx context.Context, ip string) (port int, err error) {
	const tries = 100
	for range tries {
		port = lowestPort + int(ports.Add(2)%(highestPort-lowestPort+1))
		if err = errors.Join(free(ctx, ip, port), free(ctx, ip, port+1)); err == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port found: %w", err)
}

// free is an error where a port is not.
func free(ctx context.Context, ip string, port int) error {
	fresh := net.ListenConfig{Control: refuseReserved}
	listener, err := fresh.Listen(ctx, "tcp", net.JoinHostPort(ip, strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return listener.Close()
}
