package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pubsublab/lab/grade/cage"
	"pubsublab/lab/internal/proc"
)

// marker is the environment variable by which everything is found that a program started.
const marker = "PUBSUBLAB_GRADE"

// started counts the programs of all runners of this process.
var started atomic.Int64

// Processes runs a submission as processes of this machine. They may do what the grader itself may
// do, unless they run in the cage of another user; see [NewContainers], too.
type Processes struct {
	// static
	dir     string
	server  []string
	second  []string            // server; empty where there is none
	clients map[string][]string // by role; empty where there is no client
	types   []string            // what is typed at a client as it starts
	port    int                 // that the source fixes; 0: none

	subscribeLine, publishLine string     // see Commands
	nobody                     string     // {port2} while there is no second server; empty where no command has it
	cage                       *cage.Cage // where they run
	ownCage                    bool       // it is the runner's own
	network                    *namespace // nil: the machine's

	running *sync.Map // its keys are the *Program that run
}

// Kind is "processes".
func (p *Processes) Kind() string { return "processes" }

// Port is the port that the source fixes, or one that is free just now at all addresses of this
// machine: see [proc.FreePort].
func (p *Processes) Port() (int, error) {
	if p.port > 0 {
		return p.port, nil
	}
	return proc.FreePort(context.Background(), "")
}

// Server starts the server's command.
func (p *Processes) Server(_ context.Context, port int) (*Program, error) {
	return p.serve(p.server, port)
}

func (p *Processes) serve(server []string, port int) (*Program, error) {
	number := strconv.Itoa(port)
	program, err := p.start(replaced(fill(server, proc.Loopback, number, "", ""), "{port2}", p.nobody))
	if err != nil {
		return nil, err
	}
	for _, host := range localHosts() {
		program.Addresses = append(program.Addresses, net.JoinHostPort(host, number))
	}
	return program, nil
}

// localHosts are the addresses at which a server of this machine may listen just now: some listen at
// that of the host's name.
func localHosts() []string {
	hosts := append([]string{proc.Loopback, "::1"}, ownName()...)
	if addresses, err := net.InterfaceAddrs(); err == nil {
		for _, a := range addresses {
			if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLinkLocalUnicast() && !slices.Contains(hosts, ip.IP.String()) {
				hosts = append(hosts, ip.IP.String())
			}
		}
	}
	return hosts
}

// ownName are the addresses of loopback that the host's name stands for. They are looked up once, and
// not for long, because where no name server answers it takes most of a minute.
var ownName = sync.OnceValue(func() (hosts []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	name, err := os.Hostname()
	if err != nil {
		return nil
	}
	all, _ := net.DefaultResolver.LookupHost(ctx, name) // none is no loss
	for _, host := range all {
		if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() && host != proc.Loopback && host != "::1" {
			hosts = append(hosts, host)
		}
	}
	return hosts
})

// HasClient reports whether there are commands of clients.
func (p *Processes) HasClient() bool { return len(p.clients) > 0 }

// Types are the lines to type at a client as it starts.
func (p *Processes) Types(role, topic string) []string {
	types := p.types
	if role == Subscriber && p.subscribeLine != "" {
		types = append(slices.Clip(types), p.subscribeLine)
	}
	return fill(types, "{host}", "{port}", role, topic)
}

// TwoPorts reports whether clients are told the port behind the server's.
func (p *Processes) TwoPorts() bool {
	return slices.ContainsFunc(slices.Concat(p.clients[Publisher], p.clients[Subscriber]), func(word string) bool { return strings.Contains(word, "{port+1}") })
}

// Line is a message as a command for it.
func (p *Processes) Line(topic, text string) string {
	if p.publishLine == "" {
		return text
	}
	return strings.NewReplacer("{topic}", topic, "{text}", text).Replace(p.publishLine)
}

// Client starts the client's command for a role.
func (p *Processes) Client(_ context.Context, server net.Addr, role, topic string) (*Program, error) {
	host, port, err := net.SplitHostPort(server.String())
	if err != nil {
		return nil, err
	}
	return p.start(replaced(fill(p.clients[role], host, port, role, topic), "{port2}", p.nobody))
}

// Close kills what still runs, and closes the runner's own cage: see [cage.Cage.Close] for its error.
func (p *Processes) Close() error {
	p.running.Range(func(program, _ any) bool {
		program.(*Program).Kill()
		return true
	})
	if !p.ownCage {
		return nil
	}
	return p.cage.Close()
}

// startsSoon are the words of a command, and for a Java virtual machine the option by which it compiles
// once and simply: what runs for seconds takes half of the processor's time then. Of an option the
// submission sees nothing, where of a variable (JAVA_TOOL_OPTIONS) it would show a line. An option of
// its own stands behind, and counts.
func startsSoon(words []string) []string {
	option := "-XX:TieredStopAtLevel=1"
	switch filepath.Base(words[0]) {
	case "java":
	case "javac":
		option = "-J" + option
	default:
		return words
	}
	return slices.Insert(slices.Clone(words), 1, option)
}

func (p *Processes) start(words []string) (*Program, error) {
	words = startsSoon(words)
	command := exec.Command(words[0], words[1:]...)
	command.Dir, command.Env = p.dir, environment()
	terminal, err := openTerminal(command)
	if err != nil {
		return nil, err
	}
	program := newProgram()
	mark := fmt.Sprintf("%s=%d-%d", marker, os.Getpid(), started.Add(1))
	var process *cage.Process
	err = p.network.enter(func() error {
		process, err = p.cage.Start(command, mark)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, terminal.close())
	}
	program.handle = &processHandle{process, terminal, p.network}
	p.running.Store(program, nil)
	go p.follow(program, process, terminal)
	return program, nil
}

// follow takes the output of a program to its end. What it leaves behind is killed with it: a
// program that ended and goes on in the background has not ended.
func (p *Processes) follow(program *Program, process *cage.Process, t *terminal) {
	taken := make(chan struct{})
	go func() {
		defer close(taken)
		_, _ = io.Copy(program.screen(), t.ours) // the end of a terminal is an error
	}()
	<-process.Done()
	_ = t.theirs.Close() // not before, so that nothing that was written is lost
	<-taken
	_ = t.ours.Close()
	p.running.Delete(program)
	program.finish(process.Exit())
}

// environment is the grader's own without what looks like a secret, set so that programs behave as
// they do on a terminal and talk UTF-8.
func environment() []string {
	env := proc.WithoutSecrets()
	if os.Getenv("LC_ALL") == "" && os.Getenv("LC_CTYPE") == "" && os.Getenv("LANG") == "" {
		env = append(env, "LANG=C.UTF-8")
	}
	return append(env, "PYTHONUNBUFFERED=1")
}

type processHandle struct {
	process *cage.Process
	*terminal
	network *namespace
}

// interrupt presses Ctrl+C. Where that cannot be done, the program's group is interrupted.
func (u *processHandle) interrupt() error {
	if u.terminal.interrupt() == nil {
		return nil
	}
	return u.process.Interrupt()
}

func (u *processHandle) kill() { _ = u.process.Kill() }
