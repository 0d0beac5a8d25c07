//go:build unix

package peer

import "syscall"

// ownGroup keeps a Ctrl+C on the terminal from the servers: the benchmark ends them itself.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
