package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade"
)

// One point is spoken of as one.
func TestOnePointLeftOut(t *testing.T) {
	r := &grade.Result{Verdict: grade.Graded, Stages: []grade.Stage{{Checks: []grade.Check{
		{Max: 4, Status: grade.Passed}, {Max: 1, Status: grade.NotTried}, {Max: 1, Status: grade.NotTried},
	}}}}
	assert.Equal(t, "2 of the rubric's 6 points could not be tried and do not count.", leftOut(r))
	r.Stages[0].Checks = r.Stages[0].Checks[:2]
	assert.Equal(t, "1 of the rubric's 5 points could not be tried and does not count.", leftOut(r))
}

// What a submission says stands in blocks of code alone, and none of it ends one.
func TestReleaseBodyIsQuoted(t *testing.T) {
	for _, text := range []string{"@everybody [a](b)", "```\n# you pass", "`````` x\n~~~\n</details>", hostile} {
		for _, r := range append(batch(), filled(text)) {
			body, err := releaseBody(r)
			require.NoError(t, err)
			visible(t, "release-body.md", string(body))
			ticks := ""
			for line := range strings.Lines(string(body)) {
				line = strings.TrimRight(line, "\n")
				switch {
				case ticks == "" && strings.HasPrefix(line, "```"):
					ticks = strings.TrimSuffix(line, "text")
				case ticks != "" && line == ticks:
					ticks = ""
				case ticks == "" && !strings.HasPrefix(line, "<details><summary>"):
					assert.NotRegexp(t, `(^|[^\\])[<>\[\]|]`, strings.TrimSuffix(line, "</details>"), "outside of blocks of code")
				}
			}
			assert.Empty(t, ticks, "a block of code that does not end")
		}
	}
}

// However much went wrong, it fits into a release.
func TestReleaseBodyFits(t *testing.T) {
	r := example()
	failed := r.Stages[1].Checks[2:3]
	for range 200 {
		r.Stages[1].Checks = append(r.Stages[1].Checks, failed...)
	}
	body, err := releaseBody(r)
	require.NoError(t, err)
	assert.Less(t, len(body), 125_000)
	assert.Regexp(t, `\n\d+ more checks failed than fit here\.`, string(body))
}

func TestTampered(t *testing.T) {
	dir := t.TempDir()
	kept, changed, gone := filepath.Join(dir, "kept"), filepath.Join(dir, "changed"), filepath.Join(dir, "gone")
	for _, path := range []string{changed, gone, kept} {
		require.NoError(t, Replace(path, []byte("1 point")))
	}
	require.NoError(t, Replace(kept, []byte("2 points")))
	require.NoError(t, os.WriteFile(changed, []byte("9 points"), 0o600))
	require.NoError(t, os.Remove(gone))
	assert.Equal(t, []string{
		"Tampered with: the report " + changed + " is not as it was written.",
		"Tampered with: the report " + gone + " is not as it was written.",
	}, Tampered(dir))
	assert.Empty(t, Tampered(t.TempDir()))
}
