package topology

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"pubsublab/lab/internal/proc"
)

// processNode is a node that is a process.
type processNode struct {
	// static after construction
	node     *Node
	program  string
	dir      string // its own folder
	process  *proc.Process
	rewriter rewriter
	env      []string
	stdin    io.Writer // where the node is typed
}

// launch starts the process and follows it to its end. started is called before that can be.
func (p *processNode) launch(started func()) (err error) {
	command := exec.Command(p.program, p.rewriter.args(p.node.Spec.Args)...)
	command.Env = p.env
	command.Dir = p.dir
	command.WaitDelay = drainTimeout
	stdout := &lineWriter{line: func(text string) { p.node.emit(false, text) }}
	stderr := &lineWriter{line: func(text string) { p.node.emit(true, text) }}
	command.Stdout, command.Stderr = stdout, stderr
	if p.node.Spec.typed {
		if p.stdin, err = command.StdinPipe(); err != nil {
			return err
		}
	}
	if p.process, err = proc.Start(command, ""); err != nil {
		return err
	}
	started()
	go func() {
		<-p.process.Done()
		stdout.end()
		stderr.end()
		err := p.process.Err()
		if errors.Is(err, exec.ErrWaitDelay) {
			err = nil // the exit code says it
		}
		p.node.finish(End{Code: p.process.Exit().Shell()}, err)
	}()
	return nil
}

func (p *processNode) restart(context.Context) error {
	again := &processNode{node: p.node, program: p.program, dir: p.dir, rewriter: p.rewriter, env: p.env}
	return again.launch(func() { p.node.restarted(again) })
}

func (p *processNode) addr(wanted string) string {
	published := func(port types.ServicePortConfig) bool { return target(port) == wanted }
	if !slices.ContainsFunc(p.node.Spec.service.Ports, published) {
		return "" // though nothing would keep one from it here
	}
	return net.JoinHostPort(proc.Loopback, p.rewriter.own[wanted])
}

func (p *processNode) probe(ctx context.Context) error {
	return p.node.Spec.probeUntilHealthy(ctx, p.check)
}

// check runs the health check once. The test's first word is CMD, its second the program: the
// node's own, or wget, which not every machine has, so that its URL, the last word, is fetched
// here.
func (p *processNode) check(ctx context.Context) (said []byte, err error) {
	test := p.node.Spec.service.HealthCheck.Test
	args := p.rewriter.args(test[2:])
	if test[1] != "wget" {
		command := exec.CommandContext(ctx, p.program, args...)
		command.Env = p.env
		return command.CombinedOutput()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, args[len(args)-1], nil)
	if err != nil {
		return nil, err
	}
	response, err := probing.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if said, err = io.ReadAll(response.Body); err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	return said, err
}

// probing leaves no connection open, which a node would wait for when it ends.
var probing = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func (p *processNode) stop(ctx context.Context) error {
	if err := p.process.Terminate(); err != nil {
		return err
	}
	grace := time.NewTimer(p.node.grace())
	defer grace.Stop()
	select {
	case <-p.node.Done():
		return nil
	case <-grace.C:
	case <-ctx.Done():
	}
	return p.kill(ctx)
}

func (p *processNode) kill(context.Context) error    { return p.process.Kill() }
func (p *processNode) pause(context.Context) error   { return p.process.Pause() }
func (p *processNode) unpause(context.Context) error { return p.process.Resume() }

func (p *processNode) disconnect(context.Context) error { return errNoNetwork }
func (p *processNode) reconnect(context.Context) error  { return errNoNetwork }

func (p *processNode) input() io.Writer { return p.stdin }

func (p *processNode) memory(context.Context) (uint64, error) { return p.process.Resident() }
