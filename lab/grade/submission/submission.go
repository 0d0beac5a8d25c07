// Package submission finds out what a folder of somebody's sources is: which programs there are,
// how they are built, which is the server and which the client, and how they want to be called. It
// reads first, READMEs, usage texts and the sources, and then tries.
package submission

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"pubsublab/lab/grade/cage"
	"pubsublab/lab/grade/harness/runner"
)

// DefaultLimit is how long Find tries, unless told otherwise.
const DefaultLimit = 90 * time.Second

// Options say how to look.
type Options struct {
	Cage     *cage.Cage        // where the programs run, in which it is copied; nil: as the grader's own user
	Task     int               // of the course's steps, 1 to 4; 0: the last one that there is
	Limit    time.Duration     // for all that is tried, without building; 0: DefaultLimit
	Progress func(what string) // is told what is tried next; nil: nobody is
}

// Submission is what was found. Whoever has it closes it.
type Submission struct {
	Settings
	Commands runner.Commands // in the copy
	Task     int             // of the course's steps; 0 where nothing tells it
	Where    string          // the folder of the programs within the submission; "." is its own
	Notes    []string        // what a reader should know, a sentence each
	Tried    []string        // what was tried, in order, a sentence each
	Doubt    string          // one sentence on why it is not certain that the commands start the right programs in the right roles; empty when it is
	Why      string          // one sentence on why it cannot be started; empty when it can
	Output   string          // what was printed last, where it cannot be started

	own *cage.Cage // nil where somebody else closes it
}

// Close removes the copy. Where there is a cage, closing that does it.
func (s *Submission) Close() error {
	if s.own == nil {
		return nil
	}
	return s.own.Close()
}

// Find finds out what a folder holds. It never writes into it: all is built and run in a copy. A
// submission that cannot be started is no error, but has a Why; an error is that the folder or its
// [SettingsFile] cannot be read, or that ctx ended. Call it once for a cage.
func Find(ctx context.Context, dir string, o Options) (*Submission, error) {
	s := &Submission{Where: "."}
	if o.Cage == nil {
		s.own = cage.Own()
		o.Cage = s.own
	}
	if err := s.find(ctx, dir, o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Submission) find(ctx context.Context, dir string, o Options) error {
	root, err := o.Cage.Folder()
	if err != nil {
		return err
	}
	t, err := copyTree(dir, root)
	if err != nil {
		return err
	}
	o.Limit = cmp.Or(o.Limit, DefaultLimit)
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	f := &finder{tree: t, options: o, steps: map[string]step{}, moved: map[string]string{}}
	defer f.keep(nil)
	f.localAddresses()
	if err := o.Cage.Give(root); err != nil {
		return err
	}
	switch settings, err := ReadSettings(filepath.Join(dir, SettingsFile)); {
	case err == nil:
		s.Settings = settings
		f.tried("%s in the submission's folder says how it is started.", SettingsFile)
		s.Why, s.Output = f.buildAll(ctx, settings)
	case !os.IsNotExist(err):
		return err
	default:
		f.search(ctx, s)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.Commands = f.commands(s.Settings)
	s.Notes, s.Tried = slices.Compact(append(t.notes, s.Notes...)), f.trials
	if s.Why == "" {
		run, err := s.Commands.Runner()
		if err == nil {
			err = run.Close()
		}
		if err != nil {
			s.Why = fmt.Sprintf("The commands cannot be used: %v.", err)
		}
	}
	return nil
}

// How are lines for people that say how the submission is built and started.
func (s *Submission) How() []string {
	var lines []string
	add := func(name, value string) {
		if value != "" {
			lines = append(lines, fmt.Sprintf("%-11s %s", name+":", value))
		}
	}
	if s.Where != "." {
		add("folder", s.Where)
	}
	for _, command := range s.Build {
		add("build", command)
	}
	add("server", s.Server)
	add("client", s.Client)
	add("publisher", s.Publisher)
	add("subscriber", s.Subscriber)
	for _, line := range s.Types {
		add("typed", line)
	}
	add("subscribing", s.SubscribeLine)
	add("publishing", s.PublishLine)
	if s.Port > 0 {
		add("port", strconv.Itoa(s.Port))
	}
	add("second server", s.Second)
	if s.Why != "" {
		add("problem", s.Why)
	}
	return lines
}
