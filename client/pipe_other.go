//go:build !unix

package main

import "os"

// watchPipe is not needed to end: the next write fails.
func watchPipe(*os.File, func()) (stop func()) { return func() {} }
