package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"pubsublab/lab/grade"
	"pubsublab/lab/grade/cage"
	"pubsublab/lab/grade/report"
)

// caging is how programs of submissions are kept from what is not theirs.
type caging struct {
	As    []string `placeholder:"USER" help:"Run submissions as this user, made for them alone, who cannot write results or read what is not theirs (needs root; USER,USER,... for several of --jobs)."`
	Trust bool     `help:"Run submissions as yourself: for your own programs, and where nothing but them can come to harm."`

	// static after prepare
	users chan *cage.User // who run nothing now; nil: yourself
	copy  bool            // each submission runs in a copy
	out   string          // the folder of the reports

	mu      sync.Mutex
	seal    *cage.Seal
	tampers []string // what was tampered with, in all submissions
}

// check finds out who runs the programs of submissions.
func (c *caging) check() error {
	switch {
	case len(c.As) > 0 && c.Trust:
		return errors.New("expected one of --as and --trust")
	case len(c.As) == 0 && !c.Trust:
		return errors.New("these programs would run as you, who own the reports: add --trust if they are your own, or else --as USER (docs/grading.md#processes)")
	case c.Trust:
		return nil
	}
	c.users = make(chan *cage.User, len(c.As))
	for _, name := range c.As {
		user, err := cage.Lookup(name)
		if err != nil {
			return fmt.Errorf("--as: %w", err)
		}
		c.users <- user
	}
	return nil
}

// prepare seals what submissions may not change, and makes sure that their users cannot: they may
// not write the files of keep and not read those of hide. "" stands for none.
// out is the folder of the reports.
func (c *caging) prepare(out string, keep, hide []string) error {
	own, err := os.Executable()
	if err != nil {
		return err
	}
	there := func(paths []string) (some []string) {
		for _, path := range paths {
			if path != "" {
				some = append(some, path)
			}
		}
		return some
	}
	sealed := there(append(keep, own))
	if c.seal, err = cage.NewSeal(sealed...); err != nil {
		return fmt.Errorf("reading what submissions may not change: %w", err)
	}
	c.copy, c.out = c.copy || c.users != nil, out
	var wrong []string
	for range cap(c.users) {
		user := <-c.users
		found, err := user.Reach(append(sealed, absolute(out)), there(hide))
		if err != nil {
			return err
		}
		wrong = append(wrong, found...)
		c.users <- user
	}
	if len(wrong) > 0 {
		return errors.New("--as: " + strings.Join(wrong, "; "))
	}
	return nil
}

// enter makes a cage for one submission; it waits for a user. Leaving it kills all that the
// submission runs, and notes in the result what was tampered with meanwhile. That something cannot
// be killed is an error: what is written then may not stay what it is.
func (c *caging) enter() (home *cage.Cage, leave func(*grade.Result) error, err error) {
	home = cage.Own()
	if c.users != nil {
		user := <-c.users
		if home, err = cage.New(user, cage.Usual); err != nil {
			c.users <- user
			return nil, nil, err
		}
	}
	return home, func(r *grade.Result) error {
		err := home.Close()
		if user := home.User(); user != nil {
			c.users <- user
		}
		c.inspect(r)
		return err
	}, nil
}

// inspect notes what was tampered with.
func (c *caging) inspect(r *grade.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := append(c.seal.Broken(), report.Tampered(c.out)...)
	c.tampers = append(c.tampers, found...)
	if r != nil {
		r.Remarks = append(found, r.Remarks...)
	}
}

// tampered is an error where something was tampered with while submissions ran.
func (c *caging) tampered() error {
	if c.seal == nil {
		return nil
	}
	c.inspect(nil)
	var once []error
	seen := map[string]bool{}
	for _, text := range c.tampers {
		if !seen[text] {
			seen[text] = true
			once = append(once, errors.New(text))
		}
	}
	return errors.Join(once...)
}

// place is where the submission in a folder runs.
func (c *caging) place(home *cage.Cage, dir string) (string, error) {
	if !c.copy {
		return dir, nil
	}
	return home.Copy(dir)
}

// absolute is a path that does not depend on where the grader is; "" stays.
func absolute(path string) string {
	if path == "" {
		return ""
	}
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return path
}
