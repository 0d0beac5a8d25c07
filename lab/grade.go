package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"pubsublab/lab/grade"
	"pubsublab/lab/grade/report"
	"pubsublab/lab/grade/rubric"
	"pubsublab/lab/grade/runner"
)

// grading is lab grade: it grades somebody's implementation, or a folder of them.
type grading struct {
	ServerCmd   string        `xor:"server" placeholder:"COMMAND" help:"Command of the server, with {port} where the port goes. No shell runs it."`
	ClientCmd   string        `xor:"client" placeholder:"COMMAND" help:"Command of the client, with {host} and {port}, and {role} unless the role is typed. Without one, only the server is graded."`
	ServerImage string        `xor:"server" placeholder:"IMAGE" help:"Image of the server; its argument is the port."`
	ClientImage string        `xor:"client" placeholder:"IMAGE" help:"Image of the client; its arguments are HOST PORT ROLE."`
	Batch       string        `type:"existingdir" placeholder:"DIR" help:"Grade every folder in DIR, running the commands in it."`
	Jobs        int           `default:"2" help:"How many submissions of a batch are graded at once (${default})."`
	Rubric      string        `placeholder:"FILE" help:"What is graded, and with how many points (default: see --print-rubric)."`
	PrintRubric bool          `help:"Print the default rubric, to change it, and exit."`
	Seed        *uint64       `placeholder:"N" help:"Repeat a run: the seed of the random words in messages (default: another one each time)."`
	Patience    time.Duration `default:"4s" help:"How long to wait before something counts as absent (${default})."`
	FailUnder   float64       `placeholder:"PERCENT" help:"Exit with 1 when a submission has fewer percent of the points, the bonus not counted."`
	Out         string        `default:"grade-report" placeholder:"DIR" help:"Write report.html, results.json, result.json, junit.xml and ctrf.json there (${default}); of a batch, a folder each and grades.csv."`

	rubric *rubric.Rubric
}

// Validate tells what is wrong with the flags, for kong.
func (g *grading) Validate() error {
	if g.PrintRubric {
		return nil
	}
	switch {
	case g.ServerCmd == "" && g.ServerImage == "":
		return errors.New("expected --server-cmd or --server-image")
	case g.ServerCmd != "" && g.ClientImage != "", g.ServerImage != "" && g.ClientCmd != "":
		return errors.New("expected two commands or two images, not one of each")
	case g.Batch != "" && g.ServerImage != "":
		return errors.New("--batch: expected --server-cmd, which is run in each folder")
	case g.Jobs < 1:
		return fmt.Errorf("--jobs is %d, expected 1 or more", g.Jobs)
	case g.Patience < 100*time.Millisecond || g.Patience > time.Minute:
		return fmt.Errorf("--patience is %v, expected 100ms to 1m", g.Patience)
	case g.FailUnder < 0 || g.FailUnder > 100:
		return fmt.Errorf("--fail-under is %v, expected 0 to 100", g.FailUnder)
	}
	var err error
	if g.ServerCmd != "" {
		if _, err = runner.NewProcesses(".", g.ServerCmd, g.ClientCmd); err != nil {
			return err
		}
	}
	if g.Rubric == "" {
		g.rubric, err = rubric.Default(grade.Known())
	} else {
		g.rubric, err = rubric.Load(g.Rubric, grade.Known())
	}
	return err
}

func (g *grading) Run(s *signals) error {
	if g.PrintRubric {
		_, err := os.Stdout.Write(rubric.Text)
		return err
	}
	if g.Seed == nil {
		seed := uint64(rand.Uint32()) // short enough to type
		g.Seed = &seed
	}
	if g.Batch != "" {
		return g.folder(s.run)
	}
	name := strings.Join(strings.Fields(g.ServerCmd+" "+g.ServerImage), " ")
	bar := newGradeBar(os.Stderr, 1)
	r, err := g.one(s.run, ".", name, bar.step)
	bar.stop()
	if err != nil {
		return err
	}
	if err := report.Write(g.Out, r); err != nil {
		return err
	}
	report.Checklist(os.Stdout, r, colourful(os.Stdout))
	fmt.Printf("\nThe report is in %s.\n", filepath.Join(g.Out, "report.html"))
	return g.enough(r)
}

