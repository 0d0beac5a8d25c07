package main

import (
	"cmp"
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
		return cmp.Or(context.Cause(run), err) // an interruption matters more than what it interrupted
	}
	if host, port, err := net.SplitHostPort(lab.Addr()); err == nil {
		fmt.Fprintf(os.Stderr, "The broker is at %s:%s. Join in from another terminal: go run ./client %s %s\n", host, port, host, port)
	}
	nodes, err := wait(run, lab)
	if err != nil {
		return err
	}
	h, err := lab.History()
	if err != nil {
		return err
	}
	v := judge(h, nodes)
	v.print(os.Stdout, fmt.Sprintf("%s, %.0f seconds", engine.Mode(), time.Since(began).Seconds()))
	if !v.ok() {
		return errVerdict
	}
	return nil
}

// wait returns when every node has ended. Clients without a broker would try to reach it for good, so they are given
// up after a while.
func wait(ctx context.Context, lab *topology.Lab) ([]ended, error) {
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	for _, n := range lab.Nodes() {
		if n.Spec.Role == topology.Broker {
			go func() {
				select {
				case <-n.Done():
				case <-ctx.Done():
				}
				select {
				case <-time.After(orphanTime):
					giveUp(errors.New("the broker has ended before it"))
				case <-ctx.Done():
				}
			}()
		}
	}
	var nodes []ended
	for _, n := range lab.Nodes() {
		code, err := n.Wait(ctx)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, ended{n.Spec, code})
	}
	return nodes, nil
}
