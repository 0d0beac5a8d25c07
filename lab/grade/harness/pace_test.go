package harness

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// What may never come is waited for several times as long as the like of it took, between two bounds; a
// slow submission is given its time.
func TestPace(t *testing.T) {
	c := Config{Timeout: DefaultTimeout, Pace: &Pace{}}
	assert.Equal(t, BonusTimeout, c.Pace.answers(), "nobody knows yet")
	assert.Equal(t, time.Second, c.Hoped(time.Second), "nobody knows yet")
	assert.Equal(t, c.Timeout/2, c.Briefly())

	c.Pace.answered(true, 2*time.Millisecond)
	c.Pace.answered(false, time.Second)
	c.Pace.saw(2 * time.Millisecond)
	assert.Equal(t, 300*time.Millisecond, c.Pace.answers())
	assert.Equal(t, 300*time.Millisecond, c.Hoped(time.Second))
	assert.Equal(t, 200*time.Millisecond, c.Hoped(200*time.Millisecond))

	c.Pace.answered(true, 50*time.Millisecond)
	c.Pace.answered(true, 40*time.Millisecond)
	assert.Equal(t, 500*time.Millisecond, c.Pace.answers())

	c.Pace.answered(true, time.Second)
	c.Pace.saw(900 * time.Millisecond)
	assert.Equal(t, BonusTimeout, c.Pace.answers())
	assert.Equal(t, time.Second, c.Hoped(time.Second))
	assert.Equal(t, 5400*time.Millisecond, c.Briefly(), "as long as a message that is demanded")
}
