package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"pubsublab/lab/grade"
	"pubsublab/lab/grade/cage"
	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
	"pubsublab/lab/grade/report"
	"pubsublab/lab/grade/rubric"
	"pubsublab/lab/grade/submission"
	"pubsublab/lab/internal/term"
)

// single grades one submission, and prints and writes its report.
func (g *grading) single(ctx context.Context) error {
	name := strings.Join(strings.Fields(g.ServerCmd+" "+g.ServerImage), " ")
	if g.found() {
		name = submissionName(g.Dir)
	}
	bar := newGradeBar(os.Stderr, 1)
	defer bar.stop()
	r, _, err := g.one(ctx, cmp.Or(g.Dir, "."), name, listeners{
		step: bar.step,
		found: func(s *submission.Submission) error {
			bar.stop()
			describe(os.Stdout, s, g.Find)
			return errors.Join(g.keep(g.Out, s), g.writeSettings(s))
		},
	})
	bar.stop()
	if r == nil {
		return err
	}
	// Also where the grader was stopped: half a report beats none.
	if err := errors.Join(err, report.Write(g.Out, r)); r.Verdict != grade.Stopped && err != nil {
		return err
	}
	report.Checklist(os.Stdout, r, colourful(os.Stdout))
	fmt.Printf("\nThe report is in %s.\n", filepath.Join(g.Out, "report.html"))
	return errors.Join(err, g.enough(r))
}

// submissionName is the name of a folder, whatever path leads to it.
func submissionName(dir string) string {
	if whole, err := filepath.Abs(dir); err == nil {
		dir = whole
	}
	return filepath.Base(dir)
}

// listeners are told how far one submission is. Functions may be nil.
type listeners struct {
	step  func(done, of int, next string)
	found func(*submission.Submission) error // how it is started, before it is graded
}

// one grades the submission in dir. How are the lines that say how it is started. There is no result
// where nothing was to be graded.
func (g *grading) one(ctx context.Context, dir, name string, p listeners) (r *grade.Result, how []string, err error) {
	ctx, cancel := within(ctx, g.TimeLimit, "--time-limit")
	defer cancel()
	if p.step == nil {
		p.step = func(int, int, string) {}
	}
	if g.ServerImage != "" {
		run, err := runner.NewContainers(ctx, g.ServerImage, g.ClientImage)
		if err != nil {
			return nil, nil, err
		}
		r, err := g.grade(ctx, run, g.rubric, name, "", p.step)
		return r, nil, err
	}
	home, leave, err := g.enter()
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, leave(r)) }()
	if !g.found() {
		r, err := g.commanded(ctx, home, dir, name, p.step)
		return r, []string{"server: " + g.ServerCmd, "client: " + g.ClientCmd}, err
	}
	s, err := submission.Find(ctx, dir, submission.Options{Cage: home, Task: g.Task, Progress: func(what string) { p.step(0, 1, what) }})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if p.found != nil {
		if err := p.found(s); err != nil {
			return nil, s.How(), err
		}
	}
	if s.Why != "" {
		return g.notStarted(s, name), s.How(), nil
	}
	if g.Find {
		return nil, s.How(), nil
	}
	run, err := s.Commands.Runner()
	if err != nil {
		return nil, s.How(), err
	}
	wanted, err := g.rubricOf(s)
	if err != nil {
		return nil, s.How(), err
	}
	if s.Spoken != nil {
		wanted.Dialect = s.Spoken
	}
	if r, err = g.grade(ctx, run, wanted, name, s.Doubt, p.step); r != nil {
		r.Remarks = append(r.Remarks, s.Notes...)
		if !r.Graded() {
			r.Tried = append(r.Tried, s.Tried...)
		}
	}
	return r, s.How(), err
}

