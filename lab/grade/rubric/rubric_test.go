package rubric

import (
	"os"
	"path/filepath"
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
