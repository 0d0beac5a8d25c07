package grade_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade"
	"pubsublab/lab/grade/gallery"
	"pubsublab/lab/grade/rubric"
	"pubsublab/lab/grade/runner"
)

// seedsVariable is the environment variable that says with how many seeds those without a fault are graded.
const seedsVariable = "PUBSUBLAB_GRADE_SEEDS"

// atOnce bounds how many are graded at once: most of the time they wait.
var atOnce = make(chan struct{}, 8)

// gradeCommands grades what commands start, when it is its turn.
func gradeCommands(ctx context.Context, dir string, server, client []string, o grade.Options) (*grade.Result, error) {
	atOnce <- struct{}{}
	defer func() { <-atOnce }()
	run, err := runner.NewProcesses(dir, quoted(server), quoted(client))
	if err != nil {
		return nil, err
	}
	defer run.Close()
	return grade.Grade(ctx, run, o)
}

// quoted writes a command as one would type it.
func quoted(words []string) string {
	return "'" + strings.Join(words, "' '") + "'"
}

// failed are the checks that did not pass, but for those that were blocked.
func failed(r *grade.Result) []string {
	failed := []string{}
	for _, s := range r.Stages {
		for _, c := range s.Checks {
			if c.Status == grade.Failed {
				failed = append(failed, c.ID)
			}
		}
	}
	return failed
}

// described is what a test that fails should tell of a result.
func described(r *grade.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, framing %q, took %v\n", r.Seed, r.Framing, r.Took)
	for _, s := range r.Stages {
		for _, c := range s.Checks {
			if c.Status == grade.Failed {
				fmt.Fprintf(&b, "%s: %s (%s)\n", c.ID, c.What, c.Cause)
				for _, step := range c.Slice {
					fmt.Fprintf(&b, "    %v %s %s > %s %q\n", step.At, step.Kind, step.From, step.To, step.Data)
				}
			}
		}
	}
	return b.String()
}

// only is the default rubric with its extras alone, which take long to look for, or without them.
func only(t *testing.T, extras bool) *rubric.Rubric {
	r, err := rubric.Default(grade.Known())
	require.NoError(t, err)
	for i, s := range r.Stages {
		r.Stages[i].Checks = slices.DeleteFunc(s.Checks, func(c rubric.Check) bool { return c.Bonus != extras })
	}
	return r
}

// TestExtras finds the extras that are there, and no others.
func TestExtras(t *testing.T) {
	t.Parallel()
	entries, err := gallery.Prepare(t.Context(), "gallery", t.TempDir())
	require.NoError(t, err)
	expected := map[string][]string{"wellmade-go": {"slow-subscriber", "long-line"}, "stalls": {"long-line"}}
	for _, e := range entries {
		if expected[e.Name] == nil {
			continue
		}
		r, err := gradeCommands(t.Context(), t.TempDir(), e.Server, e.Client, grade.Options{Seed: 1, Rubric: only(t, true)})
		require.NoError(t, err)
		var found []string
		for _, s := range r.Stages {
			for _, c := range s.Checks {
				if c.Status == grade.Passed {
					found = append(found, c.ID)
				}
			}
		}
		assert.Equal(t, expected[e.Name], found, "%s: %s", e.Name, e.Fault)
	}
}

// TestGallery grades what has exactly one fault, and finds that fault and no other, and what has none, with some seeds.
func TestGallery(t *testing.T) {
	t.Parallel()
	seeds := 1
	if text := os.Getenv(seedsVariable); text != "" {
		var err error
		seeds, err = strconv.Atoi(text)
		require.NoError(t, err, seedsVariable)
	} else {
		t.Logf("what has no fault is graded with one seed; %s=50 grades it with more", seedsVariable)
	}
	entries, err := gallery.Prepare(t.Context(), "gallery", t.TempDir())
	require.NoError(t, err)
	var tests []*graded
	for _, e := range entries {
		tests = append(tests, &graded{entry: e, options: grade.Options{Name: e.Name, Seed: 1, Rubric: only(t, false)}})
		for seed := 2; seed <= seeds && e.Fault == ""; seed++ {
			tests = append(tests, &graded{entry: e, options: grade.Options{Name: e.Name, Seed: uint64(seed)}})
		}
	}
	// More at once than go test would: most of the time they wait.
	var running sync.WaitGroup
	for _, test := range tests {
		if _, test.missing = exec.LookPath(test.entry.Server[0]); test.missing == nil {
			running.Go(func() {
				test.result, test.err = gradeCommands(t.Context(), t.TempDir(), test.entry.Server, test.entry.Client, test.options)
			})
		}
	}
	running.Wait()
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s/%d", test.entry.Name, test.options.Seed), func(t *testing.T) {
			if test.missing != nil {
				t.Skip(test.missing)
			}
			require.NoError(t, test.err)
			assert.Equal(t, test.entry.Fails, failed(test.result), "%s\n%s", test.entry.Fault, described(test.result))
		})
	}
}

// graded is one implementation, and what grading it with some options came to.
type graded struct {
	entry   gallery.Entry
	options grade.Options
	missing error // what this machine lacks to run it
	result  *grade.Result
	err     error
}
