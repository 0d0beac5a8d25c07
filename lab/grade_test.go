package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGradeUsage(t *testing.T) {
	rubric := filepath.Join(t.TempDir(), "rubric.yaml")
	require.NoError(t, os.WriteFile(rubric, []byte("title: T\nstages:\n  - {id: s, title: S, checks: [{id: server-flies, points: 1}]}\n"), 0o600))
	usual := func(change func(*grading)) *grading {
		g := &grading{ServerCmd: "./server {port}", ClientCmd: "./client {host} {port}", Jobs: 1, Patience: time.Second}
		change(g)
		return g
	}
	assert.NoError(t, usual(func(*grading) {}).Validate())
	assert.NoError(t, usual(func(g *grading) { g.ServerCmd, g.PrintRubric = "", true }).Validate())
	for says, change := range map[string]func(*grading){
		"expected --server-cmd or --server-image":                     func(g *grading) { g.ServerCmd = "" },
		"expected two commands or two images, not one of each":        func(g *grading) { g.ClientCmd, g.ClientImage = "", "client" },
		"--batch: expected --server-cmd, which is run in each folder": func(g *grading) { g.Batch, g.ServerCmd, g.ClientCmd, g.ServerImage = ".", "", "", "server" },
		"--jobs is 0, expected 1 or more":                             func(g *grading) { g.Jobs = 0 },
		"--patience is 1ms, expected 100ms to 1m":                     func(g *grading) { g.Patience = time.Millisecond },
		"--fail-under is 101, expected 0 to 100":                      func(g *grading) { g.FailUnder = 101 },
		`the server's command "./server": expected {port}`:            func(g *grading) { g.ServerCmd = "./server" },
		"no-such-file": func(g *grading) { g.Rubric = "no-such-file" },
		`rubric.yaml:3: there is no check "server-flies"; there are: serv`: func(g *grading) { g.Rubric = rubric },
	} {
		assert.ErrorContains(t, usual(change).Validate(), says)
	}
}

// TestGradeFolder grades two submissions of one command: one that works and one that is empty.
func TestGradeFolder(t *testing.T) {
	dir := t.TempDir()
	class, out := filepath.Join(dir, "class"), filepath.Join(dir, "out")
	for _, name := range []string{"ada", "bob", ".git"} {
		require.NoError(t, os.MkdirAll(filepath.Join(class, name), 0o700))
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(class, "ada", "server"), "./grade/gallery/go/wellmade_server")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	rubric := filepath.Join(dir, "rubric.yaml")
	require.NoError(t, os.WriteFile(rubric, []byte("title: T\nstages:\n"+
		"  - {id: s, title: S, checks: [{id: server-starts, points: 2}, {id: has-prefix, points: 1}, {id: client-connects, points: 5}]}\n"), 0o600))
	seed := uint64(7)
	g := &grading{ServerCmd: "./server {port}", Batch: class, Jobs: 2, Rubric: rubric, Seed: &seed, Patience: 4 * time.Second, Out: out, FailUnder: 50}
	require.NoError(t, g.Validate())

	err = g.Run(&signals{run: t.Context(), force: t.Context()})
	assert.EqualError(t, err, "bob: 0 of 3 points are less than the 50 % of --fail-under")
	table, err := os.ReadFile(filepath.Join(out, "grades.csv"))
	require.NoError(t, err)
	assert.Equal(t, "submission,points,of,bonus,seed,server-starts,has-prefix\nada,3,3,0,7,2,1\nbob,0,3,0,7,0,0\n", string(table))
	for _, name := range []string{"ada", "bob"} {
		for _, file := range []string{"report.html", "results.json", "result.json", "junit.xml", "ctrf.json"} {
			assert.FileExists(t, filepath.Join(out, name, file))
		}
	}

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, g.Run(&signals{run: gone, force: gone}), context.Canceled)
	g.Batch = filepath.Join(class, "bob")
	assert.ErrorContains(t, g.Run(&signals{run: t.Context(), force: t.Context()}), "expected one for each submission")
}
