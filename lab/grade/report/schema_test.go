package report

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade"
)

// results are what every format has to cope with.
func results() map[string]*grade.Result {
	thirds := example()
	thirds.Stages[0].Checks[0].Max = 10.0 / 3
	return map[string]*grade.Result{
		"example":  example(),
		"flawless": flawless(),
		"empty":    {},
		"crashed":  crashed(),
		"thirds":   thirds,
	}
}

func fromClassroom(name string) string {
	return map[string]string{
		"CLASSROOM":       "cs-networks",
		"ASSIGNMENT":      "pubsub",
		"ASSIGNMENT_TYPE": "team",
		"USERNAME":        "alice",
		"SUBMISSION_TAG":  "submit/2026-11-22T10-14-58Z-a1b2c3d",
		"COMMIT_URL":      "https://github.com/org/repo/commit/a1b2c3d",
		"RELEASE_URL":     "https://github.com/org/repo/releases/tag/submit%2F2026",
	}[name]
}

func TestSchemas(t *testing.T) {
	tests := map[string]func(*grade.Result) ([]byte, error){
		"gradescope":  gradescope,
		"classroom50": func(r *grade.Result) ([]byte, error) { return classroom50(r, fromClassroom) },
		"ctrf":        ctrf,
	}
	for format, render := range tests {
		compiler := jsonschema.NewCompiler()
		compiler.AssertFormat()
		schema, err := compiler.Compile(filepath.Join("testdata", format+".schema.json"))
		require.NoError(t, err)
		for name, r := range results() {
			content, err := render(r)
			require.NoError(t, err)
			value, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
			require.NoError(t, err)
			assert.NoError(t, schema.Validate(value), "%s of the result %q", format, name)
		}
	}
}

func TestOutsideOfClassroom50(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("testdata/classroom50.schema.json")
	require.NoError(t, err)
	content, err := classroom50(example(), func(string) string { return "" })
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
	require.NoError(t, err)
	assert.NoError(t, schema.Validate(value))
}

func TestGradescopeTotals(t *testing.T) {
	for name, r := range results() {
		var out gradescopeResults
		content, err := gradescope(r)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(content, &out))
		earned, of, bonus := r.Points()
		if of > 0 {
			assert.InDelta(t, earned/of, (out.Score-bonus)/r.Total(), 0.001, "the share that %s earned", name)
		}
		sum, most := 0.0, 0.0
		for _, test := range out.Tests {
			sum += test.Score
			if test.MaxScore != nil {
				assert.LessOrEqual(t, test.Score, *test.MaxScore, test.Name)
				most += *test.MaxScore
			}
			if test.Status == "failed" {
				assert.NotEmpty(t, test.Output, "%s failed, and a student is not told why", test.Name)
			}
		}
		assert.InDelta(t, out.Score, sum, 0.006, name)
		assert.InDelta(t, r.Total(), most, 0.006, "a bonus counts in what there is to earn")
	}
}

func TestClassroom50Totals(t *testing.T) {
	for name, r := range results() {
		var out classroom50Result
		content, err := classroom50(r, fromClassroom)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(content, &out))
		score, most := 0, 0
		for _, test := range out.Tests {
			assert.LessOrEqual(t, test.Score, test.MaxScore, test.Name)
			score, most = score+test.Score, most+test.MaxScore
			if !test.Passed {
				assert.NotEqual(t, string(grade.Absent), test.Status, "a bonus that is not there would fail the submission")
			}
		}
		assert.Equal(t, score, out.Score, name)
		assert.Equal(t, most, out.MaxScore, name)
		if earned, of, _ := r.Points(); of > 0 {
			assert.InDelta(t, earned/of, float64(out.Score)/float64(out.MaxScore), 0.001, "the share that %s earned", name)
		}
	}
	assert.Equal(t, 1.0, wholeScale(&grade.Result{}))
	assert.Equal(t, 10.0, wholeScale(example()))
	assert.Equal(t, 100.0, wholeScale(results()["thirds"]))
}

func TestCTRFCounts(t *testing.T) {
	var out ctrfReport
	content, err := ctrf(example())
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &out))
	sum := out.Results.Summary
	assert.Len(t, out.Results.Tests, sum.Tests)
	assert.Equal(t, []int{12, 4, 4, 4}, []int{sum.Tests, sum.Passed, sum.Failed, sum.Skipped})
}
