package grade_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade"
	"pubsublab/lab/grade/checks"
	"pubsublab/lab/grade/gallery"
	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/rubric"
)

// pairRubric is the pair checks alone.
func pairRubric() *rubric.Rubric {
	stage := rubric.Stage{ID: "pair", Title: "At terminals"}
	for _, c := range checks.All {
		if c.Pair {
			stage.Checks = append(stage.Checks, rubric.Check{ID: c.ID, Points: 1})
		}
	}
	return &rubric.Rubric{Title: "A pair at terminals", Stages: []rubric.Stage{stage}}
}

// gradePair grades the pair of an entry of the gallery, or of its server and another client.
func gradePair(t *testing.T, name string, client ...string) *grade.Result {
	t.Helper()
	entries := prepared(t)
	e := entries[slices.IndexFunc(entries, func(e gallery.Entry) bool { return e.Name == name })]
	if len(client) == 0 {
		client = e.Client
	}
	for _, needed := range []string{e.Server[0], client[0]} {
		if _, err := exec.LookPath(needed); err != nil {
			t.Skip(err)
		}
	}
	r, err := gradeCommands(t.Context(), t.TempDir(), e.Server, client, grade.Options{Name: name, Seed: 1, Rubric: pairRubric()})
	require.NoError(t, err)
	return r
}

// pairClient is a client beside those of the gallery in Python.
func pairClient(t *testing.T, file string) []string {
	t.Helper()
	dir := t.TempDir()
	for _, path := range []string{"gallery/python/wellmade_client.py", "gallery/python/faithful_client.py", "testdata/pair/" + file} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(path)), text, 0o600))
	}
	return []string{"python3", filepath.Join(dir, file), "{host}", "{port}"}
}

// Whatever a client does with its terminal, it gets all points.
func TestClientsAtTerminals(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"reads_tty.py", "uses_readline.py"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			r := gradePair(t, "wellmade-go", pairClient(t, file)...)
			assert.Empty(t, failed(r), described(r))
		})
	}
	t.Run("Console.java", func(t *testing.T) {
		t.Parallel()
		if _, err := exec.LookPath("javac"); err != nil {
			t.Skip(err)
		}
		dir := t.TempDir()
		output, err := exec.CommandContext(t.Context(), "javac", "-d", dir, "testdata/pair/Console.java").CombinedOutput()
		require.NoError(t, err, "%s", output)
		r := gradePair(t, "wellmade-go", "java", "-cp", dir, "Console", "{host}", "{port}")
		assert.Empty(t, failed(r), described(r))
	})
}

// A client that ends too early is called that, with its last words.
func TestClientsThatEnd(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]struct{ what, words string }{
		"ends_while_sending.py": {"Publisher 1 ended with exit code 1 when it was to send its first message.", "RuntimeError: a mistake in sending"},
		"ends_while_showing.py": {"Subscriber 1 ended with exit code 1 when it was to show its first message.", "a mistake in showing"},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			r := gradePair(t, "wellmade-go", pairClient(t, file)...)
			works := r.Stages[0].Checks[0]
			assert.Equal(t, "pair-works", works.ID)
			assert.Equal(t, grade.Failed, works.Status)
			assert.Equal(t, want.what, works.What)
			var printed string
			for _, step := range works.Excerpt {
				if step.Kind == harness.Prints {
					printed += string(step.Data)
				}
			}
			assert.Contains(t, printed, want.words)
		})
	}
}
