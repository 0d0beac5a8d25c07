package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"pubsublab/lab/grade"
	"pubsublab/lab/grade/class"
	"pubsublab/lab/grade/report"
	"pubsublab/lab/grade/rubric"
	"pubsublab/lab/grade/submission"
)

// classFlags are about what a whole class handed in.
type classFlags struct {
	Class          string        `type:"path" placeholder:"DIR" help:"Grade a class: each folder, .zip and .tar.gz in DIR, or in a .zip of all, is a submission. What was graded before and has not changed is kept."`
	Jobs           int           `placeholder:"N" help:"How many submissions of a class are graded at once (default: three for every two processors; with --as, one for each user)."`
	TimeLimit      time.Duration `placeholder:"TIME" help:"Stop grading a submission after this long, and report what was found so far (default: none; of a class 5m)."`
	ClassTimeLimit time.Duration `placeholder:"TIME" help:"Stop grading a class after this long; run it again to go on (default: none)."`
}

// classLimit is the time limit for a submission of a class, unless told otherwise: one that hangs
// must not hold up the others.
const classLimit = 5 * time.Minute

// check returns what is wrong with the flags.
func (c *classFlags) check() error {
	switch {
	case c.Jobs < 0:
		return fmt.Errorf("--jobs is %d, expected 1 or more", c.Jobs)
	case c.TimeLimit < 0:
		return fmt.Errorf("--time-limit is %v, expected 0 or more", c.TimeLimit)
	case c.ClassTimeLimit < 0:
		return fmt.Errorf("--class-time-limit is %v, expected 0 or more", c.ClassTimeLimit)
	}
	return nil
}

// within bounds ctx; a limit of 0 does not.
func within(ctx context.Context, limit time.Duration, flag string) (context.Context, context.CancelFunc) {
	if limit == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, limit, fmt.Errorf("the time limit of %v was over (%s)", limit, flag))
}

// jobs is how many submissions are graded at once. One that works keeps two thirds of a processor busy,
// and one with a fault less: the rest of the time they wait.
func (g *grading) jobs() int {
	switch {
	case g.Jobs > 0:
		return g.Jobs
	case g.users != nil:
		return cap(g.users)
	}
	return max(2, runtime.GOMAXPROCS(0)*3/2)
}

// class grades what a class handed in.
func (g *grading) class(ctx context.Context) error {
	ctx, cancel := within(ctx, g.ClassTimeLimit, "--class-time-limit")
	defer cancel()
	if g.TimeLimit == 0 {
		g.TimeLimit = classLimit
	}
	submissions, tidy, err := class.Open(g.Class)
	if err != nil {
		return fmt.Errorf("--class: %w", err)
	}
	defer tidy()
	key, err := g.key()
	if err != nil {
		return err
	}
	number := map[string]int{}
	for i, s := range submissions {
		number[s.Name] = i
	}
	bar := newGradeBar(os.Stderr, len(submissions))
	c, err := class.Run(ctx, submissions, class.Options{
		Out: g.Out, Jobs: g.jobs(), Key: key,
		Grade: func(ctx context.Context, s class.Submission, dir string) (*grade.Result, []string, error) {
			return g.one(ctx, dir, s.Name, listeners{
				step:  bar.part(number[s.Name], s.Name),
				found: func(found *submission.Submission) error { return g.keep(filepath.Join(g.Out, s.Name), found) },
			})
		},
	})
	bar.stop()
	if c == nil {
		return err
	}
	report.Table(os.Stdout, c.Results, colourful(os.Stdout))
	if c.Kept > 0 {
		fmt.Printf("\nGraded before, and not changed since: %d of %d.", c.Kept, len(c.Results))
	}
	fmt.Printf("\nThe page about the class is %s, and the table is %s.\n", filepath.Join(g.Out, "class.html"), filepath.Join(g.Out, "grades.csv"))
	if err != nil {
		return errors.Join(err, c.Wrong)
	}
	return errors.Join(c.Wrong, g.enough(c.Results...))
}

// key stands for all that the points of a submission depend on, apart from itself.
func (g *grading) key() (string, error) {
	sum := sha256.New()
	own, err := os.Executable()
	if err != nil {
		return "", err
	}
	text, err := rubric.Text(g.Task)
	if g.Rubric != "" {
		text, err = os.ReadFile(g.Rubric)
	}
	if err != nil {
		return "", err
	}
	program, err := os.Open(own)
	if err != nil {
		return "", err
	}
	defer program.Close()
	_, err = io.Copy(sum, io.MultiReader(program, bytes.NewReader(text)))
	fmt.Fprintf(sum, "\n%d %q %q %q %v %v", g.Task, g.ServerCmd, g.ClientCmd, g.SecondCmd, g.Timeout, g.TimeLimit)
	return fmt.Sprintf("%x", sum.Sum(nil)), err
}
