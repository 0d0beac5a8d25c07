package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// harm is what servers of a class do to the machine before they serve, if they come to that.
var harm = map[string]string{
	"forks":          `python3 -c 'import os, time` + "\n" + `while True:` + "\n" + ` try: os.fork()` + "\n" + ` except OSError: time.sleep(0.1)'`,
	"fills the disk": `i=0; while head -c 8000000 /dev/zero > "$TMPDIR/file$i"; do i=$((i+1)); done`,
	"large file":     `head -c 1000000000000 /dev/zero > large`,
	"opens files":    `python3 -c 'all = []` + "\n" + `while True: all.append(open("/dev/null"))'`,
	"eats memory":    `head -c 100000000000 /dev/zero | tail`,
	"prints on":      `yes &`,
	"ignores":        `trap '' TERM INT HUP`,
	"kills":          `kill -KILL $PPID; kill -TERM -1; kill -KILL 1`,
}

// disk is a file system with little room, which others may use.
func disk(t *testing.T, size string) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "pubsublab-disk-")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.Remove(dir)) })
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=1777,size="+size); err != nil {
		t.Skip("only some can make a small file system: ", err)
	}
	t.Cleanup(func() { assert.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

// aClass are submissions that do some harm, and the grading of them.
func aClass(t *testing.T, harm map[string]string) *grading {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip(err)
	}
	server, err := os.ReadFile("grade/gallery/python/wellmade_server.py")
	require.NoError(t, err)
	dir := t.TempDir()
	for name, script := range harm {
		folder := filepath.Join(dir, "class", name)
		require.NoError(t, os.MkdirAll(folder, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(folder, "server.py"), server, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(folder, "run.sh"), []byte(script+"\nexec python3 server.py $1\n"), 0o600))
	}
	rubric := filepath.Join(dir, "rubric.yaml")
	require.NoError(t, os.WriteFile(rubric, []byte("title: T\nstages:\n  - {id: s, title: S, checks: [{id: server-starts, points: 2}]}\n"), 0o600))
	seed := uint64(7)
	return &grading{
		ServerCmd: "sh run.sh {port}", classFlags: classFlags{Class: filepath.Join(dir, "class"), Jobs: 2, TimeLimit: 2 * time.Minute}, Rubric: rubric,
		Seed: &seed, Timeout: 4 * time.Second, Out: filepath.Join(dir, "out"),
	}
}

// A class goes on, whatever one of its submissions does to the machine.
func TestClassGoesOn(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can start programs as another user")
	}
	all := map[string]string{"last and good": ""}
	for name, script := range harm {
		all[name] = script
	}
	g := aClass(t, all)
	t.Setenv("TMPDIR", disk(t, "300m")) // where submissions run
	g.As, g.Jobs = []string{strconv.Itoa(76_000 + os.Getpid()%5_000)}, 1
	require.NoError(t, g.Validate())
	require.NoError(t, g.Run(&signals{run: t.Context(), force: t.Context()}))
	for name := range all {
		assert.FileExists(t, filepath.Join(g.Out, name, "report.html"))
	}
	table := read(t, filepath.Join(g.Out, "grades.csv"))
	for _, name := range []string{"last and good", "ignores", "kills", "prints on", "large file", "opens files", "fills the disk"} {
		assert.Contains(t, table, fmt.Sprintf("%s,graded,2,2,", name))
	}
	for name, limit := range map[string]string{"forks": "processes and threads", "eats memory": "memory"} {
		assert.Contains(t, read(t, filepath.Join(g.Out, name, "report.html")), limit, name)
	}
}

// Reports that find no room are named, and made when the class is graded again; the others are there.
func TestClassOnAFullDisk(t *testing.T) {
	full := disk(t, "1m")
	g := aClass(t, map[string]string{"ada": "", "bob": ""})
	g.Trust, g.Out = true, filepath.Join(full, "out")
	filler := filepath.Join(full, "filler")
	require.NoError(t, os.Mkdir(g.Out, 0o755))
	require.NoError(t, g.Validate())
	run := func() error { return g.Run(&signals{run: t.Context(), force: t.Context()}) }
	require.NoError(t, os.WriteFile(filler, make([]byte, 1<<20-64<<10), 0o600))
	assert.ErrorIs(t, run(), unix.ENOSPC)
	require.NoError(t, os.Remove(filler))
	require.NoError(t, run())
	assert.Contains(t, read(t, filepath.Join(g.Out, "grades.csv")), "bob,graded,2,2,")
	require.NoError(t, run(), "nothing has changed")
}
