// Package enginetest makes what tests of engines need: the settings of the docker command by which
// engines are looked up, and images.
package enginetest

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	clidocker "github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Clean takes away everything by which somebody could ask for an engine, and returns the docker
// command's folder.
func Clean(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"} {
		t.Setenv(name, "")
	}
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	return dir
}

// AddContext does what `docker context create` does, and `docker context use` too where it is to be
// chosen.
func AddContext(t *testing.T, dir, name, host string, chosen bool) {
	t.Helper()
	contexts := store.New(filepath.Join(dir, "contexts"), store.NewConfig(func() any { return &map[string]any{} },
		store.EndpointTypeGetter(clidocker.DockerEndpoint, func() any { return &clidocker.EndpointMeta{} })))
	require.NoError(t, contexts.CreateOrUpdate(store.Metadata{Name: name, Endpoints: map[string]any{
		clidocker.DockerEndpoint: clidocker.EndpointMeta{Host: host},
	}}))
	if chosen {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), fmt.Appendf(nil, `{"currentContext":%q}`, name), 0o600))
	}
}

// Build builds an image of the files in a tar archive, a Dockerfile among them, under a tag. The end of
// the test removes it.
func Build(t *testing.T, api *client.Client, tag string, files io.Reader, labels map[string]string) {
	t.Helper()
	built, err := api.ImageBuild(t.Context(), files, client.ImageBuildOptions{Tags: []string{tag}, Remove: true, ForceRemove: true, Labels: labels})
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := api.ImageRemove(context.Background(), tag, client.ImageRemoveOptions{Force: true, PruneChildren: true})
		assert.NoError(t, err)
	})
	log, err := io.ReadAll(built.Body)
	require.NoError(t, err)
	require.NoError(t, built.Body.Close())
	require.NotContains(t, string(log), `"error"`)
}
