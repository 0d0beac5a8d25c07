package grade_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade"
	"pubsublab/lab/grade/checks"
	"pubsublab/lab/grade/gallery"
	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
	"pubsublab/lab/grade/rubric"
)

// seedsVariable is the environment variable that says with how many seeds those without a fault are graded.
const seedsVariable = "PUBSUBLAB_GRADE_SEEDS"

// atOnce bounds how many are graded at once: most of the time they wait.
var atOnce = make(chan struct{}, 8)

var (
	programs string // the folder of the gallery's programs, which TestMain removes
	prepare  = sync.OnceValues(func() ([]gallery.Entry, error) { return gallery.Prepare(context.Background(), "gallery", programs) })
)

func TestMain(m *testing.M) {
	var err error
	if programs, err = os.MkdirTemp("", "pubsublab-gallery-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// More tests at once than go test would run: most of the time they wait, and atOnce bounds them.
	if err := flag.Set("test.parallel", strconv.Itoa(max(cap(atOnce), runtime.GOMAXPROCS(0)))); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(programs)
	os.Exit(code)
}

// prepared is the gallery, built once for all tests.
func prepared(t *testing.T) []gallery.Entry {
	t.Helper()
	entries, err := prepare()
	require.NoError(t, err)
	return entries
}

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

// gradeTwice grades what commands start and, where that is not as expected, once more with five times the timeout: the
// grader takes silence for absence, and what is silent on a machine that is busy with other work may only be late.
func gradeTwice(t *testing.T, server, client []string, o grade.Options, expected func(*grade.Result) bool) (*grade.Result, error) {
	r, err := gradeCommands(t.Context(), t.TempDir(), server, client, o)
	if err != nil || expected(r) {
		return r, err
	}
	t.Logf("%s is graded again, with more time:\n%s", o.Name, described(r))
	o.Timeout = 5 * harness.DefaultTimeout
	return gradeCommands(t.Context(), t.TempDir(), server, client, o)
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
	fmt.Fprintf(&b, "%s, %s %q, seed %d, framing %q, took %v\n", r.Verdict, r.Why, r.Tried, r.Seed, r.Framing, r.Took)
	for _, s := range r.Stages {
		for _, c := range s.Checks {
			if c.Status == grade.Failed || c.Status == grade.NotTried {
				fmt.Fprintf(&b, "%s %s: %s (%s)\n", c.ID, c.Status, c.What, c.Cause)
				for _, step := range c.Excerpt {
					fmt.Fprintf(&b, "    %v %s %s > %s %q\n", step.At, step.Kind, step.From, step.To, step.Data)
				}
			}
		}
	}
	return b.String()
}

// only is a rubric of all checks that are extras, which take long to look for, or of all others but
// those of the step with one client, a point each, whether or not the default rubric demands them.
func only(t *testing.T, extras bool) *rubric.Rubric {
	t.Helper()
	s := rubric.Stage{ID: "all", Title: "All"}
	for _, c := range checks.All {
		if c.Bonus == extras && !slices.Contains(elsewhere, c.ID) {
			s.Checks = append(s.Checks, rubric.Check{ID: c.ID, Points: 1, Bonus: extras})
		}
	}
	return &rubric.Rubric{Title: "All", Stages: []rubric.Stage{s}}
}

// elsewhere are the checks of steps that the gallery's programs are not about.
var elsewhere = []string{"lines-shown", "lines-many", "lines-terminate", "lines-interrupt", "topic-delivers", "topic-filters", "topic-several", "failover-newcomers", "failover-clients"}

// TestExtras finds the extras that are there, and no others.
func TestExtras(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes long, and -short asks for short ones")
	}
	entries := prepared(t)
	expected := map[string][]string{lines: {"slow-subscriber", "long-line"}, "stalls": {"long-line"}}
	for _, e := range entries {
		if expected[e.Name] == nil || e.Name != lines && os.Getenv(galleryVariable) != "all" {
			continue
		}
		r, err := gradeTwice(t, e.Server, e.Client, grade.Options{Name: e.Name, Seed: 1, Rubric: only(t, true)}, func(r *grade.Result) bool {
			return len(passed(r)) == len(expected[e.Name])
		})
		require.NoError(t, err)
		assert.Equal(t, expected[e.Name], passed(r), "%s: %s", e.Name, e.Fault)
	}
}

// passed are the checks that did.
func passed(r *grade.Result) (found []string) {
	for _, s := range r.Stages {
		for _, c := range s.Checks {
			if c.Status == grade.Passed {
				found = append(found, c.ID)
			}
		}
	}
	return found
}

// lines is the one without a fault, of whose messages each is a line.
const lines = "wellmade-go"

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
	all := os.Getenv(galleryVariable) == "all"
	if !all {
		t.Logf("only every ninth, and %s, are graded; %s=all grades all", lines, galleryVariable)
	}
	for i, e := range prepared(t) {
		if !all && e.Name != lines && i%9 > 0 { // the first has no fault, and a read is a message
			continue
		}
		for seed := range seeds {
			o := grade.Options{Name: e.Name, Seed: uint64(seed + 1)}
			if seed == 0 {
				o.Rubric = only(t, false)
			} else if e.Fault != "" {
				break
			}
			t.Run(fmt.Sprintf("%s/%d", e.Name, o.Seed), func(t *testing.T) {
				t.Parallel()
				gradeEntry(t, e, o)
			})
		}
	}
}

func gradeEntry(t *testing.T, e gallery.Entry, o grade.Options) {
	if _, err := exec.LookPath(e.Server[0]); err != nil {
		t.Skip(err)
	}
	r, err := gradeTwice(t, e.Server, e.Client, o, func(r *grade.Result) bool {
		return !slices.ContainsFunc(failed(r), func(id string) bool { return !slices.Contains(e.Fails, id) })
	})
	require.NoError(t, err)
	assert.Equal(t, e.Fails, failed(r), "%s\n%s", e.Fault, described(r))
}
