package e2e

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/dustin/go-humanize"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What clients choose does not get the broker of compose.yaml killed: with its
// flags it stays below its container's limit, whatever is asked of it.
func TestMemoryThatClientsChoose(t *testing.T) {
	long(t)
	for _, c := range []struct {
		name string
		load func(t *testing.T, addr string)
	}{
		{"subscribers that never read, each with a filter of its own", ownFiltersNeverRead},
		{"tiny lines for many filters", tinyLines},
		{"publishers in the middle of a line", halfLines},
	} {
		t.Run(c.name, func(t *testing.T) {
			topo := load(t)
			crowd(topo, 1, 1, 1)
			s := open(t, topo)
			s.start("server")
			most := s.peak("server")
			c.load(t, s.Addr())
			t.Logf("the broker's memory was at most %s", humanize.IBytes(most()))
			require.Less(t, most(), uint64(320<<20), "mem_limit of compose.yaml")
			sub := join(t, s.Addr(), "SUBSCRIBER")
			join(t, s.Addr(), "PUBLISHER name=last").send("still here\n")
			assert.Equal(t, "[FROM last] : still here", sub.line())
		})
	}
}

// longTopic has 8 tokens, so that 256 filters match it.
var longTopic = strings.TrimSuffix(strings.Repeat("a-token-of-twenty-nine-bytes-.", 8), ".")

// filter returns the n-th filter that matches longTopic.
func filter(n int) string {
	tokens := strings.Split(longTopic, ".")
	for i := range tokens {
		if n&(1<<i) != 0 {
			tokens[i] = "*"
		}
	}
	return strings.Join(tokens, ".")
}

// publish sends so many bytes of these lines, and waits until they are taken.
func publish(t *testing.T, addr, line string, bytes int) (lines int) {
	pub := join(t, addr, "PUBLISHER name=p ack=yes topic="+longTopic)
	block := strings.Repeat(line, 1<<16/len(line))
	for ; bytes > 0; bytes -= len(block) {
		pub.send(block)
		lines += strings.Count(block, "\n")
	}
	pub.until("", fmt.Sprintf("ack %d", lines))
	return lines
}

func ownFiltersNeverRead(t *testing.T, addr string) {
	publish(t, addr, "\n", 10<<20)
	for n := range 128 {
		sub := join(t, addr, "SUBSCRIBER format=json from=first topic="+filter(n))
		_, err := sub.r.ReadByte() // it is sent something, and then takes nothing more
		require.NoError(t, err)
	}
}

func tinyLines(t *testing.T, addr string) {
	var subs []*socket
	for n := range 20 {
		subs = append(subs, join(t, addr, "SUBSCRIBER topic="+filter(n)))
	}
	const bytes = 2 << 20
	var reading sync.WaitGroup
	for _, sub := range subs {
		reading.Go(func() {
			_, err := io.CopyN(io.Discard, sub.r, bytes/int64(len("x\n"))*int64(len("[FROM p #] : x\n")+len(longTopic)))
			assert.NoError(t, err)
		})
	}
	publish(t, addr, "x\n", bytes)
	reading.Wait()
}

func halfLines(t *testing.T, addr string) {
	half := strings.Repeat("x", 65_000)
	for range 900 {
		join(t, addr, "PUBLISHER").send(half)
	}
	publish(t, addr, strings.Repeat("x", 999)+"\n", 80<<20)
}
