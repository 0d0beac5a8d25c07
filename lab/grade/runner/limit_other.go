//go:build !linux

package runner

func limit(int) {}
