package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"pubsublab/lab/grade"
	"pubsublab/lab/grade/harness/runner"
	"pubsublab/lab/grade/rubric"
)

// grading is lab grade: it grades somebody's implementation, or a folder of them.
type grading struct {
	Dir         string        `arg:"" optional:"" type:"existingdir" help:"Folder of a submission: what it is, how it is built and how it is started is found out, or read from its grade.yaml."`
	Task        int           `placeholder:"N" help:"Step of the assignment, 1 to 4: with its rubric, and of the solutions in DIR the one of this step (default: the rubric of step 2, unless DIR says another one, and the furthest solution)."`
	Find        bool          `help:"Only find out how the submission in DIR is started, and grade nothing."`
	Write       bool          `help:"Write what was found to DIR/grade.yaml, too; without this, nothing is written into DIR."`
	ServerCmd   string        `xor:"server" placeholder:"COMMAND" help:"Command of the server, with {port} where the port goes, instead of what would be found in DIR. No shell runs it; it runs in DIR, or here."`
	ClientCmd   string        `xor:"client" placeholder:"COMMAND" help:"Command of the client, with {host} and {port}, {role} unless the role is typed, and {topic}. Without one, only the server is graded."`
	SecondCmd   string        `name:"second-server-cmd" placeholder:"COMMAND" help:"Command of a second server, for step 4: {port} is its port, {port1} the first one's, and {port2} in the other commands this one's."`
	ServerImage string        `xor:"server" placeholder:"IMAGE" help:"Image of the server; its argument is the port."`
	ClientImage string        `xor:"client" placeholder:"IMAGE" help:"Image of the client; its arguments are HOST PORT ROLE."`
	Rubric      string        `placeholder:"FILE" help:"What is graded, and with how many points (default: see --print-rubric)."`
	PrintRubric bool          `help:"Print the rubric, that of --task, to change it, and exit."`
	Seed        *uint64       `placeholder:"N" help:"Repeat a run: the seed of the random words in messages (default: another one each time)."`
	Timeout     time.Duration `default:"4s" help:"How long to wait before something counts as absent (${default})."`
	FailUnder   float64       `placeholder:"PERCENT" help:"Exit with 1 when a submission has fewer percent of the points, the bonus not counted."`
	Out         string        `default:"grade-report" placeholder:"DIR" help:"Write report.html, results.json, result.json, junit.xml and ctrf.json there (${default}); of a class, a folder each, class.html and grades.csv."`

	classFlags `embed:""`
	caging     `embed:""`
	packing    `embed:""`

	rubric *rubric.Rubric
}

// Validate tells what is wrong with the flags, for kong.
func (g *grading) Validate() error {
	if g.PrintRubric {
		return nil
	}
	switch {
	case g.ServerCmd == "" && g.ServerImage == "" && (g.Dir == "" && g.Class == "" && !g.packs() || g.ClientCmd != "" || g.ClientImage != ""):
		return errors.New("expected the folder of a submission, --class, --server-cmd or --server-image")
	case g.Dir != "" && (g.Class != "" || g.ServerImage != ""):
		return errors.New("expected one of a folder, --class and --server-image")
	case !g.found() && (g.Find || g.Write):
		return errors.New("--find and --write: expected the folder of a submission, and no command")
	case g.Task < 0 || g.Task > 4:
		return fmt.Errorf("--task is %d, expected 1 to 4", g.Task)
	case g.SecondCmd != "" && g.ServerCmd == "":
		return errors.New("--second-server-cmd: expected --server-cmd, too")
	case g.ServerCmd != "" && g.ClientImage != "", g.ServerImage != "" && g.ClientCmd != "":
		return errors.New("expected two commands or two images, not one of each")
	case g.Class != "" && g.ServerImage != "":
		return errors.New("--class: expected --server-cmd, which is run in each folder, or no command")
	case g.Timeout < 100*time.Millisecond || g.Timeout > time.Minute:
		return fmt.Errorf("--timeout is %v, expected 100ms to 1m", g.Timeout)
	case g.FailUnder < 0 || g.FailUnder > 100:
		return fmt.Errorf("--fail-under is %v, expected 0 to 100", g.FailUnder)
	}
	err := g.classFlags.check()
	if err != nil {
		return err
	}
	if g.ServerCmd != "" {
		if _, err = g.commands(".").Runner(); err != nil {
			return err
		}
	}
	if g.ServerImage == "" && !g.packs() {
		if err := g.caging.check(); err != nil {
			return err
		}
	}
	if g.Rubric == "" {
		g.rubric, err = rubric.Task(g.Task, grade.Known())
	} else {
		g.rubric, err = rubric.Load(g.Rubric, grade.Known())
	}
	return err
}

func (g *grading) Run(s *signals) error {
	if g.PrintRubric {
		text, err := rubric.Text(g.Task)
		if err != nil {
			return err
		}
		_, err = os.Stdout.Write(text)
		return err
	}
	if g.Seed == nil {
		seed := uint64(rand.Uint32()) // short enough to type
		g.Seed = &seed
	}
	if g.packs() {
		return g.pack(s.run)
	}
	if err := writable(g.Out); err != nil {
		return err
	}
	if g.ServerImage == "" {
		g.copy = g.Class != ""                                    // so that no submission spoils another
		others := []string{absolute(g.Rubric), absolute(g.Class)} // what is not the submission's own
		if err := g.prepare(g.Out, others, others); err != nil {
			return err
		}
	}
	if g.Class != "" {
		return errors.Join(g.class(s.run), g.tampered())
	}
	return errors.Join(g.single(s.run), g.tampered())
}

// commands are those that were given, run in a folder.
func (g *grading) commands(dir string) runner.Commands {
	c := runner.CommandsOf(dir, g.ServerCmd, g.ClientCmd)
	c.Second = g.SecondCmd
	return c
}

// processes reports whether programs are to run as processes of this machine.
func (g *grading) processes() bool {
	return (g.Dir != "" || g.Class != "" || g.ServerCmd != "") && !g.packs() && !g.PrintRubric
}

// found reports whether how to start a submission is found out.
func (g *grading) found() bool { return (g.Dir != "" || g.Class != "") && g.ServerCmd == "" }
