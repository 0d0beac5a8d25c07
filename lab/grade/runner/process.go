package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-shellwords"
	"github.com/shirou/gopsutil/v4/process"
)

const loopback = "127.0.0.1"

// marker is the environment variable by which everything is found that a program started.
const marker = "PUBSUBLAB_GRADE"

// By all runners of this process.
var (
	started atomic.Int64  // programs
	ports   atomic.Uint32 // one after the other from a random one, so that no two servers are told the same before either listens
)

func init() { ports.Store(rand.Uint32()) }

// Processes runs a submission as processes of this machine. They can do what the grader itself may do: see NewContainers
// for programs that nobody trusts.
type Processes struct {
	// static
	dir            string
	server, client []string

	running sync.Map // its keys are the *Program that run
}

// NewProcesses splits the two commands as a shell would, without running one: in double or single quotes a word may hold
// spaces. {host} and {port} stand for the address; {role}, in the client's, for its role, which is typed where it is missing.
// Commands run in dir. An empty client command means that there is no client.
func NewProcesses(dir, server, client string) (*Processes, error) {
	p := &Processes{dir: dir}
	var err error
	if p.server, err = split("server", server, "{port}"); err != nil {
		return nil, err
	}
	if client != "" {
		if p.client, err = split("client", client, "{port}"); err != nil {
			return nil, err
		}
	}
	if info, err := os.Stat(dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s: expected a folder", dir)
	}
	// A grader in the background of a script has its interrupts ignored, and programs would inherit that.
	if signal.Ignored(os.Interrupt) {
		signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	}
	return p, nil
}

func split(which, command string, needed ...string) ([]string, error) {
	parser := shellwords.NewParser()
	words, err := parser.Parse(command)
	if err != nil {
		return nil, fmt.Errorf("the %s's command %q: %w", which, command, err)
	}
	if parser.Position >= 0 {
		return nil, fmt.Errorf("the %s's command %q: no shell runs it, so %q has no meaning (use sh -c '...')", which, command, command[parser.Position:])
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("the %s's command is empty", which)
	}
	for _, n := range needed {
		if !strings.Contains(command, n) {
			return nil, fmt.Errorf("the %s's command %q: expected %s where the port goes", which, command, n)
		}
	}
	return words, nil
}

// Kind is "processes".
func (p *Processes) Kind() string { return "processes" }

// Port finds a port that is free just now, for servers that cannot take one that was used a minute ago, too, and that
// systems do not give to outgoing connections: one of those could take it before the server does, or while it restarts.
func (p *Processes) Port() (int, error) {
	const lowest, highest, tries = 10_000, 32_767, 100
	var err error
	for range tries {
		port := lowest + int(ports.Add(1)%(highest-lowest+1))
		var listener net.Listener
		fresh := net.ListenConfig{Control: refuseReserved}
		if listener, err = fresh.Listen(context.Background(), "tcp", ":"+strconv.Itoa(port)); err == nil {
			return port, listener.Close()
		}
	}
	return 0, fmt.Errorf("no free port found: %w", err)
}

// Server starts the server's command.
func (p *Processes) Server(_ context.Context, port int) (*Program, error) {
	number := strconv.Itoa(port)
	program, err := p.start(fill(p.server, loopback, number, ""))
	if err != nil {
		return nil, err
	}
	for _, host := range localHosts() {
		program.Addresses = append(program.Addresses, net.JoinHostPort(host, number))
	}
	return program, nil
}

// localHosts are the addresses at which a server of this machine may listen: some listen at that of the host's name.
func localHosts() []string {
	hosts := []string{loopback, "::1"}
	if name, err := os.Hostname(); err == nil {
		if more, err := net.LookupHost(name); err == nil {
			hosts = append(hosts, more...)
		}
	}
	return hosts
}

// HasClient says whether there is a client's command.
func (p *Processes) HasClient() bool { return len(p.client) > 0 }

