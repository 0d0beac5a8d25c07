package cage

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A seal tells what was changed, added, removed and put in the place of something else.
func TestSeal(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, "class", name) }
	rubric, absent := filepath.Join(dir, "rubric.yaml"), filepath.Join(dir, "grade.yaml")
	write := func(path, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	write(rubric, "points: 1")
	for _, name := range []string{"ada/server.py", "ada/link", "bob/server.py", "bob/client.py"} {
		write(path(name), "print()")
	}
	s, err := NewSeal(rubric, absent, filepath.Join(dir, "class"))
	require.NoError(t, err)
	assert.Empty(t, s.Broken())

	write(rubric, "points: 2")
	write(path("bob/new.py"), "")
	require.NoError(t, os.Remove(path("bob/client.py")))
	require.NoError(t, os.Remove(path("ada/link")))
	require.NoError(t, os.Symlink("server.py", path("ada/link")))
	write(absent, "")
	assert.Equal(t, []string{
		fmt.Sprintf("Tampered with: %s was changed.", path("ada/link")),
		fmt.Sprintf("Tampered with: %s is gone.", path("bob/client.py")),
		fmt.Sprintf("Tampered with: %s was not there before.", path("bob/new.py")),
		fmt.Sprintf("Tampered with: %s was not there before.", absent),
		fmt.Sprintf("Tampered with: %s was changed.", rubric),
	}, s.Broken())
}
