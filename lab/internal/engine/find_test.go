package engine

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/internal/engine/enginetest"
)

func TestFind(t *testing.T) {
	for name, c := range map[string]struct {
		env    map[string]string
		chosen string // host of the chosen context
		host   string
		asked  string
	}{
		"nobody asks":                      {host: "unix:///var/run/docker.sock"},
		"the default is asked for":         {env: map[string]string{"DOCKER_CONTEXT": "default"}, chosen: "tcp://c:1", host: "unix:///var/run/docker.sock"},
		"DOCKER_HOST":                      {env: map[string]string{"DOCKER_HOST": "tcp://h:1"}, host: "tcp://h:1", asked: "DOCKER_HOST=tcp://h:1"},
		"DOCKER_HOST without a scheme":     {env: map[string]string{"DOCKER_HOST": "h:1"}, host: "tcp://h:1", asked: "DOCKER_HOST=h:1"},
		"DOCKER_HOST by ssh":               {env: map[string]string{"DOCKER_HOST": "ssh://me@h"}, host: "ssh://me@h", asked: "DOCKER_HOST=ssh://me@h"},
		"a pipe":                           {env: map[string]string{"DOCKER_HOST": "npipe:////./pipe/x"}, host: "npipe:////./pipe/x", asked: "DOCKER_HOST=npipe:////./pipe/x"},
		"a chosen context":                 {chosen: "tcp://c:1", host: "tcp://c:1", asked: "docker context use chosen"},
		"the variable before the choice":   {env: map[string]string{"DOCKER_CONTEXT": "other"}, chosen: "tcp://c:1", host: "unix:///o", asked: "DOCKER_CONTEXT=other"},
		"DOCKER_HOST before every context": {env: map[string]string{"DOCKER_HOST": "unix:///h", "DOCKER_CONTEXT": "other"}, chosen: "tcp://c:1", host: "unix:///h", asked: "DOCKER_HOST=unix:///h"},
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && c.asked == "" {
				c.host = "npipe:////./pipe/docker_engine"
			}
			dir := enginetest.Clean(t)
			enginetest.AddContext(t, dir, "other", "unix:///o", false)
			if c.chosen != "" {
				enginetest.AddContext(t, dir, "chosen", c.chosen, true)
			}
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			found, err := Find()
			require.NoError(t, err)
			assert.Equal(t, c.host, found.Host)
			assert.Equal(t, c.asked, found.Asked)
			assert.Equal(t, strings.HasPrefix(c.host, "unix:") || strings.HasPrefix(c.host, "npipe:"), found.Local())
		})
	}
}

// After `sudo docker` the file is often another user's.
func TestFindWithoutReadableSettings(t *testing.T) {
	dir := enginetest.Clean(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte("{"), 0o600))
	found, err := Find()
	require.NoError(t, err)
	assert.Empty(t, found.Asked)
	assert.True(t, found.Local())
}
