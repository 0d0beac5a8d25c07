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
	"strconv"
	"strings"
	"time"

	"pubsublab/lab/bench/load"
	"pubsublab/lab/internal/proc"
)

// startTimeout is how long a server may take until it lets a client in.
const startTimeout = 10 * time.Second

// Server is a peer that runs.
type Server struct {
	Peer   *Peer
	System load.System

	address string
	process *proc.Process
	log     string // file of all its output
}

// Start runs a peer on a free port and returns once it lets clients in. Its files go to dir, which
// exists. A certificate makes it speak TLS.
func (p *Peer) Start(ctx context.Context, dir string, certificate *Certificate) (*Server, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	at := setting{port: port, config: filepath.Join(dir, p.Key+cmp.Or(p.configType, ".conf")), user: currentUser(), dataPath: dir}
	s := &Server{Peer: p, log: filepath.Join(dir, p.Key+".log")}
	s.System = load.System{Dialect: p.Dialect, Limit: p.Limit, CPU: s.CPU}
	s.address = net.JoinHostPort(proc.Loopback, at.port)
	if certificate == nil {
		s.System.Dial = func(ctx context.Context, _ int) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", s.address)
		}
	} else {
		at.cert, at.key = certificate.CertFile, certificate.KeyFile
		dialer := &tls.Dialer{Config: &tls.Config{RootCAs: certificate.pool}}
		s.System.Dial = func(ctx context.Context, _ int) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", s.address) }
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
	command := exec.Command(p.program, args...)
	command.Dir, command.Env = dir, proc.WithoutOurs()
	command.Stdout, command.Stderr = log, log
	if s.process, err = proc.Start(command, ""); err != nil {
		return nil, err
	}
	if err := s.ready(ctx); err != nil {
		s.Stop()
		return nil, fmt.Errorf("%s: %w%s", p.Title, err, s.lastWords())
	}
	return s, nil
}

// ready waits until it lets a publisher in.
func (s *Server) ready(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.Peer.timeout, startTimeout))
	defer cancel()
	for {
		if err = s.System.Try(ctx); err == nil {
			return nil
		}
		select {
		case <-s.process.Done():
			return errors.New("it ended at once")
		case <-ctx.Done():
			return fmt.Errorf("it lets nobody in: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// CPU is the time it has used, in user and in system mode.
func (s *Server) CPU() (time.Duration, error) {
	used, err := s.process.CPU()
	if err != nil {
		return 0, fmt.Errorf("%s is gone: %w%s", s.Peer.Title, err, s.lastWords())
	}
	return used, nil
}

// Resident is its memory, in bytes.
func (s *Server) Resident() (uint64, error) {
	resident, err := s.process.Resident()
	if err != nil {
		return 0, fmt.Errorf("%s is gone: %w%s", s.Peer.Title, err, s.lastWords())
	}
	return resident, nil
}

// Stop ends it and waits for that. Nobody is served any more, so it need not be asked.
func (s *Server) Stop() {
	_ = s.process.Kill()
	<-s.process.Done()
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

// freePort is one of [proc.FreePort] as text.
func freePort(ctx context.Context) (string, error) {
	port, err := proc.FreePort(ctx, proc.Loopback)
	return strconv.Itoa(port), err
}
