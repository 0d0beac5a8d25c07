//go:build !(linux && amd64)

package proc

import "time"

// A Watch finds out whether programs are at rest, on Linux on amd64 alone.
type Watch struct{}

// Rest is 0: the system does not say.
func (*Watch) Rest(...int) time.Duration { return 0 }
