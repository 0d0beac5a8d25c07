//go:build linux

package submission

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A server is started once for both, to see whether it listens and whether its
// clients find it.
func TestServerIsStartedOnce(t *testing.T) {
	t.Parallel()
	dir, started := t.TempDir(), filepath.Join(t.TempDir(), "started")
	require.NoError(t, os.CopyFS(dir, os.DirFS("../gallery/strangers/py-slow-start")))
	path := filepath.Join(dir, "Middleware.py")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	noted := fmt.Sprintf("print('started', file=open(%q, 'a'))\n%s", started, strings.Replace(string(text), `"TABLES", 15`, `"TABLES", 0`, 1))
	require.NoError(t, os.WriteFile(path, []byte(noted), 0o600))
	s, err := Find(t.Context(), dir, Options{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	assert.Empty(t, s.Why)
	assert.Contains(t, strings.Join(s.Tried, "\n"), "was shown at a subscriber")
	times, err := os.ReadFile(started)
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(times), "started"), "%q", s.Tried)
}
