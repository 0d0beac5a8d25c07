//go:build !linux

package broker

// poller waits for nobody: readers wait by themselves.
type poller struct{}

// await reports that it cannot.
func (*poller) await(*session) bool { return false }

func (*poller) wake(*session) {}

func (*poller) close() {}
