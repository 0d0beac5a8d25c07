package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"github.com/dustin/go-humanize/english"
	"golang.org/x/term"

	"pubsublab/lab/topology"
)

// errVerdict says that the demo ran and the verdict, which has been printed, is not good.
var errVerdict = errors.New("the verdict is not good")

// clusterFile describes the topology of several brokers.
const clusterFile = "compose.cluster.yaml"

// orphanTime is how long clients may go on trying once all brokers have ended.
const orphanTime = 10 * time.Second

// up runs the demo.
type up struct {
	File    string `short:"f" env:"PUBSUBLAB_FILE" placeholder:"FILE" xor:"file" help:"Compose file that describes the topology (default: compose.yaml)."`
	Cluster bool   `xor:"file" help:"The demo on three brokers that share a stream of three NATS nodes: compose.cluster.yaml."`
	Nodes   string `enum:"auto,containers,processes" default:"auto" env:"PUBSUBLAB_NODES" help:"What nodes are: ${enum}. Auto is containers where a Docker engine answers."`
}

func (u *up) Run(s *signals) (err error) {
	began := time.Now()
	file := cmp.Or(u.File, "compose.yaml")
	if u.Cluster {
		file = clusterFile
	}
	topo, err := topology.Load(file)
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
		fmt.Fprintf(os.Stderr, "%s. Join in from another terminal: go run ./client %s %s\n", whereBrokers(lab), host, port)
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

// whereBrokers says at which addresses of this machine the brokers are.
func whereBrokers(lab *topology.Lab) string {
	var addresses []string
	for _, n := range lab.Nodes() {
		if n.Spec.Role == topology.Broker {
			addresses = append(addresses, n.Addr())
		}
	}
	if len(addresses) == 1 {
		return "The broker is at " + addresses[0]
	}
	return "The brokers are at " + english.WordSeries(addresses, "and")
}

// wait returns when every node has ended. Those that would not end by themselves are stopped once the publishers and
// subscribers have ended, in the reverse order of their start. Clients without a broker would try to reach one for good,
// so they are given up after a while.
func wait(ctx context.Context, lab *topology.Lab) ([]ended, error) {
	clients, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	go func() {
		for _, n := range lab.Nodes() {
			if n.Spec.Role == topology.Broker {
				select {
				case <-n.Done():
				case <-clients.Done():
				}
			}
		}
		select {
		case <-time.After(orphanTime):
			giveUp(errors.New("every broker has ended before it"))
		case <-clients.Done():
		}
	}()
	isClient := func(n *topology.Node) bool {
		return n.Spec.Role == topology.Publisher || n.Spec.Role == topology.Subscriber
	}
	for _, n := range lab.Nodes() {
		if isClient(n) {
			if _, err := n.Wait(clients); err != nil {
				return nil, err
			}
		}
	}
	for _, n := range slices.Backward(lab.Nodes()) {
		if _, endsItself := n.Spec.Flag("exit-idle"); !isClient(n) && !endsItself {
			if err := n.Stop(ctx); err != nil {
				return nil, err
			}
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
