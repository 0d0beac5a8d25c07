package topology

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The images' modules are downloaded by one step, which comes before sources are copied, and is the
// same in all Dockerfiles: an edited line does not download again, and what was downloaded for one
// image serves the others.
func TestDockerfilesDownloadModulesFirst(t *testing.T) {
	var first string
	for name, file := range map[string]string{"server": "Dockerfile.server", "client": "Dockerfile.client", "nats": "lab/nats/Dockerfile"} {
		raw, err := os.ReadFile("../../" + file)
		require.NoError(t, err)
		text := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(string(raw), "")
		steps, sources, found := strings.Cut(text, "\nRUN ")
		require.True(t, found, file)
		run, rest, _ := strings.Cut(sources, "\n")
		steps += "\nRUN " + run
		if first == "" {
			first = steps
		}
		assert.Equal(t, first, steps, "%s begins as the others do", file)
		assert.Contains(t, steps, "\nCOPY go.mod go.sum ./\n")
		assert.Equal(t, 1, strings.Count(steps, "COPY"), "%s copies no source before", file)
		if name == "nats" {
			continue // the module of its one program
		}
		assert.Contains(t, rest, "COPY "+name+" "+name)

		var words []string
		require.NoError(t, json.Unmarshal([]byte(run), &words))
		packages := words[slices.Index(words, "-trimpath")+1:]
		assert.Subset(t, modules(t, packages...), modules(t, "pubsublab/"+name), "the modules of %s", name)
		assert.Subset(t, append(modules(t, "pubsublab/server"), modules(t, "pubsublab/client")...), modules(t, packages...), "no others")
	}
}

// modules returns the paths of the modules, other than this one, whose packages some packages are
// built from.
func modules(t *testing.T, packages ...string) []string {
	t.Helper()
	args := append([]string{"list", "-buildvcs=false", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}"}, packages...)
	command := exec.CommandContext(t.Context(), "go", args...)
	command.Env = append(os.Environ(), "GOOS=linux")
	out, err := command.Output()
	require.NoError(t, err)
	found := strings.Fields(string(out))
	slices.Sort(found)
	return slices.Compact(found)
}
