package rubric

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rubric.yaml")
	require.NoError(t, os.WriteFile(path, []byte(`
title: A course
stages:
  - id: one
    title: First
    checks:
      - {id: a, points: 2.5}
      - {id: b, points: 0, bonus: true}
`), 0o600))
	r, err := Load(path, []string{"a", "b"})
	require.NoError(t, err)
	assert.Equal(t, &Rubric{Title: "A course", Stages: []Stage{{
		ID: "one", Title: "First", Checks: []Check{{ID: "a", Points: 2.5}, {ID: "b", Bonus: true}},
	}}}, r)

	_, err = Load(path+".none", nil)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// A rubric may say how submissions want to be talked to.
func TestDialect(t *testing.T) {
	text := stage("{id: a, points: 1}") + "\ndialect:\n  register: \"{role}:{topic}\\n\"\n  message: \"{text}\\n\"\n"
	r, err := Parse("r.yaml", []byte(text), []string{"a"})
	require.NoError(t, err)
	assert.Equal(t, `a publisher sends "PUBLISHER:{topic}\n", a subscriber "SUBSCRIBER:{topic}\n", a message is "{text}\n"`, r.Dialect.String())
}

func TestParseErrorsHaveLines(t *testing.T) {
	for _, test := range []struct{ text, says string }{
		{"", "r.yaml"},
		{"{}", "r.yaml:1: expected a title"},
		{"title: T\nstages: []", "r.yaml:1: expected at least one stage"},
		{"title: T\nstages:\n  - title: S\n    checks: [{id: a, points: 1}]", "r.yaml:3: this stage has no id"},
		{"title: T\nstages:\n  - id: s\n    checks: [{id: a, points: 1}]", `r.yaml:3: stage "s" has no title`},
		{"title: T\nstages:\n  - {id: s, title: S}", `r.yaml:3: stage "s" has no checks`},
		{stage("{points: 1}"), "r.yaml:6: this check has no id"},
		{stage("{id: x, points: 1}"), `r.yaml:6: there is no check "x"; there are: a, b`},
		{stage("{id: a, points: 1}\n    - {id: a, points: 1}"), `r.yaml:7: check "a" is on line 6 already`},
		{stage("{id: a}"), `r.yaml:6: check "a" has no points`},
		{stage("{id: a, points: -1}"), `r.yaml:6: check "a" has -1 points; expected 0 or more`},
		{stage("{id: a, points: .nan}"), `expected 0 or more`},
		{stage("{id: a, points: many}"), "line 6"},
		{stage("{id: a, point: 1}"), "line 6: field point not found"},
		{"title: T\ndialect: {register: \"{role}\"}", "expected {text}"},
		{"titel: T", "line 1: field titel not found"},
		{"title: [", "line 1"},
	} {
		_, err := Parse("r.yaml", []byte(test.text), []string{"a", "b"})
		assert.ErrorContains(t, err, test.says, "%s", test.text)
		assert.ErrorContains(t, err, "r.yaml")
	}
}

func stage(check string) string {
	return "title: T\nstages:\n  - id: s\n    title: S\n    checks:\n    - " + check
}

// TestTasks wants the rubrics that come with the grader to be worth 100 points.
func TestTasks(t *testing.T) {
	for task := range Tasks + 1 {
		text, err := Text(task)
		require.NoError(t, err)
		_, err = Parse("rubric", text, nil)
		require.Error(t, err, "no check is known")
		if task > 1 { // in step 1 it is a check of its own
			assert.Contains(t, string(text), "server-shows-messages", "A9 is of every step, of step %d too", task)
		}
		points := 0.0
		for line := range strings.Lines(string(text)) {
			var p float64
			if _, after, ok := strings.Cut(line, "points: "); ok && !strings.Contains(line, "bonus") {
				_, err := fmt.Sscanf(after, "%g", &p)
				require.NoError(t, err)
			}
			points += p
		}
		assert.InDelta(t, 100, points, 0.001, "task %d", task)
	}
	_, err := Text(Tasks + 1)
	assert.ErrorContains(t, err, "expected 1 to 4")
}
