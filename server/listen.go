package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// listen opens the port for lines.
func (s *serve) listen() (net.Listener, error) {
	l, err := s.listenOn(net.JoinHostPort(strings.Trim(s.Host, "[]"), strconv.Itoa(int(s.Port))))
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("port %d is in use: stop the program that listens there, or choose another port, as in: server %d", s.Port, s.Port+1)
	}
	return l, err
}

// listenOn opens a port. A client that vanishes without a word is noticed: after 30 s or
// --stall-timeout, whichever is longer.
func (s *serve) listenOn(address string) (net.Listener, error) {
	config := net.ListenConfig{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
		Control:         func(_, _ string, conn syscall.RawConn) error { return setUserTimeout(conn, s.StallTimeout) },
	}
	listener, err := config.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	return listener, nil
}