// AsksRole says whether the client's command has no place for the role.
func (p *Processes) AsksRole() bool { return !strings.Contains(strings.Join(p.client, " "), "{role}") }

// Listen opens a port on the loopback.
func (p *Processes) Listen() (net.Listener, error) { return net.Listen("tcp", loopback+":0") }

// Client starts the client's command.
func (p *Processes) Client(_ context.Context, server net.Addr, role string) (*Program, error) {
	host, port, err := net.SplitHostPort(server.String())
	if err != nil {
		return nil, err
	}
	return p.start(fill(p.client, host, port, role))
}

// Close kills what still runs.
func (p *Processes) Close() error {
	p.running.Range(func(program, _ any) bool {
		program.(*Program).Kill()
		return true
	})
	return nil
}

func (p *Processes) start(words []string) (*Program, error) {
	u := &processUnit{mark: fmt.Sprintf("%s=%d-%d", marker, os.Getpid(), started.Add(1))}
	u.command = exec.Command(words[0], words[1:]...)
	u.command.Dir = p.dir
	u.command.Env = append(environment(), u.mark)
	u.command.SysProcAttr = ownGroup()
	stdin, err := u.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	u.stdin = stdin
	output, theirs, err := openOutput()
	if err != nil {
		return nil, err
	}
	u.command.Stdout, u.command.Stderr = theirs, theirs
	program := newProgram()
	program.unit = u
	if err := u.command.Start(); err != nil {
		return nil, errors.Join(err, output.Close(), theirs.Close())
	}
	limit(u.command.Process.Pid)
	p.running.Store(program, nil)
	go p.follow(program, u, output, theirs)
	return program, nil
}

// follow takes the output of a program to its end. What it leaves behind is killed with it: a program that ended and
// goes on in the background has not ended.
func (p *Processes) follow(program *Program, u *processUnit, output, theirs *os.File) {
	taken := make(chan struct{})
	go func() {
		defer close(taken)
		_, _ = io.Copy(program.Output, output) // the end of a terminal is an error
	}()
	_ = u.command.Wait() // the state says it
	u.sweep()
	_ = theirs.Close() // kept until here, so that nothing that was written is lost before it is read
	<-taken
	_ = output.Close()
	p.running.Delete(program)
	program.finish(exitOf(u.command.ProcessState))
}

// environment is the grader's own without what looks like a secret, set so that programs behave as they do on a terminal
// and talk UTF-8.
func environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(setting string) bool {
		name, _, _ := strings.Cut(setting, "=")
		return secret.MatchString(name)
	})
	if os.Getenv("LC_ALL") == "" && os.Getenv("LC_CTYPE") == "" && os.Getenv("LANG") == "" {
		env = append(env, "LANG=C.UTF-8")
	}
	return append(env, "PYTHONUNBUFFERED=1")
}

var secret = regexp.MustCompile(`(?i)TOKEN|SECRET|PASSW|CREDENTIAL|_KEY$`)

type processUnit struct {
	command *exec.Cmd
	stdin   io.Writer
	mark    string
}

func (u *processUnit) write(text string) error {
	_, err := io.WriteString(u.stdin, text)
	return err
}

func (u *processUnit) interrupt() error { return interruptGroup(u.command.Process) }

// kill leaves what is not in the group to sweep, which follows.
func (u *processUnit) kill() { _ = killGroup(u.command.Process) }

// sweep kills the program's group, and everything that left the group but has its mark. It looks again as long as it
// finds something, because what is being killed may still start more.
func (u *processUnit) sweep() {
	const rounds = 50
	for range rounds {
		_ = killGroup(u.command.Process)
		found := false
		pids, err := process.Pids()
		if err != nil {
			return
		}
		for _, pid := range pids {
			other := &process.Process{Pid: pid} // without a look at it, which costs more than the one that follows
			if env, err := other.Environ(); err == nil && slices.Contains(env, u.mark) {
				found = other.Kill() == nil || found
			}
		}
		if !found {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
