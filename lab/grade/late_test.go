package grade_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade"
	"pubsublab/lab/grade/harness/runner"
)

// A server that takes long to start is started for the pair at terminals, for its clients to be listened
// to, for the traffic, and once more on its port; everybody else shares what these have left.
func TestLateStart(t *testing.T) {
	t.Parallel()
	run, err := runner.Commands{
		Dir: "gallery/strangers/py-slow-start", Server: "env TABLES=3 python3 Middleware.py {port}",
		Publisher: "python3 Cli.py {host} {port} PUBLISHER", Subscriber: "python3 Cli.py {host} {port} SUBSCRIBER",
	}.Runner()
	require.NoError(t, err)
	defer run.Close()
	r, err := grade.Grade(t.Context(), run, grade.Options{Name: "py-slow-start", Seed: 1})
	require.NoError(t, err)
	assert.Empty(t, failed(r), described(r))
	earned, of, _ := r.Points()
	assert.Equal(t, of, earned)
	assert.Equal(t, r.Total(), of, "all was tried")
	assert.Regexp(t, "was started [45] times, which is [0-9]+ s of waiting", strings.Join(r.Remarks, " "), "5 where a busy machine has one check tried again")
}
