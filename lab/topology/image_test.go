package topology

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestProgramOfADockerfile(t *testing.T) {
	for dockerfile, want := range map[string][2]string{
		"Dockerfile.server": {"server", "./server"}, "lab/nats/Dockerfile": {"nats", "./lab/nats"}, "./one/Dockerfile": {"one", "./one"},
		"Dockerfile": {}, "": {}, "one/Containerfile": {},
	} {
		name, pkg, ok := recipe{build: types.BuildConfig{Dockerfile: dockerfile}}.program()
		assert.Equal(t, want, [2]string{name, pkg}, dockerfile)
		assert.Equal(t, want != [2]string{}, ok, dockerfile)
	}
	_, pkg, _ := recipe{build: types.BuildConfig{Dockerfile: "lab/nats/Dockerfile"}, pkg: "a.b/c"}.program()
	assert.Equal(t, "a.b/c", pkg, "of a stand-in")
}

// What is built is found again by whoever builds the same, without a network too, and an edited
// line makes one image new without downloading a module.
func TestBuildsAfterAGoodRun(t *testing.T) {
	deployment, _, _ := openServer(t)
	build := func(file string) (ids map[string]string, downloads []string) {
		engine, err := NewEngine(t.Context(), Containers)
		require.NoError(t, err)
		defer engine.Close()
		topo, err := Load(file)
		require.NoError(t, err)
		ids, err = engine.prepare(t.Context(), topo, func(s Step) {
			if strings.HasPrefix(s.Now, "downloading ") {
				downloads = append(downloads, s.Now)
			}
		})
		require.NoError(t, err)
		return ids, downloads
	}
	first, _ := build(demoFile)
	const server, client, demo = "pubsublab/server:local", "pubsublab/client:local", "pubsublab/client-demo:local"
	require.Len(t, first, 3)
	assert.Equal(t, deployment.built[server], first[server])
	for _, id := range first {
		assert.Regexp(t, "^sha256:[0-9a-f]{64}$", id)
	}

	t.Setenv("GOPROXY", "off")
	again, downloads := build(demoFile)
	assert.Equal(t, first, again)
	assert.Empty(t, downloads)

	checkout := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(checkout, "lab"), 0o755))
	for name, to := range map[string]string{
		"client": "", "server": "", "protocol": "", "lab/scripts": "lab", "compose.yaml": "", ".dockerignore": "",
		"Dockerfile.client": "", "Dockerfile.server": "", "go.mod": "", "go.sum": "",
	} {
		out, err := exec.Command("cp", "-rp", "../../"+name, filepath.Join(checkout, to)).CombinedOutput() // modes count
		require.NoError(t, err, "%s", out)
	}
	main, err := os.OpenFile(filepath.Join(checkout, "client", "main.go"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = main.WriteString("\nvar edited = os.Args\n")
	require.NoError(t, err)
	require.NoError(t, main.Close())
	edited, downloads := build(filepath.Join(checkout, "compose.yaml"))
	assert.Empty(t, downloads)
	assert.Equal(t, first[server], edited[server])
	assert.NotEqual(t, first[client], edited[client])
	assert.NotEqual(t, first[demo], edited[demo])
}
