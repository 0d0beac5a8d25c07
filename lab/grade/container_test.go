package grade_test

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade"
	"pubsublab/lab/grade/harness/runner"
	"pubsublab/lab/grade/rubric"
	"pubsublab/lab/internal/engine/enginetest"
)

// TestContainers grades the well-made programs of the gallery as images.
func TestContainers(t *testing.T) {
	t.Parallel()
	if os.Getenv("PUBSUBLAB_NODES") == "processes" {
		t.Skip("PUBSUBLAB_NODES asks for processes")
	}
	api, err := client.New(client.FromEnv)
	require.NoError(t, err)
	defer api.Close()
	if _, err := api.Ping(t.Context(), client.PingOptions{}); err != nil {
		t.Skip("no Docker engine answers: ", err)
	}
	server := image(t, api, "pubsublab/lab/grade/gallery/go/wellmade_server")
	guest := image(t, api, "pubsublab/lab/grade/gallery/go/wellmade_client")
	run, err := runner.NewContainers(t.Context(), server, guest)
	require.NoError(t, err)
	requireNoProject(t, api, run)
	some := &rubric.Rubric{Title: "Some", Stages: []rubric.Stage{{ID: "some", Title: "Some", Checks: []rubric.Check{
		{ID: "server-announces", Points: 1}, {ID: "pair-terminate", Points: 1}, {ID: "pair-works", Points: 1},
		{ID: "pair-interrupt-subscriber", Points: 1}, {ID: "right-sender", Points: 1}, {ID: "restarts-at-once", Points: 1},
	}}}}
	r, err := grade.Grade(t.Context(), run, grade.Options{Rubric: some, Seed: 1})
	assert.NoError(t, run.Close(), "which fails where containers are left on the network")
	require.NoError(t, err)
	assert.Equal(t, "containers", r.Runner)
	assert.Empty(t, failed(r), described(r))
	earned, _, _ := r.Points()
	assert.Equal(t, 6.0, earned)

	_, err = runner.NewContainers(t.Context(), "pubsublab/no-such-image", "")
	assert.ErrorContains(t, err, `the image "pubsublab/no-such-image" is not on the engine`)
}

// The label by which Compose knows the containers of a project.
const projectLabel, project = "com.docker.compose.project", "somebodys"

// requireNoProject requires that containers do not belong to the project that built their image.
func requireNoProject(t *testing.T, api *client.Client, run *runner.Containers) {
	t.Helper()
	program, err := run.Server(t.Context(), 5000)
	require.NoError(t, err)
	defer program.Kill()
	list := func(label string) int {
		found, err := api.ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: client.Filters{}.Add("label", label)})
		require.NoError(t, err)
		return len(found.Items)
	}
	require.Positive(t, list("pubsublab.grade"))
	require.Zero(t, list(projectLabel+"="+project))
}

// image builds an image of one static program, which is removed at the end of the test.
func image(t *testing.T, api *client.Client, path string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", program, path)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	code, err := os.ReadFile(program)
	require.NoError(t, err)
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	for name, content := range map[string][]byte{"program": code, "Dockerfile": []byte("FROM scratch\nCOPY program /program\nUSER 65532\nENTRYPOINT [\"/program\"]\n")} {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))}))
		_, err := w.Write(content)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	tag := "pubsublab-grade-test/" + filepath.Base(path) + ":" + strings.ToLower(rand.Text())
	enginetest.Build(t, api, tag, &files, map[string]string{projectLabel: project}) // as Compose v2 builds it
	return tag
}
