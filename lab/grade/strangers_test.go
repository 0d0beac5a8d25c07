package grade_test

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"pubsublab/lab/grade"
	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
	"pubsublab/lab/grade/rubric"
	"pubsublab/lab/grade/submission"
)

// galleryVariable is the environment variable that, with the value "all", has all strangers graded.
const galleryVariable = "PUBSUBLAB_GALLERY"

// stranger is a submission of gallery/strangers, and what is true of it.
type stranger struct {
	Name, Language, Wire, Calls           string
	In                                    string // folder of the step
	Build, Types                          []string
	Server, Client, Publisher, Subscriber string
	SubscribeLine                         string `yaml:"subscribe-line"`
	PublishLine                           string `yaml:"publish-line"`
	Port                                  int
	Tasks                                 []int
	Truth                                 string
	Fails                                 []string // in any variant
	Verdict                               grade.Verdict
	Faults                                map[string]fault
	Quick                                 bool
}

// fault is what a stranger does wrong on demand.
type fault struct {
	Says  string
	Fails []string
	Quick bool // like a stranger's
	Luck  bool // it does not show each time at terminals
}

// toolsOf are the programs that a language needs.
var toolsOf = map[string][]string{
	"Python": {"python3"}, "Java": {"java", "javac"}, "C": {"gcc", "make"}, "C++": {"g++", "make"}, "Go": {"go"}, "Node": {"node"}, "Rust": {"cargo"},
}

// TestStrangers holds the grader to programs that were not written for it: what works gets full marks with the rubric of each
// step that it does, what has a fault loses what is about it and nothing else, and what cannot be started is told apart.
func TestStrangers(t *testing.T) {
	t.Parallel()
	index, err := os.ReadFile("gallery/strangers/strangers.yaml")
	require.NoError(t, err)
	decoder := yaml.NewDecoder(bytes.NewReader(index))
	decoder.KnownFields(true)
	var strangers []stranger
	require.NoError(t, decoder.Decode(&strangers))
	all := os.Getenv(galleryVariable) == "all"
	if !all {
		t.Logf("only the quick ones are graded; %s=all grades all, in each of their steps and with two seeds", galleryVariable)
	}
	for _, s := range strangers {
		if all || s.Quick {
			t.Run(strings.Trim(s.Name+"/"+s.In, "/"), func(t *testing.T) {
				t.Parallel()
				s.test(t, all)
			})
		}
	}
}

func (s stranger) test(t *testing.T, all bool) {
	for _, tool := range toolsOf[s.Language] {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	atOnce <- struct{}{}
	defer func() { <-atOnce }()
	commands, built := s.commands(t)
	if !built {
		assert.Equal(t, grade.NotStarted, s.Verdict, "it cannot be built")
		return
	}
	last := slices.Max(s.Tasks)
	if all {
		s.found(t, last)
	}
	for _, task := range s.Tasks {
		if !all && task != last {
			continue
		}
		r := s.grade(t, commands, task, 1, s.Fails)
		if all {
			samePoints(t, r, s.grade(t, commands, task, 2, s.Fails))
		}
	}
	for name, f := range s.Faults {
		if !all && !f.Quick {
			continue
		}
		require.NotEmpty(t, f.Fails, "%s with %s: strangers.yaml says which checks fail", s.Name, name)
		faulty := commands
		for _, command := range []*string{&faulty.Server, &faulty.Publisher, &faulty.Subscriber} {
			*command = "env FAULT=" + name + " " + *command
		}
		variant := s
		variant.Name += " with " + name
		r := variant.grade(t, faulty, last, 1, f.Fails)
		if f.Luck {
			samePoints(t, r, variant.grade(t, faulty, last, 2, f.Fails))
		}
	}
}

// samePoints compares what two seeds give.
func samePoints(t *testing.T, r, again *grade.Result) {
	t.Helper()
	one, oneOf, _ := r.Points()
	two, twoOf, _ := again.Points()
	assert.Equal(t, []float64{one, oneOf}, []float64{two, twoOf}, "two seeds give different points:\n%s\n%s", described(r), described(again))
}

// found holds the finder to settling on commands with which a message arrives.
func (s stranger) found(t *testing.T, task int) {
	one, err := submission.Find(t.Context(), filepath.Join("gallery/strangers", s.Name), submission.Options{Task: task})
	require.NoError(t, err)
	require.NoError(t, one.Close())
	if s.Verdict != "" {
		assert.NotEmpty(t, one.Why)
		return
	}
	assert.Empty(t, one.Why)
	if task == 1 {
		return
	}
	where := "was shown at a subscriber"
	if slices.Contains(s.Fails, "server-shows-roles") {
		where = "was shown by the server" // without roles there is no subscriber
	}
	assert.Contains(t, strings.Join(one.Tried, "\n"), where, "%s: %q", s.Name, one.How())
}

// commands builds a copy, and says how it is started there. It returns false where it cannot be built.
func (s stranger) commands(t *testing.T) (runner.Commands, bool) {
	dir := filepath.Join(t.TempDir(), "submission")
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join("gallery/strangers", s.Name))))
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(path, ".sh") {
			return os.Chmod(path, 0o755) // CopyFS takes no modes
		}
		return err
	}))
	dir = filepath.Join(dir, s.In)
	for _, line := range s.Build {
		build := exec.CommandContext(t.Context(), "sh", "-c", line)
		build.Dir = dir
		if output, err := build.CombinedOutput(); err != nil {
			t.Logf("%s: %v\n%s", line, err, output)
			return runner.Commands{}, false
		}
	}
	return runner.Commands{
		Dir: dir, Server: s.Server, Publisher: cmp.Or(s.Publisher, s.Client), Subscriber: cmp.Or(s.Subscriber, s.Client),
		Types: s.Types, SubscribeLine: s.SubscribeLine, PublishLine: s.PublishLine, Port: s.Port,
	}, true
}

// grade grades one variant, and compares which checks fail.
func (s stranger) grade(t *testing.T, c runner.Commands, task int, seed uint64, fails []string) *grade.Result {
	of, err := rubric.Task(task, grade.Known())
	require.NoError(t, err)
	fails = slices.DeleteFunc(append([]string{}, fails...), func(id string) bool { // a step's rubric need not have it
		return !slices.ContainsFunc(of.Stages, func(s rubric.Stage) bool {
			return slices.ContainsFunc(s.Checks, func(c rubric.Check) bool { return c.ID == id })
		})
	})
	var r *grade.Result
	for _, timeout := range []time.Duration{harness.DefaultTimeout, 5 * harness.DefaultTimeout} { // see gradeTwice
		run, err := c.Runner()
		require.NoError(t, err)
		r, err = grade.Grade(t.Context(), run, grade.Options{Name: s.Name, Seed: seed, Rubric: of, Timeout: timeout})
		require.NoError(t, run.Close())
		require.NoError(t, err)
		if r.Verdict == s.Verdict || slices.Equal(fails, failed(r)) {
			break
		}
	}
	label := fmt.Sprintf("%s, step %d, seed %d", s.Name, task, seed)
	earned, counts, _ := r.Points()
	t.Logf("%s: %v of %v (%v), in %.0f s", label, earned, counts, r.Total(), r.Took.Seconds())
	assert.Equal(t, cmp.Or(s.Verdict, grade.Graded), r.Verdict, "%s: %s %q", label, r.Why, r.Tried)
	if r.Graded() {
		assert.Equal(t, fails, failed(r), "%s\n%s", label, described(r))
		assert.GreaterOrEqual(t, counts, r.Total()/2, "%s: too little was tried", label)
	}
	return r
}