// rubricOf is a copy of the rubric for a submission. Nobody who grades one folder and names no step
// means another one than what lies there; those of a class are all measured with one rubric.
func (g *grading) rubricOf(s *submission.Submission) (*rubric.Rubric, error) {
	if g.Class == "" && g.Rubric == "" && g.Task == 0 && s.Task > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("It is step %d, and graded as that; --task takes another rubric.", s.Task))
		return rubric.Task(s.Task, grade.Known())
	}
	wanted := *g.rubric
	return &wanted, nil
}

func (g *grading) grade(ctx context.Context, run runner.Runner, wanted *rubric.Rubric, name, doubt string, step func(done, of int, next string)) (*grade.Result, error) {
	r, err := grade.Grade(ctx, run, grade.Options{
		Name: name, Seed: *g.Seed, Rubric: wanted, Timeout: g.Timeout, Doubt: doubt, Progress: step,
	})
	return r, errors.Join(err, run.Close())
}

// notStarted is the result of a submission that could not even be started.
func (g *grading) notStarted(s *submission.Submission, name string) *grade.Result {
	return &grade.Result{
		Submission: name, Runner: "processes", Rubric: g.rubric.Title, Seed: *g.Seed, Began: time.Now(),
		Verdict: grade.NotStarted, Why: s.Why, Tried: s.Tried, Remarks: s.Notes,
		Excerpt: harness.Printed(harness.ServerName, []byte(s.Output), 0),
	}
}

// commanded grades a submission by the commands that were given.
func (g *grading) commanded(ctx context.Context, home *cage.Cage, dir, name string, step func(done, of int, next string)) (*grade.Result, error) {
	dir, err := g.place(home, dir)
	if err != nil {
		return nil, err
	}
	commands := g.commands(dir)
	commands.Cage = home
	run, err := commands.Runner()
	if err != nil {
		return nil, err
	}
	return g.grade(ctx, run, g.rubric, name, "", step)
}

// describe prints how a submission is started, and what was tried to find that out.
func describe(w io.Writer, s *submission.Submission, tried bool) {
	for _, line := range s.How() {
		fmt.Fprintln(w, term.Visible(line))
	}
	for _, note := range s.Notes {
		fmt.Fprintf(w, "%-11s %s\n", "note:", term.Visible(note))
	}
	for i := 0; tried && i < len(s.Tried); i++ {
		fmt.Fprintf(w, "%-11s %s\n", "tried:", term.Visible(s.Tried[i]))
	}
	fmt.Fprintln(w)
}

// keep writes how a submission is started beside its reports.
func (g *grading) keep(out string, s *submission.Submission) error {
	if s.Why != "" {
		return nil
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("making the folder of the report: %w", err)
	}
	return report.Replace(filepath.Join(out, submission.SettingsFile), s.YAML())
}

// writeSettings writes it into the submission's own folder, where that is asked for.
func (g *grading) writeSettings(s *submission.Submission) error {
	path := filepath.Join(g.Dir, submission.SettingsFile)
	if !g.Write || s.Why != "" {
		return nil
	}
	if old, err := os.ReadFile(path); err == nil && !bytes.Equal(old, s.YAML()) {
		return nil // it was read from there
	}
	fmt.Printf("%s was written.\n\n", path)
	return report.Replace(path, s.YAML())
}

// writable makes sure that reports can be written, before the work.
func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	probe, err := os.CreateTemp(dir, ".report-*")
	if err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// enough is an error where a submission has too few points for --fail-under.
func (g *grading) enough(rs ...*grade.Result) error {
	var few []error
	for _, r := range rs {
		switch earned, of, _ := r.Points(); {
		case g.FailUnder == 0 || !r.Under(g.FailUnder):
		case !r.Graded():
			few = append(few, fmt.Errorf("%s was not graded: %s", r.Submission, r.Verdict))
		default:
			few = append(few, fmt.Errorf("%s: %.4g of %.4g points are less than the %.4g %% of --fail-under", r.Submission, earned, of, g.FailUnder))
		}
	}
	return errors.Join(few...)
}
