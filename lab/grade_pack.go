package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"pubsublab/lab/grade/autograder"
	"pubsublab/lab/grade/rubric"
)

// packing makes what services take that grade by themselves.
type packing struct {
	GradescopeZip     string   `placeholder:"FILE" help:"Write the autograder for Gradescope, with the rubric and the other flags given, and grade nothing."`
	Classroom50Bundle string   `name:"classroom50-bundle" placeholder:"DIR" help:"Write the files of an assignment's autograder for Classroom 50, likewise."`
	Packages          []string `placeholder:"NAME" help:"Packages that submissions need on Gradescope (default: those of the commands' languages)."`
}

func (p *packing) packs() bool { return p.GradescopeZip != "" || p.Classroom50Bundle != "" }

// languages are the packages of Ubuntu in which a command is, by the beginning of its name.
var languages = []struct {
	command  string
	packages []string
}{
	{"python", []string{"python3"}},
	{"java", []string{"default-jdk-headless"}},
	{"node", []string{"nodejs", "npm"}},
	{"gcc", []string{"gcc", "libc6-dev", "make"}},
	{"g++", []string{"g++", "make"}},
	{"make", []string{"make", "g++"}},
	{"go", []string{"golang-go"}},
}

// needed are the packages that commands need: of all languages where none of them tells its own.
func needed(commands ...string) []string {
	var some, all []string
	for _, language := range languages {
		all = append(all, language.packages...)
		if slices.ContainsFunc(commands, func(command string) bool {
			words := strings.Fields(command)
			return len(words) > 0 && strings.HasPrefix(filepath.Base(words[0]), language.command)
		}) {
			some = append(some, language.packages...)
		}
	}
	if len(some) == 0 {
		some = all
	}
	slices.Sort(some)
	return slices.Compact(some)
}

// pack writes the autograder.
func (g *grading) pack(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "pubsublab-pack-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	fmt.Fprintln(os.Stderr, "Packing the lab, which may take some minutes.")
	o := autograder.Options{Arguments: g.handedOn(), Packages: g.Packages}
	if len(o.Packages) == 0 {
		o.Packages = needed(g.ServerCmd, g.ClientCmd, g.SecondCmd)
	}
	if g.Rubric != "" {
		o.Rubric, err = os.ReadFile(g.Rubric)
	} else {
		o.Rubric, err = rubric.Text(g.Task)
	}
	if err != nil {
		return err
	}
	if o.Binary, err = autograder.Static(ctx, folder); err != nil {
		return err
	}
	if g.GradescopeZip != "" {
		if err := writeZip(g.GradescopeZip, o); err != nil {
			return err
		}
		fmt.Printf("%s is written: upload it as the autograder of an assignment.\n", g.GradescopeZip)
	}
	if g.Classroom50Bundle != "" {
		size, err := autograder.Classroom50(g.Classroom50Bundle, o)
		if err != nil {
			return err
		}
		fmt.Printf("%s is written, %.1f of the 10 MiB that Classroom 50 takes: it is the folder CLASSROOM/autograders/ASSIGNMENT.\n",
			g.Classroom50Bundle, float64(size)/(1<<20))
	}
	return nil
}

// handedOn are the flags that the packed grader is started with.
func (g *grading) handedOn() (flags []string) {
	if g.ServerCmd == "" {
		flags = append(flags, ".") // how it is started is found out
	}
	if g.Task > 0 {
		flags = append(flags, "--task", strconv.Itoa(g.Task))
	}
	for _, flag := range []struct{ name, value string }{{"--server-cmd", g.ServerCmd}, {"--client-cmd", g.ClientCmd}, {"--second-server-cmd", g.SecondCmd}} {
		if flag.value != "" {
			flags = append(flags, flag.name, flag.value)
		}
	}
	return append(flags, "--timeout", g.Timeout.String())
}

func writeZip(path string, o autograder.Options) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return autograder.Gradescope(file, o)
}
