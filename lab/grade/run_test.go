package grade

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade/checks"
	"pubsublab/lab/grade/harness"
)

// What can be done ahead of a check is done while those are tried whose faults it shares, and not where
// what it needs did not pass.
func TestAhead(t *testing.T) {
	done := make(chan struct{})
	var ran []string
	run := func(f *harness.Finding) func(context.Context, *checks.Suite) (*harness.Finding, error) {
		return func(context.Context, *checks.Suite) (*harness.Finding, error) { return f, nil }
	}
	plan := []checks.Check{
		{ID: "server-starts", Alone: true, Run: run(&harness.Finding{What: "It does not."})},
		{ID: "pair-works", Run: func(ctx context.Context, _ *checks.Suite) (*harness.Finding, error) {
			select {
			case <-done:
				return nil, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}},
		{
			ID: "server-delivers", Shares: []string{"pair-works"}, Run: run(nil),
			Ahead: func(context.Context, *checks.Suite) { close(done) },
		},
		{
			ID: "all-receive-all", Needs: []string{"server-starts"}, Run: run(nil),
			Ahead: func(context.Context, *checks.Suite) { ran = append(ran, "all-receive-all") },
		},
	}
	suite := checks.NewSuite(harness.Config{Seed: 1})
	defer suite.Close()
	outcomes, err := runAll(t.Context(), suite, plan, nil)
	require.NoError(t, err)
	assert.Equal(t, Passed, outcomes["server-delivers"].status)
	assert.Equal(t, Blocked, outcomes["all-receive-all"].status)
	assert.Empty(t, ran)
}

// A mistake of the grader's own costs the check in which it is, and no other.
func TestMistakeInACheck(t *testing.T) {
	plan := []checks.Check{
		{ID: "server-starts", Run: func(context.Context, *checks.Suite) (*harness.Finding, error) { panic("nobody is there") }},
		{ID: "pair-works", Run: func(context.Context, *checks.Suite) (*harness.Finding, error) { return nil, nil }},
	}
	suite := checks.NewSuite(harness.Config{Seed: 1})
	defer suite.Close()
	outcomes, err := runAll(t.Context(), suite, plan, nil)
	require.NoError(t, err)
	assert.Equal(t, NotTried, outcomes["server-starts"].status)
	assert.Contains(t, outcomes["server-starts"].finding.What, "The grader itself has a mistake here (nobody is there), which is no fault of the submission")
	assert.Equal(t, Passed, outcomes["pair-works"].status)
}
