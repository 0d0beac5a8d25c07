package failed

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/history"
	"pubsublab/lab/report"
)

// What a test leaves can be loaded, and judged as far as it is known who published.
func TestKeep(t *testing.T) {
	Keep(t, report.Run{}) // it has not failed
	folder, err := folderOf("TestX/of a kind")
	require.NoError(t, err)
	assert.Equal(t, "TestX_of_a_kind", filepath.Base(folder))
	assert.FileExists(t, filepath.Join(folder, "../../../go.mod"))
	assert.NoDirExists(t, filepath.Join(filepath.Dir(folder), t.Name()))

	var received []history.Message
	for i, from := range []string{"ada", "twin", "by hand", "ada"} {
		received = append(received, history.Message{Pos: uint64(i + 1), From: from, Line: "x"})
	}
	folder = t.TempDir()
	require.NoError(t, keep(folder, t.Name(), report.Run{History: history.History{
		Publishers:  []history.Publisher{{Name: "ada", Sent: []string{"x", "x"}}, {Name: "twin"}, {Name: "twin"}},
		Subscribers: []history.Subscriber{{Name: "s", FromFirst: true, Received: received}},
	}}))
	file, err := os.Open(filepath.Join(folder, report.RunFile))
	require.NoError(t, err)
	defer file.Close()
	run, err := report.Load(file)
	require.NoError(t, err)
	assert.Equal(t, "TestKeep failed.", run.Verdict.Headline)
	assert.Len(t, run.Publishers, 1)
	checked := history.Check(run.History)
	assert.True(t, checked.OK(), "%s", checked)
}
