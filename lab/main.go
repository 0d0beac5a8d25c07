// Command lab runs the demo of compose.yaml, grades implementations of the
// assignment, and measures the broker beside others.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"sync/atomic"
	"syscall"

	"github.com/alecthomas/kong"

	"pubsublab/lab/grade/harness/runner"
	"pubsublab/lab/internal/term"
	"pubsublab/lab/topology"
)

type cli struct {
	Up        up        `cmd:"" help:"Run the demo: one broker, two publishers, two subscribers, and the verdict at the end."`
	Bench     measure   `cmd:"" help:"Measure the broker beside NATS, Redis and Mosquitto, and beside what the machine can do at most."`
	Grade     grading   `cmd:"" help:"Grade somebody's implementation of the assignment, in any language."`
	Check     checking  `cmd:"" help:"Judge a run of the demo again that lab up has kept."`
	Clean     cleaning  `cmd:"" help:"Remove what labs left on the Docker engine: images that were built, the cache of their builds, and what killed labs left."`
	GoImage   goImage   `cmd:"" help:"Print the name of a Go image for building with Compose, making one where no registry answers."`
	NATSImage natsImage `cmd:"" name:"nats-image" help:"Print the name of a NATS image for compose.cluster.yaml, building one where no registry answers."`

	Version kong.VersionFlag `help:"Print the version and exit."`
}

// exitInterrupted is the exit code after Ctrl+C, as shells have it.
const exitInterrupted = 130

func main() {
	version := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version + " " + info.GoVersion
	}
	var c cli
	parser := kong.Must(&c,
		kong.Name("lab"),
		kong.Description("Pub/Sub Lab: runs the demo of compose.yaml, as containers or as processes, grades implementations, and measures the broker.\n\n"+
			"Exit codes: 0 all is well (every subscriber that stayed to the end has every line, whichever other node somebody killed; or all is graded or measured), "+
			"1 not so, or it could not run, 2 wrong usage, 130 interrupted."),
		kong.Vars{"version": "lab " + version}, kong.ShortUsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Exit(func(code int) {
			if code != 0 {
				code = 2
			}
			os.Exit(code)
		}),
	)
	command, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)

	if c.Grade.processes() {
		_ = runner.Unshare() // where it cannot be had, programs with a fixed port are graded one run at a time
	}
	s, stop := interrupts()
	err = command.Run(s)
	stop()
	switch {
	case err == nil:
	case s.run.Err() != nil:
		os.Exit(exitInterrupted)
	default:
		if !errors.Is(err, errVerdict) {
			fmt.Fprintln(os.Stderr, "lab:", term.VisibleLines(err.Error())) // it may quote a node's output
		}
		os.Exit(1)
	}
}

// signals are the two contexts that Ctrl+C ends.
type signals struct {
	run   context.Context // ends at the first: take everything down
	force context.Context // ends at the second: at once

	say atomic.Pointer[func(text string)] // answers the first; nil: on standard error
}

// interrupts turns the first signal into the end of run, the second into the end of force, and
// leaves the third to the system.
func interrupts() (s *signals, stop func()) {
	run, cancelRun := context.WithCancel(context.Background())
	force, cancelForce := context.WithCancel(context.Background())
	s = &signals{run: run, force: force}
	received := make(chan os.Signal, 2)
	signal.Notify(received, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// A reader of our output that goes away must not end us before we have tidied up.
	signal.Ignore(syscall.SIGPIPE)
	go func() {
		<-received
		const text = "Taking everything down. (Again to force it.)"
		if say := s.say.Load(); say != nil {
			(*say)(text)
		} else {
			fmt.Fprintln(os.Stderr, "\n"+text)
		}
		cancelRun()
		<-received
		signal.Stop(received)
		cancelForce()
	}()
	return s, func() { signal.Stop(received) }
}

// goImage prints the name of an image that builds the topology's images.
type goImage struct {
	File string `short:"f" default:"compose.yaml" env:"PUBSUBLAB_FILE" placeholder:"FILE" help:"Compose file that describes the topology."`
}

func (g *goImage) Run(s *signals) error {
	return printImage(s, g.File, (*topology.Engine).GoImage)
}

// natsImage prints the name of the image of the NATS nodes.
type natsImage struct {
	File string `short:"f" default:"compose.cluster.yaml" env:"PUBSUBLAB_FILE" placeholder:"FILE" help:"Compose file that describes the topology."`
}

func (i *natsImage) Run(s *signals) error {
	return printImage(s, i.File, func(e *topology.Engine, ctx context.Context, t *topology.Topology, say topology.Progress) (string, error) {
		nodes := t.WithRole(topology.Stream)
		if len(nodes) == 0 {
			return "", fmt.Errorf("%s has no node with the role %s", t.File, topology.Stream)
		}
		return e.Image(ctx, t, nodes[0], say)
	})
}

// printImage prints what find says about the topology of a compose file.
func printImage(s *signals, file string, find func(*topology.Engine, context.Context, *topology.Topology, topology.Progress) (string, error)) error {
	topo, err := topology.Load(file)
	if err != nil {
		return err
	}
	engine, err := topology.NewEngine(s.run, topology.Containers)
	if err != nil {
		return err
	}
	defer engine.Close()
	show := newProgress(os.Stderr)
	defer show.stop()
	name, err := find(engine, s.run, topo, show.step)
	if err != nil {
		return err
	}
	fmt.Println(name)
	return nil
}
