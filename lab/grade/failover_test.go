package grade_test

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade"
	"pubsublab/lab/grade/harness/runner"
	"pubsublab/lab/grade/rubric"
	"pubsublab/lab/internal/proc"
)

// TestFailover kills one of two servers, with clients that know both, with clients that know one,
// and where there is no second.
func TestFailover(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip(err)
	}
	prepared(t)
	client, err := filepath.Abs("testdata/failover/client.py")
	require.NoError(t, err)
	server := quoted([]string{filepath.Join(programs, "wellmade_server")}) + " {port}"
	standby, err := filepath.Abs("testdata/failover/standby.py")
	require.NoError(t, err)
	one, err := proc.FreePort(t.Context(), "")
	require.NoError(t, err)
	two, err := proc.FreePort(t.Context(), "")
	require.NoError(t, err)
	fixed := func(command string) string {
		return strings.NewReplacer("{host}", proc.Loopback, "{port}", strconv.Itoa(one), "{port2}", strconv.Itoa(two)).Replace(command)
	}
	for name, test := range map[string]struct {
		second, client string
		want           []grade.Status
	}{
		"both are known": {server, " {host} {port} {port2} {role}", []grade.Status{grade.Passed, grade.Passed}},
		"one stands by":  {"python3 " + quoted([]string{standby}) + " {port1} " + server, " {host} {port} {port2} {role}", []grade.Status{grade.Passed, grade.Passed}},
		"one is known":   {server, " {host} {port} {role}", []grade.Status{grade.Failed, grade.Blocked}},
		// The clients' own first choice is the second one.
		"ports are fixed":         {fixed(server), fixed(" {host} {port} {port2} {role}"), []grade.Status{grade.Passed, grade.Passed}},
		"fixed, and one is known": {fixed(server), fixed(" {host} {port} {role}"), []grade.Status{grade.Failed, grade.Blocked}},
		"no second":               {"", " {host} {port} {role}", []grade.Status{grade.NotTried, grade.NotTried}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			command := "python3 " + quoted([]string{client}) + test.client
			commands := runner.Commands{Dir: t.TempDir(), Server: server, Second: test.second, Publisher: command, Subscriber: command}
			if strings.Contains(name, "fixed") {
				commands.Port, commands.Server = two, strings.ReplaceAll(server, "{port}", strconv.Itoa(two))
			}
			run, err := commands.Runner()
			require.NoError(t, err)
			defer run.Close()
			r, err := grade.Grade(t.Context(), run, grade.Options{Name: name, Seed: 1, Rubric: &rubric.Rubric{Title: "Two", Stages: []rubric.Stage{{
				ID: "two", Title: "Two", Checks: []rubric.Check{{ID: "failover-newcomers", Points: 1}, {ID: "failover-clients", Points: 1}},
			}}}})
			require.NoError(t, err)
			var got []grade.Status
			for _, c := range r.Stages[0].Checks {
				got = append(got, c.Status)
			}
			assert.Equal(t, test.want, got, described(r))
		})
	}
}
