// Package class grades what a whole class handed in: folders and archives, each by itself, and writes
// one page for the teacher. A run that was stopped goes on where it was.
package class

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"pubsublab/lab/grade"
	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/report"
)

// Options say how to grade a class.
type Options struct {
	Out  string // the folder of the reports
	Jobs int    // how many submissions are graded at once
	// Key stands for all that the points depend on apart from the submission: the rubric, the seed,
	// the grader itself. What was graded with another key is graded again.
	Key string
	// Grade grades the submission in a folder and returns how its programs are started. The result
	// may come with an error, and is then what was found before it.
	Grade func(ctx context.Context, s Submission, dir string) (r *grade.Result, how []string, err error)
	// Progress is told of each submission when it is done, from several goroutines. It may be nil.
	Progress func(name string)
}

// record is what is known of a submission.
type record struct {
	Key    string // of the submission and the options
	How    []string
	Result *grade.Result

	sources []source
	again   bool // it was graded by an earlier run
}

// recordFile is the file in a submission's folder of reports by which a later run goes on.
const recordFile = "grade.json"

// Class is what grading a class came to.
type Class struct {
	Results []*grade.Result // by name
	Kept    int             // of them were graded by an earlier run
	Wrong   error           // what the grader could not do
}

// run is a class while it is graded.
type run struct {
	Options
	submissions []Submission
	writing     sync.Mutex // one writes the page at a time

	mu      sync.Mutex
	records []*record // by the number of the submission; nil until it is graded
	wrong   []error
}

// Run grades the submissions. Reports, and the page and the table of all, are written as results
// come, so that they are there whenever the run ends. An error is that they could not be written or
// that ctx ended; what went wrong with one submission is in Class.Wrong, and its result says so.
func Run(ctx context.Context, submissions []Submission, o Options) (*Class, error) {
	r := &run{Options: o, submissions: submissions, records: make([]*record, len(submissions))}
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return nil, err
	}
	if err := r.write(); err != nil { // found out before the work
		return nil, err
	}
	var jobs errgroup.Group
	jobs.SetLimit(max(o.Jobs, 1))
	for i := range submissions {
		jobs.Go(func() error {
			r.one(ctx, i)
			if ctx.Err() != nil {
				return nil // the rest comes at once, and the page once
			}
			return r.write()
		})
	}
	err := jobs.Wait()
	if ctx.Err() != nil {
		err = errors.Join(err, r.write())
	}
	c := &Class{Wrong: errors.Join(r.wrong...)}
	for _, rec := range r.records {
		c.Results = append(c.Results, rec.Result)
		if rec.again {
			c.Kept++
		}
	}
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return c, err
}

// one grades a submission, or takes what an earlier run found.
func (r *run) one(ctx context.Context, i int) {
	s := r.submissions[i]
	rec, err := r.grade(ctx, s)
	if rec.Result == nil {
		rec.Result = &grade.Result{Verdict: grade.Stopped, Why: harness.Sentence(err.Error())}
		if errors.Is(err, ErrPacked) {
			rec.Result.Verdict = grade.NotStarted
		}
	}
	rec.Result.Submission = s.Name
	if !rec.again {
		err = errors.Join(err, report.Write(filepath.Join(r.Out, s.Name), rec.Result))
		if err == nil { // else a later run tries again
			err = rec.save(filepath.Join(r.Out, s.Name, recordFile))
		}
	}
	r.mu.Lock()
	r.records[i] = rec
	if err != nil && ctx.Err() == nil && !errors.Is(err, ErrPacked) {
		r.wrong = append(r.wrong, fmt.Errorf("%s: %w", s.Name, err))
	}
	r.mu.Unlock()
	if r.Progress != nil {
		r.Progress(s.Name)
	}
}

func (r *run) grade(ctx context.Context, s Submission) (*record, error) {
	rec := &record{}
	if ctx.Err() != nil {
		return rec, context.Cause(ctx)
	}
	scratch, err := os.MkdirTemp("", "pubsublab-class-")
	if err != nil {
		return rec, err
	}
	defer os.RemoveAll(scratch)
	dir, err := s.Open(scratch)
	if err != nil {
		return rec, err
	}
	var digest string
	if rec.sources, digest, err = read(dir); err != nil {
		return rec, err
	}
	rec.Key = r.Key + " " + digest
	if old := load(filepath.Join(r.Out, s.Name, recordFile)); old != nil && old.Key == rec.Key {
		rec.How, rec.Result, rec.again = old.How, old.Result, true
		return rec, nil
	}
	rec.Result, rec.How, err = r.Grade(ctx, s, dir)
	return rec, err
}

// load reads a record; nil where there is none that can be read.
func load(path string) *record {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	rec := &record{}
	if json.Unmarshal(data, rec) != nil || rec.Result == nil {
		return nil
	}
	return rec
}

func (rec *record) save(path string) error {
	data, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	return report.Replace(path, data)
}

// write writes the page and the table of what there is so far.
func (r *run) write() error {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.mu.Lock()
	p := page{Submissions: len(r.submissions), Written: time.Now()}
	sources := map[string][]source{}
	for i, rec := range r.records {
		if rec == nil {
			continue
		}
		p.Rows = append(p.Rows, Row{Result: rec.Result, How: rec.How})
		if len(rec.sources) > 0 {
			sources[r.submissions[i].Name] = rec.sources
		}
	}
	r.mu.Unlock()
	if len(p.Rows) == len(r.submissions) { // once: it takes longer the more there are
		p.Pairs = similar(sources)
	}
	html, err := p.render()
	if err != nil {
		return err
	}
	var results []*grade.Result
	for _, row := range p.Rows {
		results = append(results, row.Result)
	}
	var table bytes.Buffer
	if err := report.CSV(&table, results); err != nil {
		return err
	}
	return errors.Join(report.Replace(filepath.Join(r.Out, "class.html"), html),
		report.Replace(filepath.Join(r.Out, "grades.csv"), table.Bytes()))
}
