package pubsub

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// ParseAddrs reads the addresses of one or several brokers that share one order,
// HOST:PORT[,HOST:PORT...]. It ignores white space around an address; an IPv6 address stands in
// brackets, and a port is a number from 1 to 65535. It returns an error that names the address
// where one is wrong or is there twice.
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

// wrongWith returns what is wrong with an address; "" is nothing.
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

// BrokerError is why a connection to one of several brokers could not be made, or ended.
type BrokerError struct {
	Addr string // HOST:PORT, as it was given
	Err  error
}

func (e *BrokerError) Error() string { return e.Addr + ": " + e.Err.Error() }

// Unwrap returns what went wrong.
func (e *BrokerError) Unwrap() error { return e.Err }

// BrokersError is why none of several brokers can be used: the last failure of each, as a
// *BrokerError, in the order in which they failed.
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

// anotherOrder returns what is wrong where a broker has another order than the broker before had.
func anotherOrder(before, now string) string {
	if before == now {
		return "the server has lost its history"
	}
	return now + " does not share the journal of " + before
}
