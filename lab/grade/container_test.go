package grade_test

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade"
	"pubsublab/lab/grade/rubric"
	"pubsublab/lab/grade/runner"
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
	some := &rubric.Rubric{Title: "Some", Stages: []rubric.Stage{{ID: "some", Title: "Some", Checks: []rubric.Check{
		{ID: "server-announces", Points: 1}, {ID: "client-terminate", Points: 1}, {ID: "client-receives", Points: 1},
		{ID: "client-interrupt", Points: 1}, {ID: "right-sender", Points: 1}, {ID: "restarts-at-once", Points: 1},
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

// image builds an image of one static program, which is removed at the end of the test.
func image(t *testing.T, api *client.Client, path string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, path)
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
	tag := "pubsublab-grade-test/" + filepath.Base(path)
	built, err := api.ImageBuild(t.Context(), &files, client.ImageBuildOptions{Tags: []string{tag}, Remove: true})
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := api.ImageRemove(context.Background(), tag, client.ImageRemoveOptions{Force: true, PruneChildren: true})
		assert.NoError(t, err)
	})
	log, err := io.ReadAll(built.Body)
	require.NoError(t, err)
	require.NoError(t, built.Body.Close())
	require.NotContains(t, string(log), `"error"`)
	return tag
}
