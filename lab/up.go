package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/term"

	"pubsublab/lab/topology"
)

// errVerdict says that the demo ran and the verdict, which has been printed, is not good.
var errVerdict = errors.New("the verdict is not good")

// orphanTime is how long clients may go on trying once the broker has ended.
const orphanTime = 10 * time.Second

// up runs the demo.
type up struct {
	File  string `short:"f" default:"compose.yaml" env:"PUBSUBLAB_FILE" placeholder:"FILE" help:"Compose file that describes the topology."`
	Nodes string `enum:"auto,containers,processes" default:"auto" env:"PUBSUBLAB_NODES" help:"What nodes are: ${enum}. Auto is containers where a Docker engine answers."`
}

func (u *up) Run(s *signals) (err error) {
	began := time.Now()
	topo, err := topology.Load(u.File)
	if err != nil {
		return err
	}
	engine, err := topology.NewEngine(s.run, topology.Mode(u.Nodes))
	if err != nil {
		return err
	}
	defer engine.Close()
	fmt.Fprintf(os.Stderr, "Nodes are %s: %s.\n", engine.Mode(), engine.Reason())

	run, broken := context.WithCancelCause(s.run)
	defer broken(nil)
	show := newProgress(os.Stderr)
	defer show.stop()
	out := newPrinter(os.Stdout, term.IsTerminal(int(os.Stdout.Fd())), topo, broken)
	lab, err := engine.Open(run, topo, topology.Options{FilePorts: true, Output: out.line, Progress: show.step})
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := lab.Close(s.force); closeErr != nil {
			err = errors.Join(err, fmt.Errorf("something could not be removed: %w", closeErr))
		}
	}()
	if err := lab.Start(run); err != nil {
		return err
	}
	if host, port, err := net.SplitHostPort(lab.Addr()); err == nil {
		fmt.Fprintf(os.Stderr, "The broker is at %s:%s. Join in from another terminal: nc %s %s\n", host, port, host, port)
	}
	if err := wait(run, lab); err != nil {
		return err
	}
	v, err := judge(run, lab)
	if err != nil {
		return err
	}
	v.print(os.Stdout, fmt.Sprintf("%s, %.0f seconds", engine.Mode(), time.Since(began).Seconds()))
	if !v.ok() {
		return errVerdict
	}
	return nil
}

// wait returns when every node has ended. Clients without a broker would try to reach it for good, so they are given
// up after a while.
func wait(ctx context.Context, lab *topology.Lab) error {
	var orphaned <-chan time.Time
	for _, n := range lab.Nodes() {
		for ended := false; !ended; {
			broker := brokerDone(lab)
			if orphaned != nil {
				broker = nil
			}
			select {
			case <-n.Done():
				ended = true
			case <-broker:
				orphaned = time.After(orphanTime)
			case <-orphaned:
				return fmt.Errorf("the broker has ended, and %s still runs", n.Spec.Name)
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

func brokerDone(lab *topology.Lab) <-chan struct{} {
	for _, n := range lab.Nodes() {
		if n.Spec.Role == topology.Broker {
			return n.Done()
		}
	}
	return nil
}
