// Package rubric reads what a course grades, and with how many points.
package rubric

import (
	"embed"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"pubsublab/lab/grade/harness/dialect"
)

// texts are the rubrics that come with the grader.
//
//go:embed task1.yaml task2.yaml task3.yaml task4.yaml
var texts embed.FS

// Tasks is how many steps of the course have a rubric of their own.
const Tasks = 4

// defaultTask is the step that is meant where nobody says one: mostly it is roles.
const defaultTask = 2

// Text is the rubric for a step of the course, 1 to [Tasks], as it would be in a file. For 0 it is
// that of step 2.
func Text(task int) ([]byte, error) {
	if task < 0 || task > Tasks {
		return nil, fmt.Errorf("there is no task %d; expected 1 to %d", task, Tasks)
	}
	if task == 0 {
		task = defaultTask
	}
	return texts.ReadFile(fmt.Sprintf("task%d.yaml", task))
}

// Rubric is stages of checks.
type Rubric struct {
	Title   string
	Stages  []Stage
	Dialect *dialect.Dialect // how submissions want to be talked to; nil: it is found out
}

// Stage is checks about one thing.
type Stage struct {
	ID, Title string
	Checks    []Check
}

// Check is a check of the grader's, and what it is worth.
type Check struct {
	ID     string
	Points float64
	Bonus  bool // on top of what there is to earn
}

// Default is the rubric that is used where a course has none of its own.
func Default(known []string) (*Rubric, error) { return Task(0, known) }

// Task is the rubric for a step of the course: see [Text].
func Task(task int, known []string) (*Rubric, error) {
	text, err := Text(task)
	if err != nil {
		return nil, err
	}
	return Parse(fmt.Sprintf("the rubric of task %d", task), text, known)
}

// Load reads a rubric. Known are the IDs of the checks there are. An error names the file and the
// line.
func Load(path string, known []string) (*Rubric, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data, known)
}

// The file, with the lines where things are.
type (
	file struct {
		Title   at[string]       `yaml:"title"`
		Stages  []at[rawStage]   `yaml:"stages"`
		Dialect *dialect.Dialect `yaml:"dialect"`
	}
	rawStage struct {
		ID     at[string]     `yaml:"id"`
		Title  at[string]     `yaml:"title"`
		Checks []at[rawCheck] `yaml:"checks"`
	}
	rawCheck struct {
		ID     at[string]  `yaml:"id"`
		Points at[float64] `yaml:"points"`
		Bonus  bool        `yaml:"bonus"`
	}
)

// at is a value and the line it is on; 0 where it is missing.
type at[T any] struct {
	value T
	line  int
}

// UnmarshalYAML decodes the value, and refuses fields that nobody knows.
func (a *at[T]) UnmarshalYAML(node *yaml.Node) error {
	a.line = node.Line
	return node.Load(&a.value, yaml.WithKnownFields())
}

// Parse is Load for what was read already; name is what errors call it.
func Parse(name string, data []byte, known []string) (*Rubric, error) {
	var f file
	if err := yaml.Load(data, &f, yaml.WithKnownFields()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var wrong []error
	complain := func(line int, format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("%s:%d: %s", name, max(line, 1), fmt.Sprintf(format, args...)))
	}
	r := &Rubric{Title: f.Title.value, Dialect: f.Dialect}
	if r.Title == "" {
		complain(f.Title.line, "expected a title")
	}
	if len(f.Stages) == 0 {
		complain(0, "expected at least one stage")
	}
	stages, checks := map[string]int{}, map[string]int{} // lines by ID
	for _, raw := range f.Stages {
		s := Stage{ID: raw.value.ID.value, Title: raw.value.Title.value}
		switch before, double := stages[s.ID]; {
		case s.ID == "":
			complain(raw.line, "this stage has no id")
		case double:
			complain(raw.line, "stage %q is on line %d already", s.ID, before)
		}
		stages[s.ID] = raw.line
		if s.Title == "" {
			complain(raw.line, "stage %q has no title", s.ID)
		}
		if len(raw.value.Checks) == 0 {
			complain(raw.line, "stage %q has no checks", s.ID)
		}
		for _, rawCheck := range raw.value.Checks {
			c := Check{ID: rawCheck.value.ID.value, Points: rawCheck.value.Points.value, Bonus: rawCheck.value.Bonus}
			switch before, double := checks[c.ID]; {
			case c.ID == "":
				complain(rawCheck.line, "this check has no id")
			case !slices.Contains(known, c.ID):
				complain(rawCheck.line, "there is no check %q; there are: %s", c.ID, strings.Join(known, ", "))
			case double:
				complain(rawCheck.line, "check %q is on line %d already", c.ID, before)
			}
			checks[c.ID] = rawCheck.line
			switch points := rawCheck.value.Points; {
			case points.line == 0:
				complain(rawCheck.line, "check %q has no points (0 shows it without counting it)", c.ID)
			case points.value < 0 || math.IsNaN(points.value) || math.IsInf(points.value, 0):
				complain(points.line, "check %q has %v points; expected 0 or more", c.ID, points.value)
			}
			s.Checks = append(s.Checks, c)
		}
		r.Stages = append(r.Stages, s)
	}
	return r, errors.Join(wrong...)
}
