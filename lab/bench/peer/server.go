package peer

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/process"

	"pubsublab/lab/bench/load"
)

// startTimeout is how long a server may take until it lets a client in.
const startTimeout = 10 * time.Second

// Server is a peer that runs.
type Server struct {
	Peer   *Peer
	Target load.Target

	address  string
	command  *exec.Cmd
	ended    chan struct{}
	observed *process.Process
	log      string // file of all its output
}

// Start runs a peer on a free port and returns once it lets clients in. Its files go to dir, which exists. A certificate makes it
// speak TLS.
func (p *Peer) Start(ctx context.Context, dir string, certificate *Certificate) (*Server, error) {
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	at := setting{port: ports[0], config: filepath.Join(dir, p.Key+".conf"), user: currentUser(), dataPath: dir}
	s := &Server{Peer: p, ended: make(chan struct{}), log: filepath.Join(dir, p.Key+".log")}
	s.Target = load.Target{Dialect: p.Dialect, Limit: p.Limit, CPU: s.CPU}
	s.address = net.JoinHostPort("127.0.0.1", at.port)
	if certificate == nil {
		s.Target.Dial = func(ctx context.Context, _ int) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", s.address)
		}
	} else {
		at.cert, at.key = certificate.CertFile, certificate.KeyFile
		dialer := &tls.Dialer{Config: &tls.Config{RootCAs: certificate.pool}}
		s.Target.Dial = func(ctx context.Context, _ int) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", s.address) }
	}
	args, config := p.args(at)
	if config != "" {
		if err := os.WriteFile(at.config, []byte(config), 0o600); err != nil {
			return nil, err
		}
	}
	log, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.command = exec.Command(p.program, args...)
	s.command.Dir, s.command.Env = dir, environment()
	s.command.Stdout, s.command.Stderr = log, log
	s.command.SysProcAttr = ownGroup()
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	go func() { s.command.Wait(); close(s.ended) }()
	if err := s.ready(ctx); err != nil {
		s.Stop()
		return nil, fmt.Errorf("%s: %w%s", p.Title, err, s.lastWords())
	}
	return s, nil
}

// ready waits until it lets a publisher in.
func (s *Server) ready(ctx context.Context) (err error) {
	if s.observed, err = process.NewProcess(int32(s.command.Process.Pid)); err != nil {
		return fmt.Errorf("it does not start: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.Peer.patience, startTimeout))
	defer cancel()
	for {
		if err = s.Target.Try(ctx); err == nil {
			return nil
		}
		select {
		case <-s.ended:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return fmt.Errorf("it lets nobody in: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// CPU is the time it has used, in user and in system mode.
func (s *Server) CPU() (time.Duration, error) {
	times, err := s.observed.Times()
	if err != nil {
		return 0, fmt.Errorf("%s is gone: %w%s", s.Peer.Title, err, s.lastWords())
	}
	return time.Duration((times.User + times.System) * float64(time.Second)), nil
}

// Resident is its memory, in bytes.
func (s *Server) Resident() (uint64, error) {
	info, err := s.observed.MemoryInfo()
	if err != nil {
		return 0, fmt.Errorf("%s is gone: %w%s", s.Peer.Title, err, s.lastWords())
	}
	return info.RSS, nil
}

// Stop ends it and waits for that. Nobody is served any more, so it need not be asked.
func (s *Server) Stop() {
	s.command.Process.Kill()
	<-s.ended
}

// lastWords are the end of what it printed, for errors.
func (s *Server) lastWords() string {
	text, err := os.ReadFile(s.log)
	if err != nil || len(text) == 0 {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "; its last words: " + strings.Join(lines[max(0, len(lines)-3):], " | ")
}

// environment is this process's without what would configure our broker.
func environment() (env []string) {
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, "PUBSUB_") {
			env = append(env, setting)
		}
	}
	return env
}

// freePorts returns so many different ones.
func freePorts(n int) (ports []string, err error) {
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close() // when all are known, so that none is given twice
		_, port, err := net.SplitHostPort(listener.Addr().String())
		if err != nil {
			return nil, err
		}
		ports = append(ports, port)
	}
	return ports, nil
}
