//go:build linux

package autograder

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"pubsublab/lab/internal/engine/enginetest"
	"regexp"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// attack is a server that, before it serves, does what submissions have done on Gradescope. What it
// could do is in /loot.
const attack = `
got() { echo "$1" >> /loot/LOOT; }
exec 2>/dev/null
cat /proc/$PPID/environ > /dev/null && got "the environment of the grader"
cat /autograder/source/rubric.yaml > /dev/null && got "the rubric"
ls /autograder/submission > /dev/null && got "what was handed in"
kill -KILL $PPID 1 && got "the life of the grader"
echo > /autograder/source/lab && got "the grader"
echo '{"score": 100}' > /autograder/results/results.json && got "the results"
(setsid env -i /bin/bash -c 'while :; do echo "{\"score\": 100}" > /autograder/results/results.json; sleep 0.05; done' > /dev/null &)
exec ./server "$1"
`

// TestGradescopeContainer runs the zip as Gradescope's harness does: setup.sh makes the image, and
// run_autograder runs as root, in 768 MB, on half a core. The results are collected a second later.
func TestGradescopeContainer(t *testing.T) {
	if os.Getenv("PUBSUBLAB_NODES") == "processes" {
		t.Skip("PUBSUBLAB_NODES asks for processes")
	}
	api, err := client.New(client.FromEnv)
	require.NoError(t, err)
	defer api.Close()
	if _, err := api.Ping(t.Context(), client.PingOptions{}); err != nil {
		t.Skip("no Docker engine answers: ", err)
	}
	image := gradescopeImage(t, api)
	made, err := api.ContainerCreate(t.Context(), client.ContainerCreateOptions{
		Config:     &container.Config{Image: image, Cmd: []string{"/bin/bash", "-c", "/autograder/run_autograder; code=$?; sleep 1; exit $code"}},
		HostConfig: &container.HostConfig{Resources: container.Resources{Memory: 768 << 20, MemorySwap: 768 << 20, NanoCPUs: 5e8}},
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := api.ContainerRemove(context.Background(), made.ID, client.ContainerRemoveOptions{Force: true})
		assert.NoError(t, err)
	})
	waiting := api.ContainerWait(t.Context(), made.ID, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	_, err = api.ContainerStart(t.Context(), made.ID, client.ContainerStartOptions{})
	require.NoError(t, err)
	var code int64
	select {
	case end := <-waiting.Result:
		code = end.StatusCode
	case err := <-waiting.Error:
		require.NoError(t, err)
	}
	logs, err := api.ContainerLogs(t.Context(), made.ID, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true})
	require.NoError(t, err)
	said, err := io.ReadAll(logs)
	require.NoError(t, err)
	require.Zero(t, code, "%s", said)

	var results struct {
		Score float64
		Tests []struct{ Name, Status, Output string }
	}
	require.NoError(t, json.Unmarshal(fetch(t, api, made.ID, "/autograder/results/results.json"), &results))
	assert.Equal(t, 5.0, results.Score, "%+v", results.Tests)
	assert.Len(t, results.Tests, 3)
	assert.Equal(t, "nothing\n", string(fetch(t, api, made.ID, "/loot/LOOT")))
}

// fetch reads a file of a container.
func fetch(t *testing.T, api *client.Client, id, path string) []byte {
	t.Helper()
	copied, err := api.CopyFromContainer(t.Context(), id, client.CopyFromContainerOptions{SourcePath: path})
	require.NoError(t, err)
	defer copied.Content.Close()
	files := tar.NewReader(copied.Content)
	_, err = files.Next()
	require.NoError(t, err)
	content, err := io.ReadAll(files)
	require.NoError(t, err)
	return content
}

