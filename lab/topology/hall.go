package topology

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/compose-spec/compose-go/v2/types"
)

// hall is what the processes of one lab share.
type hall struct {
	processes *processes
	lab       *Lab

	mu    sync.Mutex
	ports map[string]map[string]string // of this machine, by host name and the port's number in the container
	given []string                     // of those, what processes.freePort gave
}

// open gives all nodes their ports before any of them starts: they may name each other.
func (p *processes) open(_ context.Context, l *Lab) (ground, error) {
	h := &hall{processes: p, lab: l, ports: map[string]map[string]string{}}
	for _, name := range l.topo.volumes {
		if err := os.MkdirAll(h.volume(name), 0o755); err != nil {
			return h, err
		}
	}
	for _, s := range l.topo.Specs {
		if s.before == "" { // a successor has its predecessor's
			if err := h.givePorts(s); err != nil {
				return h, err
			}
		}
	}
	return h, nil
}

// volume is the folder that is the named volume. No node has a name with a dot before it.
func (h *hall) volume(name string) string { return filepath.Join(h.lab.dir, ".volumes", name) }

// close kills what still runs and waits for it.
func (h *hall) close(context.Context) error {
	for _, n := range h.lab.Nodes() {
		if u, err := n.running(); err == nil {
			_ = u.kill(context.Background())
			<-n.done
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.processes.giveBack(h.given)
	return nil
}

// givePorts gives the host of a node ports of this machine, unless it has them: those of the file where the lab wants
// them, or else free ones.
func (h *hall) givePorts(s *Spec) error {
	names := h.lab.hostNames(s)
	first := names[len(names)-1]
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ports[first] == nil {
		ports := map[string]string{}
		if h.lab.opts.FilePorts {
			for _, port := range s.service.Ports {
				ports[target(port)] = port.Published // "" for any
			}
		}
		for _, target := range s.targets() {
			if ports[target] != "" {
				continue
			}
			port, err := h.processes.freePort()
			if err != nil {
				return err
			}
			h.given = append(h.given, port)
			ports[target] = port
		}
		h.ports[first] = ports
	}
	for _, name := range names {
		h.ports[name] = h.ports[first]
	}
	return nil
}

// words returns what turns the words of a node into those of this machine.
func (h *hall) words(s *Spec, mounts []types.ServiceVolumeConfig) words {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := words{own: h.ports[s.Name], hosts: map[string]map[string]string{}, mounts: slices.Clone(mounts)}
	for host, ports := range h.ports {
		if len(ports) > 0 {
			w.hosts[host] = ports
		}
	}
	for i, m := range w.mounts {
		if m.Type == types.VolumeTypeVolume {
			w.mounts[i].Source = h.volume(m.Source)
		}
	}
	return w
}

// freePort finds a port that is free just now, and that no other node of this process was given.
func (p *processes) freePort() (port string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	port, err = freePort(loopback, func(port string) bool { return p.ports[port] })
	if err == nil {
		p.ports[port] = true
	}
	return port, err
}

// freePort finds a port that is free just now at an address of this machine, and not taken. It is none of those that
// systems and engines give to others who ask for any: between this look and the node's start, or between the node's end
// and its successor's start, one of them could have it.
func freePort(ip string, taken func(port string) bool) (port string, err error) {
	const lowest, highest, tries = 10_000, 32_767, 100
	for range tries {
		port = strconv.Itoa(lowest + rand.IntN(highest-lowest+1))
		if taken(port) {
			continue
		}
		var listener net.Listener
		if listener, err = net.Listen("tcp", net.JoinHostPort(ip, port)); err == nil {
			return port, listener.Close()
		}
	}
	return "", fmt.Errorf("no free port found: %w", err)
}

// giveBack lets ports be given again.
func (p *processes) giveBack(ports []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, port := range ports {
		delete(p.ports, port)
	}
}
