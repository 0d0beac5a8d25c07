//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade/submission"
)

// handedIn writes a submission: what is typed at its client is shown by its server.
func handedIn(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("this machine has no python3")
	}
	dir := filepath.Join(t.TempDir(), "ada")
	require.NoError(t, os.Mkdir(dir, 0o700))
	for name, text := range map[string]string{
		"server.py": "import socket, sys\ns = socket.socket()\ns.bind(('', int(sys.argv[1])))\ns.listen()\n" +
			"while True:\n    c, _ = s.accept()\n    while (data := c.recv(1000)):\n        print('typed:', data.decode(), flush=True)\n",
		"client.py": "import socket, sys\ns = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n" +
			"while (line := input()) != 'terminate':\n    s.sendall(line.encode())\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

func TestGradeFinds(t *testing.T) {
	dir, out := handedIn(t), filepath.Join(t.TempDir(), "out")
	g := &grading{Dir: dir, Find: true, classFlags: classFlags{Jobs: 1}, Timeout: 4 * time.Second, Out: out}
	g.Trust = true
	require.NoError(t, g.Validate())
	run := &signals{run: t.Context(), force: t.Context()}
	require.NoError(t, g.Run(run))
	settings, err := submission.ReadSettings(filepath.Join(out, submission.SettingsFile))
	require.NoError(t, err)
	assert.Equal(t, submission.Settings{Server: "python3 server.py {port}", Client: "python3 client.py {host} {port}"}, settings)
	assert.NoFileExists(t, filepath.Join(out, "report.html"), "nothing was to be graded")
	assert.NoFileExists(t, filepath.Join(dir, submission.SettingsFile), "nobody asked to write there")

	g.Write = true
	require.NoError(t, g.Run(run))
	assert.FileExists(t, filepath.Join(dir, submission.SettingsFile))

	require.NoError(t, os.WriteFile(filepath.Join(dir, submission.SettingsFile), []byte("server: ./server\n"), 0o600))
	assert.ErrorContains(t, g.Run(run), `grade.yaml:1: server is "./server"; expected {port}`)
}

// A submission that cannot be started is a result, with reports.
func TestGradeOfWhatCannotBeStarted(t *testing.T) {
	dir, out := handedIn(t), filepath.Join(t.TempDir(), "out")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "server.py"), []byte("import socket\ns.listen(\n"), 0o600))
	g := &grading{Dir: dir, classFlags: classFlags{Jobs: 1}, Timeout: 4 * time.Second, Out: out, FailUnder: 1}
	g.Trust = true
	require.NoError(t, g.Validate())
	assert.EqualError(t, g.Run(&signals{run: t.Context(), force: t.Context()}), "ada was not graded: could not be started")
	page, err := os.ReadFile(filepath.Join(out, "report.html"))
	require.NoError(t, err)
	assert.Contains(t, string(page), "SyntaxError", "its last words")
}

func TestOutIsTriedFirst(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	g := &grading{ServerCmd: "no-such-program {port}", classFlags: classFlags{Jobs: 1}, Timeout: time.Second, Out: filepath.Join(file, "out")}
	g.Trust = true
	require.NoError(t, g.Validate())
	assert.ErrorContains(t, g.Run(&signals{run: t.Context(), force: t.Context()}), "--out: ")
}
