//go:build !linux

package load

import "time"

func finerSleep() {}

func sleep(d time.Duration) { time.Sleep(d) }
