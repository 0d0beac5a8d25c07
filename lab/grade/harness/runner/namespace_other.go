//go:build !linux

package runner

import (
	"errors"
	"net/netip"
)

// namespace is the machine's: there is no other one.
type namespace struct{}

func newNamespace() (*namespace, error) { return nil, errors.ErrUnsupported }

// Unshare cannot be had here.
func Unshare() error { return errors.ErrUnsupported }

func (*namespace) enter(do func() error) error { return do() }

func (*namespace) table(_ int, name string) string { return "/proc/net/" + name }

func (*namespace) listener(int) (*Queue, error) { return nil, errors.ErrUnsupported }

func (*namespace) read(_, _ netip.AddrPort) (int64, error) { return 0, errors.ErrUnsupported }
