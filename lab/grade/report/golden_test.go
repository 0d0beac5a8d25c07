package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "write it with -update")
	assert.Equal(t, string(want), string(got), "look at the difference, and write %s anew with -update when it is meant", path)
}

func TestGoldenFiles(t *testing.T) {
	for _, name := range []string{"CLASSROOM", "ASSIGNMENT", "ASSIGNMENT_TYPE", "OWNER", "USERNAME", "SUBMISSION_TAG", "COMMIT_URL", "RELEASE_URL", "REVIEW_URL"} {
		t.Setenv(name, "")
	}
	dir := filepath.Join(t.TempDir(), "made", "when", "missing")
	for range 2 { // the second time, the files are there
		require.NoError(t, Write(dir, example()))
		written, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, written, len(formats), "something else than the reports was left behind")
	}
	for _, f := range formats {
		content, err := os.ReadFile(filepath.Join(dir, f.name))
		require.NoError(t, err)
		golden(t, f.name, content)
	}
}

func TestGoldenTerminal(t *testing.T) {
	var b bytes.Buffer
	Checklist(&b, example(), false)
	golden(t, "checklist.txt", b.Bytes())
	b.Reset()
	Checklist(&b, flawless(), true)
	golden(t, "checklist-flawless-colour.txt", b.Bytes())
	b.Reset()
	Checklist(&b, crashed(), false)
	golden(t, "checklist-crashed.txt", b.Bytes())
	b.Reset()
	Table(&b, batch(), false)
	golden(t, "table.txt", b.Bytes())
	b.Reset()
	require.NoError(t, CSV(&b, batch()))
	golden(t, "batch.csv", b.Bytes())
}

// batch holds results that differ in their checks, too.
func batch() []*grade.Result {
	nothing := &grade.Result{Verdict: grade.Graded, Submission: "a name \x1b[31mthat is too long for a column of a table, by far", Stages: []grade.Stage{
		{ID: "server", Title: "The server", Checks: []grade.Check{
			{ID: "starts", Title: "starts", Status: grade.Failed, Max: 2},
			{ID: "newer", Title: "of a newer rubric", Status: grade.Blocked, Max: 3, BlockedBy: "starts"},
		}},
	}}
	return []*grade.Result{example(), flawless(), nothing, crashed()}
}

func TestWriteSaysWhatItCannot(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	assert.ErrorContains(t, Write(file, example()), file)

	require.NoError(t, os.Mkdir(filepath.Join(dir, "junit.xml"), 0o755))
	assert.ErrorContains(t, Write(dir, example()), "junit.xml")
	left, err := filepath.Glob(filepath.Join(dir, ".report-*"))
	require.NoError(t, err)
	assert.Empty(t, left, "half a file was left behind")
}
