package grade

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade/checks"
	"pubsublab/lab/grade/harness"
)

func TestWhatCounts(t *testing.T) {
	r := &Result{Verdict: Graded, Stages: []Stage{{Checks: []Check{
		{Status: Passed, Points: 3, Max: 3},
		{Status: Failed, Max: 1},
		{Status: Blocked, Max: 5},
		{Status: Blocked, Max: 4, Charged: true},
		{Status: NotTried, Max: 7},
		{Status: Absent, Max: 2, Bonus: true},
		{Status: Passed, Points: 2, Max: 2, Bonus: true},
	}}}}
	earned, of, bonus := r.Points()
	assert.Equal(t, []float64{3, 8, 2, 20, 37.5}, []float64{earned, of, bonus, r.Total(), r.Percent()})
	r.Verdict = NotUnderstood
	earned, of, bonus = r.Points()
	assert.Equal(t, []float64{0, 0, 0, 20, 0}, []float64{earned, of, bonus, r.Total(), r.Percent()})
	assert.True(t, r.Under(1))
}

func TestUnderComparesExactly(t *testing.T) {
	tenths := &Result{Verdict: Graded, Stages: []Stage{{}}}
	for i := range 40 { // 0.1 forty times is not 4 in binary
		c := Check{Status: Passed, Points: 0.1, Max: 0.1}
		if i >= 30 {
			c.Status, c.Points = Failed, 0
		}
		tenths.Stages[0].Checks = append(tenths.Stages[0].Checks, c)
	}
	assert.False(t, tenths.Under(75))
	assert.True(t, tenths.Under(75.01))
	assert.False(t, tenths.Under(0))
}

// TestResultIsKept: a class that is graded in two runs reads back what the first one found.
func TestResultIsKept(t *testing.T) {
	r := &Result{
		Submission: "ada", Verdict: Graded, Seed: 1 << 63, Began: time.Date(2026, 11, 26, 8, 0, 0, 7, time.UTC), Took: 3 * time.Second, Remarks: []string{"one"},
		Stages: []Stage{{ID: "s", Title: "S", Checks: []Check{{
			ID: "c", Status: Failed, Max: 1.5, Bonus: true, Charged: true, Runs: 3, Wrong: 1, What: "it",
			Excerpt: []harness.Step{{At: 5, Kind: harness.Sends, From: "server", To: "subscriber 1", Data: []byte("\xff\x00 any bytes")}},
		}}}},
	}
	data, err := json.Marshal(r)
	require.NoError(t, err)
	var again Result
	require.NoError(t, json.Unmarshal(data, &again))
	assert.Equal(t, r, &again)
}

// Where it is in doubt which programs run, a message that does not arrive is nobody's fault yet.
func TestDoubtIsNotCharged(t *testing.T) {
	outcomes := map[string]*outcome{"pair-works": {status: Failed, finding: harness.Finding{What: "Nothing arrived.", Certain: true}}}
	suite := checks.NewSuite(harness.Config{})
	for doubt, want := range map[string]Verdict{"": Graded, "Who is who?": NotUnderstood} {
		r := &Result{}
		judge(r, outcomes, suite, doubt)
		assert.Equal(t, want, r.Verdict)
		assert.Contains(t, r.Why, doubt)
	}
}
