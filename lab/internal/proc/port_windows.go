package proc

import "syscall"

// refuseReserved does nothing: Windows refuses by itself.
func refuseReserved(_, _ string, _ syscall.RawConn) error { return nil }
