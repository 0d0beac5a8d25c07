//go:build !linux

package main

import (
	"syscall"
	"time"
)

// setUserTimeout does nothing here: vanished clients are noticed as the system does.
func setUserTimeout(syscall.RawConn, time.Duration) error { return nil }
