package pubsub

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// ParseAddrs reads the addresses of one or several brokers that share one
// order, HOST:PORT[,HOST:PORT...]. White space around an address does not
// count, an IPv6 address stands in brackets, and a port is a number from 1 to
// 65535. An address that is not so, or is there twice, is an error that names it.
func ParseAddrs(list string) ([]string, error) {
	var addrs []string
	for addr := range strings.SplitSeq(list, ",") {
		addr = strings.TrimSpace(addr)
		wrong := wrongWith(addr)
		if slices.Contains(addrs, addr) {
			wrong = "it is there twice"
		}
		if wrong != "" {
			in := ""
			if addr != list {
				in = fmt.Sprintf(" in %q", list)
			}
			return nil, fmt.Errorf("bad address %q%s: %s, expected HOST:PORT[,HOST:PORT...]", addr, in, wrong)
		}
		addrs = append(addrs, addr)
	}
	return addrs, nil
}

// wrongWith says what is wrong with an address, "" for nothing.
func wrongWith(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	var bad *net.AddrError
	switch {
	case addr == "":
		return "it is empty"
	case errors.As(err, &bad):
		return bad.Err
	case host == "":
		return "it has no host"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Sprintf("port %q is not a number from 1 to 65535", port)
	}
	return ""
}

// BrokerError is why a connection to one of several brokers was not made, or
// ended.
type BrokerError struct {
	Addr string // HOST:PORT, as it was given
	Err  error
}

func (e *BrokerError) Error() string { return e.Addr + ": " + e.Err.Error() }

// Unwrap returns what went wrong.
func (e *BrokerError) Unwrap() error { return e.Err }

// BrokersError is why none of several brokers can be used: what went wrong with
// each of them last, a *BrokerError, in the order in which they were tried.
type BrokersError []error

func (e BrokersError) Error() string {
	var text strings.Builder
	for i, err := range e {
		if i > 0 {
			text.WriteString("; ")
		}
		text.WriteString(err.Error())
	}
	return text.String()
}

// Unwrap returns what went wrong with each.
func (e BrokersError) Unwrap() []error { return e }

// rotation is the brokers of a connector, and whose turn it is.
type rotation struct {
	addrs  []string
	turn   int     // of addrs: the one in use, or else the one to try next
	tried  int     // attempts since the outage began
	ghosts []int   // for each of addrs, connections given up whose role line may still reach it, and take the name over
	errs   []error // why the last ones failed, at most one of each, in the order of the attempts
	finals int     // how many of the last ones failed for good, in a row
}

func newRotation(addrs []string) rotation {
	return rotation{addrs: addrs, ghosts: make([]int, len(addrs))}
}

// addr returns the address whose turn it is.
func (r *rotation) addr() string { return r.addrs[r.turn] }

// several tells whether there is another broker to go to.
func (r *rotation) several() bool { return len(r.addrs) > 1 }

// round tells how many times each broker has been tried since the outage began,
// and whether that is so of each alike.
func (r *rotation) round() (n int, whole bool) {
	return r.tried / len(r.addrs), r.tried%len(r.addrs) == 0
}

// blame says whose error it was, where that is not clear.
func (r *rotation) blame(err error) error {
	if r.several() {
		return &BrokerError{r.addr(), err}
	}
	return err
}

// fail notes why the broker whose turn it is cannot be used, and makes it the
// next one's.
func (r *rotation) fail(err error, final bool) {
	if r.finals++; !final {
		r.finals = 0
	}
	if r.errs = append(r.errs, err); len(r.errs) > len(r.addrs) {
		r.errs = slices.Delete(r.errs, 0, 1)
	}
	r.turn = (r.turn + 1) % len(r.addrs)
}

// hopeless tells whether all brokers, one after the other, have failed for good.
func (r *rotation) hopeless() bool { return r.finals >= len(r.addrs) }

// err returns why none of the brokers can be used.
func (r *rotation) err() error {
	if len(r.errs) == 1 {
		return r.errs[0]
	}
	return BrokersError(slices.Clone(r.errs))
}

// anotherOrder says what is wrong where a broker's order is not the one that
// was known, from the broker before.
func anotherOrder(before, now string) string {
	if before == now {
		return "the server has lost its history"
	}
	return now + " does not share the journal of " + before
}
