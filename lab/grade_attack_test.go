//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
)

// attack tries, before it serves, what submissions have done to graders. It notes what it could do
// in the file LOOT. %[1]s is the folder of all that it is after.
const attack = `
got() { echo "$1" >> %[1]s/loot/LOOT; }
exec 2>/dev/null
cat /proc/$PPID/environ > /dev/null && got "the environment of the grader"
cat %[1]s/class/bob/run.sh > /dev/null && got "the program of another"
cat %[1]s/rubric.yaml > /dev/null && got "the rubric"
%[2]s
echo '#!/bin/sh' > %[1]s/class/bob/run.sh && got "writing the program of another"
echo 'title: mine' > %[1]s/rubric.yaml && got "writing the rubric"
mkdir -p %[1]s/out/ada && got "the folder of the results"
# Something that goes on in the background, hides, and writes results whenever the grader has.
(setsid env -i sh -c 'cd %[1]s/loot; echo $$ > $$; mv $$ DAEMON; while :; do echo "{\"score\": 100}" > %[1]s/out/ada/results.json; sleep 0.02; done' > /dev/null &)
until [ -s %[1]s/loot/DAEMON ]; do sleep 0.01; done
exec ./server "$1"
`

// attacked is the grading of a class in which ada attacks and bob does not, and its folder.
func attacked(t *testing.T, kill string) (*grading, string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755)) // others may pass through
	for name, mode := range map[string]os.FileMode{"class": 0o700, "loot": 0o777, "out": 0o755} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		require.NoError(t, os.Chmod(filepath.Join(dir, name), mode))
	}
	server := filepath.Join(dir, "server")
	output, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", server, "./grade/gallery/go/wellmade_server").CombinedOutput()
	require.NoError(t, err, "%s", output)
	binary, err := os.ReadFile(server)
	require.NoError(t, err)
	for name, script := range map[string]string{"ada": fmt.Sprintf(attack, dir, kill), "bob": `exec ./server "$1"`} {
		folder := filepath.Join(dir, "class", name)
		require.NoError(t, os.Mkdir(folder, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(folder, "server"), binary, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(folder, "run.sh"), []byte(script), 0o755))
	}
	rubric := filepath.Join(dir, "rubric.yaml")
	require.NoError(t, os.WriteFile(rubric, []byte("title: T\nstages:\n  - {id: s, title: S, checks: [{id: server-starts, points: 2}, {id: server-several, points: 1}]}\n"), 0o600))
	seed := uint64(7)
	return &grading{
		ServerCmd: "sh run.sh {port}", classFlags: classFlags{Class: filepath.Join(dir, "class"), Jobs: 1}, Rubric: rubric, Seed: &seed,
		Timeout: 4 * time.Second, Out: filepath.Join(dir, "out"),
	}, dir
}

// points are those in results.json of a submission.
func points(t *testing.T, dir, name string) float64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "out", name, "results.json"))
	require.NoError(t, err)
	var results struct{ Score float64 }
	require.NoError(t, json.Unmarshal(text, &results), "%s", text)
	return results.Score
}

// daemonIsGone waits until what attacked in the background is.
func daemonIsGone(t *testing.T, dir string) {
	t.Helper()
	pid, err := os.ReadFile(filepath.Join(dir, "loot", "DAEMON"))
	require.NoError(t, err)
	wait.Until(t, func() bool {
		_, err := os.Stat("/proc/" + string(pid[:len(pid)-1]))
		return os.IsNotExist(err)
	}, "the attacker's process %s should be gone", pid)
}

// A submission that runs as another user gets nothing of what it is after.
func TestAttackAsAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can start programs as another user (go test -exec 'sudo -n' -run Attack ./lab)")
	}
	g, dir := attacked(t, `kill -KILL $PPID && got "the life of the grader"`)
	g.As = []string{strconv.Itoa(66_000 + os.Getpid()%5_000)}
	require.NoError(t, g.Validate())
	assert.NoError(t, g.Run(&signals{run: t.Context(), force: t.Context()}))
	loot, err := os.ReadFile(filepath.Join(dir, "loot", "LOOT"))
	assert.ErrorIs(t, err, os.ErrNotExist, "%s", loot)
	daemonIsGone(t, dir)
	assert.Equal(t, 3.0, points(t, dir, "ada"))
	assert.Equal(t, 3.0, points(t, dir, "bob"))

	// What the user could reach is found before anything runs.
	require.NoError(t, os.Chmod(g.Rubric, 0o644))
	require.NoError(t, os.Chmod(g.Out, 0o777))
	assert.EqualError(t, g.Run(&signals{run: t.Context(), force: t.Context()}), fmt.Sprintf(
		"--as: %s can write %s (as its owner: chmod go-w %[2]s); %[1]s can read %[3]s (as its owner: chmod go-rwx %[3]s)", g.As[0], g.Out, g.Rubric))
}

// One that runs as the grader's own user can reach everything, but what it did is told, and it writes
// no results.
func TestAttackByTheTrusted(t *testing.T) {
	g, dir := attacked(t, "")
	g.Trust = true
	require.NoError(t, g.Validate())
	err := g.Run(&signals{run: t.Context(), force: t.Context()})
	assert.ErrorContains(t, err, fmt.Sprintf("Tampered with: %s/class/bob/run.sh was changed.", dir))
	assert.ErrorContains(t, err, fmt.Sprintf("Tampered with: %s/rubric.yaml was changed.", dir))
	daemonIsGone(t, dir)
	assert.Equal(t, 3.0, points(t, dir, "ada"), "its own results, and not those that it wrote")
	page, err := os.ReadFile(filepath.Join(dir, "out", "ada", "release-body.md"))
	require.NoError(t, err)
	assert.Contains(t, string(page), fmt.Sprintf("Tampered with: %s/class/bob/run.sh was changed.", dir))
}
