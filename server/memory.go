package main

import (
	"context"
	"os"
	"runtime/debug"
	"time"
)

// What the broker's memory consists of, for the limit that it sets itself.
const (
	// cacheShare is the part of --history that is kept rendered, too.
	cacheShare = 2
	// baseMemory is what all else takes that does not grow with clients, and what waits to be
	// collected. There is little of that, because memory for lines is used again. The program itself
	// takes up to 8 MiB, of which the limit knows nothing.
	baseMemory = 24 << 20
	// publisherMemory is what a publisher takes at most: room for two of the longest lines.
	publisherMemory = 128 << 10
	// clientMemory is what any other client takes: stacks, its place, and with TLS its keys and a
	// record.
	clientMemory    = 16 << 10
	clientMemoryTLS = 64 << 10
)

// memoryLimit returns how much memory the process may take with so many clients.
func (s *serve) memoryLimit(publishers, others int) int64 {
	each := clientMemory
	if s.TLSCert != "" {
		each = clientMemoryTLS
	}
	return int64(s.History)*3/2 + baseMemory + int64(publishers*publisherMemory+others*each)
}

// memoryStep is by how much the limit is set higher than necessary, because setting it stops
// everything for a moment.
const memoryStep = 1 << 20

// crowd is how many clients have to come or go for it to be worth collecting what they leave behind.
const crowd = 100

// keepMemory limits the process's memory to what its flags allow, as clients come and go, until ctx
// ends. Without, what waits for the garbage collector may grow to as much again as is in use.
// GOMEMLIMIT in the environment is a limit that somebody chose, and stays.
//
// A crowd that comes or goes leaves more behind than those who stay need: requests, handshakes and
// stacks. An idle broker allocates nothing, so the collector would not come by for minutes, and then
// keep the room. So what is left is given back to the system a second after the last one.
func (s *serve) keepMemory(ctx context.Context, clients func() (publishers, others int)) {
	chosen := os.Getenv("GOMEMLIMIT") != ""
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	before, tidied := 0, 0
	for limit := int64(0); ; {
		publishers, others := clients()
		if wanted := s.memoryLimit(publishers, others); !chosen && (wanted > limit || wanted < limit-memoryStep) {
			limit = wanted + memoryStep
			debug.SetMemoryLimit(limit)
		}
		now := publishers + others
		if now == before && max(now-tidied, tidied-now) >= crowd {
			debug.FreeOSMemory()
			tidied = now
		}
		before = now
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
