package console

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestScenarioBroker(t *testing.T) {
	onDesk(t, func(c *Config) { c.Keep = true }, func(d *desk) {
		d.now(3 * time.Second)
		d.do(order{Do: "scenario", Scenario: "1", Guess: nothing})
		s := d.now(time.Second)
		assert.Equal(t, "1", s.Running)
		assert.Equal(t, "server is killed", s.Step)
		assert.Equal(t, "ended", s.node(t, "server").State)
		status, said := d.ask(d.token, order{Do: "scenario", Scenario: "5"})
		assert.Equal(t, http.StatusConflict, status, said)
		s = d.now(10 * time.Second)
		assert.Empty(t, s.Running)
		assert.Equal(t, "running", s.node(t, "server").State)
		assert.True(t, s.Results[0].Over)
		assert.Equal(t, brokerKilled, s.Results[0].Guaranty)
		s.allRight(t, 10)
	})
}

// A scenario that is ended in the middle leaves nothing as it should not be.
func TestScenarioIsEnded(t *testing.T) {
	onDesk(t, func(c *Config) { c.Keep = true }, func(d *desk) {
		d.do(order{Do: "scenario", Scenario: "1"})
		d.now(time.Second)
		d.do(order{Do: "stop"})
		s := d.now(100 * time.Millisecond)
		assert.Empty(t, s.Running)
		assert.Equal(t, "running", s.node(t, "server").State)
	})
}

func TestScenarioBurst(t *testing.T) {
	onDesk(t, func(c *Config) { c.Keep = true }, func(d *desk) {
		d.do(order{Do: "scenario", Scenario: "5", Guess: nothing})
		s := d.now(time.Second)
		assert.InDelta(t, burst, s.Pace, 0.1)
		d.do(order{Do: "stop"})
		s = d.now(5 * time.Second)
		assert.InDelta(t, 1, s.Pace, 0.1)
		s.allRight(t, 1000)
		assert.True(t, s.Results[0].Over && s.Results[0].Right, "%+v", s.Results[0])
	})
}

// What somebody chooses while a scenario goes on is more than what that wants, and stays.
func TestScenarioLeavesAChosenPace(t *testing.T) {
	onDesk(t, func(c *Config) { c.Keep = true }, func(d *desk) {
		d.do(order{Do: "scenario", Scenario: "5"})
		s := d.now(time.Second)
		assert.InDelta(t, burst, s.Pace, 0)
		d.do(order{Do: "pace", Pace: 3})
		s = d.now(time.Second)
		assert.InDelta(t, 3, s.Pace, 0)
		assert.Equal(t, "5", s.Running)
		d.do(order{Do: "stop"})
		s = d.now(time.Second)
		assert.Empty(t, s.Running)
		assert.InDelta(t, 3, s.Pace, 0)
	})
}
