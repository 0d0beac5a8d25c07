package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade/cage"
	"pubsublab/lab/grade/rubric"
	"pubsublab/lab/grade/submission"
)

func TestGradeUsage(t *testing.T) {
	rubric := filepath.Join(t.TempDir(), "rubric.yaml")
	require.NoError(t, os.WriteFile(rubric, []byte("title: T\nstages:\n  - {id: s, title: S, checks: [{id: server-flies, points: 1}]}\n"), 0o600))
	usual := func(change func(*grading)) *grading {
		g := &grading{ServerCmd: "./server {port}", ClientCmd: "./client {host} {port}", classFlags: classFlags{Jobs: 1}, Timeout: time.Second, caging: caging{Trust: true}}
		change(g)
		return g
	}
	assert.NoError(t, usual(func(*grading) {}).Validate())
	assert.NoError(t, usual(func(g *grading) { g.ServerCmd, g.PrintRubric = "", true }).Validate())
	assert.NoError(t, usual(func(g *grading) { g.ServerCmd, g.ClientCmd, g.ServerImage, g.Trust = "", "", "server", false }).Validate(), "a container is a cage")
	assert.NoError(t, usual(func(g *grading) { g.Trust, g.GradescopeZip = false, "autograder.zip" }).Validate(), "nothing is run")
	for says, change := range map[string]func(*grading){
		"expected the folder of a submission, --class, --server-cmd or --server-image": func(g *grading) { g.ServerCmd = "" },
		"expected two commands or two images, not one of each":                         func(g *grading) { g.ClientCmd, g.ClientImage = "", "client" },
		"--class: expected --server-cmd, which is run in each folder":                  func(g *grading) { g.Class, g.ServerCmd, g.ClientCmd, g.ServerImage = ".", "", "", "server" },
		"--second-server-cmd: expected --server-cmd, too":                              func(g *grading) { g.Dir, g.ServerCmd, g.ClientCmd, g.SecondCmd = ".", "", "", "./server {port}" },
		"--jobs is -1, expected 1 or more":                                             func(g *grading) { g.Jobs = -1 },
		"--timeout is 1ms, expected 100ms to 1m":                                       func(g *grading) { g.Timeout = time.Millisecond },
		"--fail-under is 101, expected 0 to 100":                                       func(g *grading) { g.FailUnder = 101 },
		`the server's command "./server": expected {port}`:                             func(g *grading) { g.ServerCmd = "./server" },
		"add --trust if they are your own, or else --as USER":                          func(g *grading) { g.Trust = false },
		"expected one of --as and --trust":                                             func(g *grading) { g.As = []string{"nobody"} },
		`--as: there is no user "no-such-user"`:                                        func(g *grading) { g.Trust, g.As = false, []string{"no-such-user"} },
		"no-such-file":                                                                 func(g *grading) { g.Rubric = "no-such-file" },
		`rubric.yaml:3: there is no check "server-flies"; there are: serv`:             func(g *grading) { g.Rubric = rubric },
	} {
		assert.ErrorContains(t, usual(change).Validate(), says)
	}
}

// Processors are kept busy, unless somebody says how many submissions are graded at once, or there are
// only so many users.
func TestJobs(t *testing.T) {
	assert.GreaterOrEqual(t, (&grading{}).jobs(), max(2, runtime.GOMAXPROCS(0)))
	assert.Equal(t, 1, (&grading{classFlags: classFlags{Jobs: 1}}).jobs())
	assert.Equal(t, 3, (&grading{caging: caging{users: make(chan *cage.User, 3)}}).jobs())
}

// TestGradeTakesTheStepsRubric: a single folder that says its step is graded as that, unless somebody
// says otherwise.
func TestGradeTakesTheStepsRubric(t *testing.T) {
	theirs := &rubric.Rubric{Title: "Theirs"}
	found := &submission.Submission{Task: 3}
	for want, changes := range map[string][]func(*grading){
		"Step 3: topics": {func(*grading) {}},
		"Theirs": {
			func(g *grading) { g.Task = 2 },
			func(g *grading) { g.Rubric = "rubric.yaml" },
			func(g *grading) { g.Class = "." },
		},
	} {
		for _, change := range changes {
			g := &grading{rubric: theirs}
			change(g)
			taken, err := g.rubricOf(found)
			require.NoError(t, err)
			assert.Equal(t, want, taken.Title)
		}
	}
}

// TestGradeFolder grades two submissions of one command: one that works and one that is empty.
func TestGradeFolder(t *testing.T) {
	dir := t.TempDir()
	class, out := filepath.Join(dir, "class"), filepath.Join(dir, "out")
	for _, name := range []string{"ada", "bob", ".git"} {
		require.NoError(t, os.MkdirAll(filepath.Join(class, name), 0o700))
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", filepath.Join(class, "ada", "server"), "./grade/gallery/go/wellmade_server")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	rubric := filepath.Join(dir, "rubric.yaml")
	require.NoError(t, os.WriteFile(rubric, []byte("title: T\nstages:\n"+
		"  - {id: s, title: S, checks: [{id: server-starts, points: 2}, {id: has-prefix, points: 1}, {id: pair-works, points: 5}]}\n"), 0o600))
	seed := uint64(7)
	g := &grading{ServerCmd: "./server {port}", classFlags: classFlags{Class: class, Jobs: 2}, Rubric: rubric, Seed: &seed, Timeout: 4 * time.Second, Out: out, FailUnder: 50, caging: caging{Trust: true}}
	require.NoError(t, g.Validate())

	err = g.Run(&signals{run: t.Context(), force: t.Context()})
	assert.EqualError(t, err, "bob was not graded: could not be started")
	table, err := os.ReadFile(filepath.Join(out, "grades.csv"))
	require.NoError(t, err)
	assert.Equal(t, "submission,verdict,points,of,bonus,seed,server-starts,has-prefix\nada,graded,3,3,0,7,2,1\nbob,could not be started,,,,7,,\n", string(table))
	for _, name := range []string{"ada", "bob"} {
		for _, file := range []string{"report.html", "results.json", "result.json", "junit.xml", "ctrf.json"} {
			assert.FileExists(t, filepath.Join(out, name, file))
		}
	}

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, g.Run(&signals{run: gone, force: gone}), context.Canceled)
	g.Class = filepath.Join(class, "bob")
	assert.ErrorContains(t, g.Run(&signals{run: t.Context(), force: t.Context()}), "for each submission, and there is none")
}

// TestGradeStopped: what was found before a time limit is reported.
func TestGradeStopped(t *testing.T) {
	dir := t.TempDir()
	rubric := filepath.Join(dir, "rubric.yaml")
	require.NoError(t, os.WriteFile(rubric, []byte("title: T\nstages:\n  - {id: s, title: S, checks: [{id: server-starts, points: 2}]}\n"), 0o600))
	seed := uint64(7)
	g := &grading{
		ServerCmd: "sleep 1000 {port}", classFlags: classFlags{Jobs: 1, TimeLimit: 100 * time.Millisecond}, Rubric: rubric, Seed: &seed,
		Timeout: time.Second, Out: filepath.Join(dir, "out"), caging: caging{Trust: true},
	}
	require.NoError(t, g.Validate())
	err := g.Run(&signals{run: t.Context(), force: t.Context()})
	assert.ErrorContains(t, err, "the time limit of 100ms was over (--time-limit)")
	page, err := os.ReadFile(filepath.Join(g.Out, "report.html"))
	require.NoError(t, err)
	assert.Contains(t, string(page), "The time limit of 100ms was over")
	assert.Contains(t, string(page), "stopped")
}
