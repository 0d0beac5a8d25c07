package autograder

import (
	"archive/zip"
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/ulikunitz/xz"
)

var options = Options{
	Rubric:    []byte("title: T\n"),
	Arguments: []string{"--task", "2", "--server-cmd", `python3 "it's.py" $HOME {port}`},
	Packages:  []string{"python3", "default-jdk-headless"},
}

// program is options with a stand-in for the lab's binary, which prints its arguments, a line each.
func program(t *testing.T, script string) Options {
	t.Helper()
	o := options
	o.Binary = filepath.Join(t.TempDir(), "lab")
	require.NoError(t, os.WriteFile(o.Binary, []byte("#!/bin/sh\n"+script), 0o755))
	return o
}

const tells = `printf '%s\n' "$@"`

// The zip holds what Gradescope runs, and that hands on every argument as it was given.
func TestGradescope(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Gradescope(&b, program(t, tells)))
	packed, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	require.NoError(t, err)
	dir := t.TempDir()
	for _, f := range packed.File {
		from, err := f.Open()
		require.NoError(t, err)
		content, err := io.ReadAll(from)
		require.NoError(t, err)
		// On a machine where the folders of Gradescope are not.
		content = bytes.ReplaceAll(content, []byte("/autograder/source"), []byte(dir))
		content = bytes.ReplaceAll(content, []byte("chmod 700"), []byte(": chmod 700"))
		content = bytes.ReplaceAll(content, []byte("cd /autograder/submission"), []byte("cd "+dir))
		require.NoError(t, os.WriteFile(filepath.Join(dir, f.Name), content, f.Mode()))
	}
	out, err := exec.CommandContext(t.Context(), "bash", filepath.Join(dir, "run_autograder")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Equal(t, []string{
		"grade", "--as", "submission", "--rubric", dir + "/rubric.yaml", "--out", "/autograder/results",
		"--task", "2", "--server-cmd", `python3 "it's.py" $HOME {port}`,
	}, strings.Split(strings.TrimSpace(string(out)), "\n"))
	for _, name := range []string{"lab", "setup.sh", "run_autograder"} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o755), info.Mode().Perm(), name)
	}
	setup, err := os.ReadFile(filepath.Join(dir, "setup.sh"))
	require.NoError(t, err)
	assert.Contains(t, string(setup), "\napt-get install -y --no-install-recommends python3 default-jdk-headless\n")
	assert.NoError(t, exec.CommandContext(t.Context(), "bash", "-n", filepath.Join(dir, "setup.sh")).Run())
}

// The bundle's autograder.py unpacks the grader, starts it with the arguments, and leaves what
// Classroom 50 reads in the checkout.
func TestClassroom50(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("Classroom 50 runs Python, and there is none here")
	}
	bundle, checkout := t.TempDir(), t.TempDir()
	o := program(t, tells+` > arguments; env > environment
		while [ "$1" != --out ]; do shift; done
		mkdir -p "$2" && echo '{}' > "$2/result.json" && echo '## 1 / 1 points' > "$2/release-body.md"`)
	size, err := Classroom50(bundle, o)
	require.NoError(t, err)
	assert.Less(t, size, 8_000)
	run := exec.CommandContext(t.Context(), python, filepath.Join(bundle, "autograder.py"))
	run.Dir = checkout
	// Instead of sudo and of the users of this machine.
	bin := t.TempDir()
	for name, script := range map[string]string{"sudo": `shift; exec "$@"`, "id": "exit 1", "useradd": `echo "$@" > ` + filepath.Join(bin, "added")} {
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script), 0o755))
	}
	run.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "OWNER=ada", "GITHUB_TOKEN=geheim"}
	out, err := run.CombinedOutput()
	require.NoError(t, err, "%s", out)
	read := func(path string) string {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(text)
	}
	assert.Equal(t, "## 1 / 1 points\n", read(filepath.Join(checkout, "release-body.md")))
	assert.Equal(t, "{}\n", read(filepath.Join(checkout, "result.json")))
	assert.Equal(t, "--system --no-create-home submission\n", read(filepath.Join(bin, "added")))
	arguments := strings.Split(strings.TrimSpace(read(filepath.Join(checkout, "arguments"))), "\n")
	assert.Equal(t, []string{"grade", "--as", "submission", "--rubric"}, arguments[:4])
	assert.Equal(t, options.Arguments, arguments[len(arguments)-len(options.Arguments):])
	assert.Contains(t, read(filepath.Join(checkout, "environment")), "OWNER=ada\n")
	assert.NotContains(t, read(filepath.Join(checkout, "environment")), "geheim")

	// A grader that cannot grade is told as such, and is nobody's 0 points.
	_, err = Classroom50(bundle, program(t, "exit 2"))
	require.NoError(t, err)
	run = exec.CommandContext(t.Context(), python, filepath.Join(bundle, "autograder.py"))
	run.Dir, run.Env = t.TempDir(), []string{"PATH=" + bin + ":" + os.Getenv("PATH")}
	out, err = run.CombinedOutput()
	assert.EqualError(t, err, "exit status 1")
	assert.Contains(t, string(out), "The grader ended with exit code 2 and without result.json.")
}

// A binary comes out of the bundle as it went in, and one that Classroom 50 would not fetch is
// refused.
func TestSize(t *testing.T) {
	o := options
	o.Binary = filepath.Join(t.TempDir(), "lab")
	noise := make([]byte, 11<<20)
	source := rand.NewChaCha8([32]byte{})
	_, _ = source.Read(noise)
	require.NoError(t, os.WriteFile(o.Binary, noise[:1<<16], 0o755))
	for _, commands := range []string{os.Getenv("PATH"), ""} { // with the command xz, where there is one, and without
		t.Setenv("PATH", commands)
		dir := t.TempDir()
		_, err := Classroom50(dir, o)
		require.NoError(t, err)
		packed, err := os.Open(filepath.Join(dir, "lab.xz"))
		require.NoError(t, err)
		defer packed.Close()
		if _, err := exec.LookPath("xz"); err == nil {
			out, err := exec.CommandContext(t.Context(), "xz", "-dc", packed.Name()).Output()
			require.NoError(t, err)
			assert.True(t, bytes.Equal(noise[:1<<16], out))
			continue
		}
		reader, err := xz.NewReader(packed)
		require.NoError(t, err)
		content, err := io.ReadAll(reader)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(noise[:1<<16], content))
	}

	_, err := fetched([]file{{"lab.xz", 0o644, noise}})
	assert.ErrorContains(t, err, "and Classroom 50 takes 10485760")
}

func TestQuote(t *testing.T) {
	for _, word := range []string{"", "plain-1.2/x:y", "two words", "it's", `"$HOME" \ {port}`, "--as=x;y", "a\nb"} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+Quote(word)).Output()
		require.NoError(t, err)
		assert.Equal(t, word, string(out))
	}
	assert.Equal(t, "--task", Quote("--task"))
}
