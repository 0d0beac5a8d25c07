package grade_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade"
)

// TestOwnPrograms grades the lab's own server and client: full marks, and all extras.
func TestOwnPrograms(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", bin, "pubsublab/server", "pubsublab/client")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	r, err := gradeTwice(t,
		[]string{filepath.Join(bin, "server"), "--echo", "{port}"},
		[]string{filepath.Join(bin, "client"), "{host}", "{port}", "{role}"}, grade.Options{Name: "the lab's own programs", Seed: 1}, func(r *grade.Result) bool {
			earned, of, bonus := r.Points()
			return earned == of && bonus == extras(r)
		})
	require.NoError(t, err)
	earned, of, bonus := r.Points()
	assert.Equal(t, of, earned, described(r))
	assert.Equal(t, extras(r), bonus, described(r))
	assert.Equal(t, "lines", r.Framing)
}

// extras are the points of all bonuses of a rubric.
func extras(r *grade.Result) (points float64) {
	for _, s := range r.Stages {
		for _, c := range s.Checks {
			if c.Bonus {
				points += c.Max
			}
		}
	}
	return points
}

// TestIndependence keeps the grader from sharing code, and so mistakes, with what it could be asked
// to grade.
func TestIndependence(t *testing.T) {
	output, err := exec.CommandContext(t.Context(), "go", "list", "-buildvcs=false", "-deps", "./...").Output()
	require.NoError(t, err)
	packages := strings.Fields(string(output))
	assert.Contains(t, packages, "pubsublab/lab/grade/harness/runner")
	for _, path := range packages {
		for _, foreign := range []string{"server", "client", "protocol", "lab/topology", "lab/history"} {
			if path == "pubsublab/"+foreign || strings.HasPrefix(path, "pubsublab/"+foreign+"/") {
				t.Errorf("the grader imports %s", path)
			}
		}
	}
}