// one grades the submission in dir.
func (g *grading) one(ctx context.Context, dir, name string, progress func(done, of int, next string)) (*grade.Result, error) {
	run, err := g.runner(ctx, dir)
	if err != nil {
		return nil, err
	}
	r, err := grade.Grade(ctx, run, grade.Options{
		Name: name, Seed: *g.Seed, Rubric: g.rubric, Patience: g.Patience, Progress: progress,
	})
	return r, errors.Join(err, run.Close())
}

func (g *grading) runner(ctx context.Context, dir string) (runner.Runner, error) {
	if g.ServerImage != "" {
		return runner.NewContainers(ctx, g.ServerImage, g.ClientImage)
	}
	return runner.NewProcesses(dir, g.ServerCmd, g.ClientCmd)
}

// folder grades all submissions in a folder, several at a time.
func (g *grading) folder(ctx context.Context) error {
	entries, err := os.ReadDir(g.Batch)
	if err != nil {
		return err
	}
	var names []string
	for _, e := range entries {
		if info, err := os.Stat(filepath.Join(g.Batch, e.Name())); err == nil && info.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		return fmt.Errorf("--batch: there is no folder in %s; expected one for each submission", g.Batch)
	}
	results := make([]*grade.Result, len(names))
	wrong := make([]error, len(names))
	bar := newGradeBar(os.Stderr, len(names))
	var jobs errgroup.Group
	jobs.SetLimit(g.Jobs)
	for i, name := range names {
		jobs.Go(func() error {
			r, err := g.one(ctx, filepath.Join(g.Batch, name), name, bar.part(i, name))
			if err == nil {
				err = report.Write(filepath.Join(g.Out, name), r)
			}
			if err != nil {
				wrong[i] = fmt.Errorf("%s: %w", name, err)
			}
			results[i] = r
			return nil
		})
	}
	_ = jobs.Wait() // errors are in wrong
	bar.stop()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var graded []*grade.Result
	for i, r := range results {
		if r != nil && wrong[i] == nil {
			graded = append(graded, r)
		}
	}
	report.Table(os.Stdout, graded, colourful(os.Stdout))
	if err := writeCSV(filepath.Join(g.Out, "grades.csv"), graded); err != nil {
		return errors.Join(append(wrong, err)...)
	}
	fmt.Printf("\nThe reports are in %s, and the table is in %s.\n", g.Out, filepath.Join(g.Out, "grades.csv"))
	return errors.Join(errors.Join(wrong...), g.enough(graded...))
}

func writeCSV(path string, rs []*grade.Result) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return report.CSV(file, rs)
}

// enough is an error where a submission has too few points for --fail-under.
func (g *grading) enough(rs ...*grade.Result) error {
	var few []error
	for _, r := range rs {
		if earned, of, _ := r.Points(); of > 0 && 100*earned/of < g.FailUnder {
			few = append(few, fmt.Errorf("%s: %.4g of %.4g points are less than the %.4g %% of --fail-under", r.Submission, earned, of, g.FailUnder))
		}
	}
	return errors.Join(few...)
}

func colourful(f *os.File) bool { return term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" }

// gradeBar shows how far the grading is, on a terminal. Its methods may be called concurrently.
type gradeBar struct {
	mu   sync.Mutex
	bar  *progressbar.ProgressBar // nil elsewhere
	done []int                    // checks of each submission
	of   int
}

func newGradeBar(out *os.File, submissions int) *gradeBar {
	b := &gradeBar{done: make([]int, submissions)}
	if term.IsTerminal(int(out.Fd())) {
		b.bar = progressbar.NewOptions(1, progressbar.OptionSetWriter(io.Writer(out)), progressbar.OptionSetWidth(16),
			progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetDescription(fmt.Sprintf("%-42s", "starting")))
	}
	return b
}

func (b *gradeBar) step(done, of int, next string) { b.part(0, "")(done, of, next) }

// part is the progress of one of several submissions.
func (b *gradeBar) part(i int, name string) func(done, of int, next string) {
	return func(done, of int, next string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.bar == nil || next == "" {
			return
		}
		b.done[i], b.of = done, of
		total := 0
		for _, n := range b.done {
			total += n
		}
		b.bar.ChangeMax(of * len(b.done))
		if name != "" {
			next = name + ": " + next
		}
		b.bar.Describe(fmt.Sprintf("%-42.42s", next)) // so that the bar stays where it is, on one line
		_ = b.bar.Set(total)
	}
}

func (b *gradeBar) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}
