package grade

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"pubsublab/lab/grade/checks"
)

// A server that dies of a client that left does so after 250 of them, too, and messages that get lost when
// two publishers type get lost elsewhere: one fault, one loss.
func TestEchoesAreExcused(t *testing.T) {
	for id, of := range map[string]string{"server-many": "pair-killed", "nothing-lost": "pair-together"} {
		for _, before := range []Status{Failed, Passed} {
			s := &schedule{outcomes: map[string]*outcome{of: {status: before}, id: {status: Failed}}}
			s.settle([]checks.Check{checks.Find(of), checks.Find(id)})
			want := map[Status]Status{Failed: Blocked, Passed: Failed}[before]
			assert.Equal(t, want, s.outcomes[id].status)
			assert.Equal(t, before, s.outcomes[of].status)
		}
	}
}
