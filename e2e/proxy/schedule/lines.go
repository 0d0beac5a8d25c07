package schedule

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// maxLine is the longest message (P6).
const maxLine = 65536

// odd are messages that something may trip over: what the protocol says itself,
// line ends, blanks and what is not ASCII.
var odd = []string{
	"", "", " ", "\t", "\r", "\r\r", "ends in a CR\r", "a\rb", "again", "again", "terminated", "terminate.", "please terminate",
	"[FROM nobody] : this", "[GAP 3]", "#gap\t3", "#left\tnow", "ack 7", "error: line 1 is fine", "PUBLISHER name=me",
	"Enter your role (PUBLISHER/SUBSCRIBER) : ", "Grüße, 世界 👋🏽", "e\u0301\u200d\u2028\ufeff", "\x1b[2J\x7f\b", "  kept  ", "a\tb\tc",
}

// lines draws n messages: unique ones, repeated ones, odd ones, and up to so
// many long ones.
func lines(r *rand.Rand, n, long int) []string {
	out := make([]string, n)
	long = 1 + r.IntN(long)
	for i := range out {
		switch k := r.IntN(20); {
		case k < 8:
			out[i] = fmt.Sprintf("line %d of %d", i+1, n)
		case k < 12:
			out[i] = odd[r.IntN(len(odd))]
		case k < 15:
			out[i] = strings.Repeat("x", r.IntN(4))
		case k == 19 && long > 0:
			long--
			out[i] = longLine(r)
		default:
			out[i] = strings.Repeat(string(rune('a'+r.IntN(26))), r.IntN(200)) + fmt.Sprint(r.IntN(100))
		}
	}
	return out
}

func longLine(r *rand.Rand) string {
	size := maxLine
	if r.IntN(2) == 0 {
		size -= r.IntN(maxLine)
	}
	end := []string{"", "\r", "é", "."}[r.IntN(4)]
	size = max(0, size-len(end))
	return strings.Repeat("é", size/2) + strings.Repeat("x", size%2) + end
}
