//go:build !unix

package broker

import (
	"errors"
	"net"
)

// gatherer is what writeAtOnce needs.
type gatherer struct{}

// writesAtOnce reports whether writeAtOnce can write to conn.
func writesAtOnce(net.Conn) bool { return false }

// writeAtOnce writes what a socket takes without waiting, where the system can do that.
func writeAtOnce(net.Conn, [][]byte, *gatherer) (int, error) { return 0, errors.ErrUnsupported }

// readAtOnce reads what has come into a large p, where the system can do that.
func readAtOnce(net.Conn, []byte) (int, error) { return 0, errors.ErrUnsupported }

// waitWritable waits until writeAtOnce can write something.
func waitWritable(net.Conn) error { return errors.ErrUnsupported }
