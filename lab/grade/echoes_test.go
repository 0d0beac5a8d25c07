package grade

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"pubsublab/lab/grade/checks"
)

// A server that dies of a client that left does so after 250 of them, too: one fault, one loss.
func TestEchoesAreExcused(t *testing.T) {
	for _, killed := range []Status{Failed, Passed} {
		s := &schedule{outcomes: map[string]*outcome{"pair-killed": {status: killed}, "server-many": {status: Failed}}}
		s.settle([]checks.Check{checks.Find("pair-killed"), checks.Find("server-many")})
		want := map[Status]Status{Failed: Blocked, Passed: Failed}[killed]
		assert.Equal(t, want, s.outcomes["server-many"].status)
		assert.Equal(t, killed, s.outcomes["pair-killed"].status)
	}
}
