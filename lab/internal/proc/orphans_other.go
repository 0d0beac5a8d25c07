//go:build !linux

package proc

import "errors"

// AdoptOrphans is something that Linux alone can do.
func AdoptOrphans() error { return errors.ErrUnsupported }

// KillOrphans does nothing where there are no orphans.
func KillOrphans() {}
