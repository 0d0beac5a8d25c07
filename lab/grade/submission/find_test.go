//go:build linux

package submission

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"pubsublab/lab/internal/proc"
)

// unpack writes the files of an archive into a folder, with ports that are free in the places of
// @PORT@ and @PORT2@, and returns what stands above them.
func unpack(t *testing.T, path string) (dir, want string) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	text := string(data)
	for _, name := range []string{"@PORT@", "@PORT2@"} {
		port, err := proc.FreePort(t.Context(), "")
		require.NoError(t, err)
		text = strings.ReplaceAll(text, name, strconv.Itoa(port))
	}
	archive := txtar.Parse([]byte(text))
	dir = t.TempDir()
	for _, f := range archive.Files {
		name := filepath.Join(dir, f.Name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, f.Data, 0o600))
	}
	return dir, string(archive.Comment)
}

// listing is all that is in a folder.
func listing(t *testing.T, dir string) (all []string) {
	t.Helper()
	require.NoError(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		all = append(all, path+" "+info.ModTime().String())
		return err
	}))
	return all
}

// TestFind finds the submissions of testdata. Above the files stand the lines that are to come, and the
// beginnings of notes.
func TestFind(t *testing.T) {
	tools := map[string]string{"python": "python3", "java": "javac", "c": "gcc", "cpp": "g++", "go": "go", "rust": "cargo", "node": "node"}
	archives, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, archives)
	for _, path := range archives {
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			language, _, _ := strings.Cut(name, "_")
			if tool := tools[language]; tool != "" {
				if _, err := exec.LookPath(tool); err != nil {
					t.Skipf("this machine has no %s", tool)
				}
			}
			dir, want := unpack(t, path)
			before := listing(t, dir)
			s, err := Find(t.Context(), dir, Options{})
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, s.Close()) })
			var lines, notes []string
			for line := range strings.Lines(want) {
				if note, ok := strings.CutPrefix(strings.TrimSpace(line), "note: "); ok {
					notes = append(notes, note)
				} else {
					lines = append(lines, strings.TrimSpace(line))
				}
			}
			assert.Equal(t, lines, s.How(), "tried: %s", strings.Join(s.Tried, "\n"))
			for _, note := range notes {
				assert.Contains(t, strings.Join(s.Notes, "\n"), note)
			}
			assert.Equal(t, before, listing(t, dir), "nothing is written into the submission's folder")
		})
	}
}

// A file of settings that was written starts the submission again, and finds nothing by itself.
func TestFoundSettingsAreTaken(t *testing.T) {
	dir, _ := unpack(t, "testdata/python_one_step.txtar")
	found, err := Find(t.Context(), dir, Options{})
	require.NoError(t, err)
	require.NoError(t, found.Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, SettingsFile), found.YAML(), 0o600))
	again, err := Find(t.Context(), dir, Options{})
	require.NoError(t, err)
	require.NoError(t, again.Close())
	assert.Equal(t, found.Settings, again.Settings)
	assert.Empty(t, again.Why)
}

func TestTaskPicksASolution(t *testing.T) {
	dir, _ := unpack(t, "testdata/python_task_folders.txtar")
	s, err := Find(t.Context(), dir, Options{Task: 1})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	assert.Equal(t, "Übung/Task 1", s.Where)
	assert.Equal(t, "python3 client.py {host} {port}", s.Client)
}