// gradescopeImage is an image as Gradescope makes it of the zip, with a submission in it. Instead of
// Ubuntu it has what this machine has of the programs that are needed.
func gradescopeImage(t *testing.T, api *client.Client) string {
	t.Helper()
	var b bytes.Buffer
	files := tar.NewWriter(&b)
	add := func(name string, mode int64, content []byte) {
		require.NoError(t, files.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(content))}))
		_, err := files.Write(content)
		require.NoError(t, err)
	}
	// All of them, because folders that are not named would be open to everybody.
	for _, folder := range []string{"", "autograder", "autograder/results", "autograder/source", "autograder/submission", "bin", "etc", "lib",
		"lib64", "lib/x86_64-linux-gnu", "loot", "root", "tmp", "usr", "usr/bin", "var", "var/tmp"} {
		require.NoError(t, files.WriteHeader(&tar.Header{Name: "root/" + folder, Mode: 0o755, Typeflag: tar.TypeDir}))
	}
	machine(t, add)
	add("root/loot/LOOT", 0o666, []byte("nothing\n"))
	add("Dockerfile", 0o644, []byte("FROM scratch\nCOPY root /\nRUN [\"/bin/bash\", \"-c\", \"chmod 1777 /tmp /var/tmp && chmod 777 /loot && chmod 666 /loot/LOOT && bash /autograder/source/setup.sh\"]\n"))
	bin := t.TempDir()
	lab, err := Static(t.Context(), bin)
	require.NoError(t, err)
	var packed bytes.Buffer
	require.NoError(t, Gradescope(&packed, Options{
		Binary:    lab,
		Rubric:    []byte("title: T\nstages:\n  - {id: s, title: S, checks: [{id: server-starts, points: 2}, {id: pair-works, points: 2}, {id: pair-terminate, points: 1}]}\n"),
		Arguments: []string{"--server-cmd", "bash run.sh {port}", "--client-cmd", "./client {host} {port} {role}", "--timeout", "20s"}, // half a core may be slow
	}))
	unzip(t, packed.Bytes(), func(name string, mode int64, content []byte) {
		add("root/autograder/source/"+name, mode, content)
		if name == "run_autograder" {
			add("root/autograder/run_autograder", 0o755, content)
		}
	})
	for _, name := range []string{"server", "client"} {
		path := filepath.Join(bin, name)
		build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", path, "pubsublab/lab/grade/gallery/go/wellmade_"+name)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		output, err := build.CombinedOutput()
		require.NoError(t, err, "%s", output)
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		add("root/autograder/submission/"+name, 0o755, content)
	}
	add("root/autograder/submission/run.sh", 0o644, []byte(attack))
	require.NoError(t, files.Close())

	tag := "pubsublab-gradescope-test:" + strings.ToLower(rand.Text())
	enginetest.Build(t, api, tag, &b, nil)
	return tag
}

// machine adds the programs that scripts need, with their libraries, and a list of users.
func machine(t *testing.T, add func(name string, mode int64, content []byte)) {
	t.Helper()
	libraries := map[string]bool{}
	for _, name := range []string{"bash", "id", "chmod", "useradd", "env", "sleep", "cat", "ls", "setsid"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Skip("this machine has not what an image needs: ", err)
		}
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		add("root/bin/"+name, 0o755, content)
		add("root/usr/bin/"+name, 0o755, content)
		out, err := exec.CommandContext(t.Context(), "ldd", path).Output()
		if err != nil {
			t.Skip("this machine cannot say which libraries its programs need: ", err)
		}
		for _, library := range regexp.MustCompile(`/\S+`).FindAllString(string(out), -1) {
			libraries[library] = true
		}
	}
	for path := range libraries {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		add("root"+path, 0o755, content)
	}
	add("root/etc/passwd", 0o644, []byte("root:x:0:0:root:/root:/bin/bash\n"))
	add("root/etc/group", 0o644, []byte("root:x:0:\n"))
	add("root/etc/shadow", 0o600, []byte("root:*:19000:0:99999:7:::\n"))
	add("root/etc/gshadow", 0o600, []byte("root:*::\n"))
	add("root/etc/login.defs", 0o644, []byte("SYS_UID_MIN 100\nSYS_UID_MAX 999\nSYS_GID_MIN 100\nSYS_GID_MAX 999\n"))
}

func unzip(t *testing.T, packed []byte, add func(name string, mode int64, content []byte)) {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	require.NoError(t, err)
	for _, f := range r.File {
		from, err := f.Open()
		require.NoError(t, err)
		content, err := io.ReadAll(from)
		require.NoError(t, err)
		add(f.Name, int64(f.Mode().Perm()), content)
	}
}
