// Package topology reads the topology of compose.yaml and runs it: its nodes are containers where a
// Docker engine answers, and processes of this machine where none does. The demo and the end-to-end
// tests both run on it.
//
//	topo, err := topology.Load("compose.yaml")
//	engine, err := topology.NewEngine(ctx, topology.Auto)
//	defer engine.Close()
//	deployment, err := engine.Open(ctx, topo, topology.Options{})
//	defer deployment.Close(ctx)
//	err = deployment.Start(ctx)
package topology

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// Role is what a node does, as the label pubsublab.role of its service says.
type Role string

// The roles there are.
const (
	Broker     Role = "broker"
	Publisher  Role = "publisher"
	Subscriber Role = "subscriber"
	Stream     Role = "stream" // a NATS server that keeps the stream which several brokers share
)

// RoleLabel is the label by which a service of the compose file states its [Role].
const RoleLabel = "pubsublab.role"

// A Topology is what a compose file describes. It may be changed freely until it is opened; it is
// not for concurrent use.
type Topology struct {
	// File is the absolute path of the compose file.
	File string
	// Specs are the nodes, each after those it depends on.
	Specs []*Spec

	images   map[string]recipe              // by image name
	networks map[string]types.NetworkConfig // by the file's own name
	volumes  []string                       // the file's own names
}

// A Spec describes one node before it runs: a service of the compose file. What has no field here
// (limits, mounts, health check, ports and the like) is as the file says.
type Spec struct {
	// Name is the service's name and the node's host name on the network. A replacement has that of
	// the first one too.
	Name string
	Role Role
	// Args are the arguments of the program, as in the container. Prefer [Spec.SetFlag] to change
	// one.
	Args []string
	// Env is added to the environment of the program.
	Env map[string]string

	service  types.ServiceConfig
	held     []types.ServiceVolumeConfig // what of the checkout its image holds
	script   []byte                      // replaces the script of the file; nil for that one
	typed    bool                        // it publishes what is written to Node.Input
	replaces string                      // of a replacement: the name of the node whose place it takes
}

// Spec returns the node of that name, or nil.
func (t *Topology) Spec(name string) *Spec {
	for _, s := range t.Specs {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// WithRole returns the nodes of that role, in the order of Specs.
func (t *Topology) WithRole(role Role) []*Spec {
	var found []*Spec
	for _, s := range t.Specs {
		if s.Role == role {
			found = append(found, s)
		}
	}
	return found
}

// Add appends nodes, usually clones. A name that is already taken shows when the node is started.
func (t *Topology) Add(specs ...*Spec) { t.Specs = append(t.Specs, specs...) }

// Remove takes nodes out by name; a name that is not there is passed over.
func (t *Topology) Remove(names ...string) {
	t.Specs = slices.DeleteFunc(t.Specs, func(s *Spec) bool { return slices.Contains(names, s.Name) })
}

// Clone copies the spec under a new name. A publisher keeps its --name flag: give the clone one of
// its own, or it takes the first one's place on the broker.
func (s *Spec) Clone(name string) *Spec {
	c := *s
	c.Name = name
	c.Args, c.Env = slices.Clone(s.Args), maps.Clone(s.Env)
	return &c
}

// Replacement copies the spec under a new name, for a node that takes the place of this one after
// it has ended: under its host name, at its ports of this machine and with its named volumes, so
// that clients which only know the address come back to it, and what it kept is still there. That
// is how a restart is made.
func (s *Spec) Replacement(name string) *Spec {
	c := s.Clone(name)
	c.replaces = s.Name
	return c
}

// Flag returns the value of --name=VALUE among the arguments, or else of its twin PUBSUB_NAME in
// Env, and whether there is one. A bare --name is "true".
func (s *Spec) Flag(name string) (string, bool) {
	for _, arg := range s.Args {
		if arg == "--"+name {
			return "true", true
		}
		if value, ok := strings.CutPrefix(arg, "--"+name+"="); ok {
			return value, true
		}
	}
	value, ok := s.Env["PUBSUB_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))]
	return value, ok
}

// SetFlag gives the flag --name that value, in place of the one it had.
func (s *Spec) SetFlag(name, value string) {
	s.UnsetFlag(name)
	s.Args = slices.Insert(s.Args, 0, "--"+name+"="+value)
}

// UnsetFlag removes the flag --name from the arguments.
func (s *Spec) UnsetFlag(name string) {
	s.Args = slices.DeleteFunc(s.Args, func(arg string) bool {
		return arg == "--"+name || strings.HasPrefix(arg, "--"+name+"=")
	})
}

// SetScript gives a publisher other bytes to publish than the file's own script. It needs a
// --script flag.
func (s *Spec) SetScript(script []byte) { s.script = script }

// SetTyped makes a publisher send what is written to [Node.Input] instead of its script, and as
// fast as that comes. [Spec.Lines] knows of nothing then.
func (s *Spec) SetTyped() {
	s.UnsetFlag("rate")
	s.SetFlag("script", "-")
	s.script, s.typed = nil, true
}

// Lines returns what a publisher will publish: the lines of its script as the client and rule P7
// read them, without line ends and a byte order mark, up to a line `terminate`; an unterminated rest
// counts as a line. A node without a script publishes nothing. A script in UTF-16 is an error.
func (s *Spec) Lines() ([]string, error) {
	script := s.script
	if script == nil {
		inside, ok := s.Flag("script")
		if !ok || s.typed {
			return nil, nil
		}
		path := rewriter{mounts: s.files()}.path(inside)
		if path == inside {
			return nil, fmt.Errorf("the script of %s, %s, is neither mounted nor in what its image holds", s.Name, inside)
		}
		var err error
		if script, err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("the script of %s: %w", s.Name, err)
		}
	}
	if bytes.HasPrefix(script, []byte("\xff\xfe")) || bytes.HasPrefix(script, []byte("\xfe\xff")) {
		return nil, fmt.Errorf("the script of %s is UTF-16, expected UTF-8", s.Name)
	}
	var lines []string
	for line := range bytes.Lines(bytes.TrimPrefix(script, []byte("\ufeff"))) {
		text := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
		if strings.TrimSpace(text) == "terminate" {
			break
		}
		lines = append(lines, text)
	}
	return lines, nil
}

// mounts returns the mounts of the file and, where SetScript was used, one of a file in dir in the
// script's place.
func (s *Spec) mounts(dir string) ([]types.ServiceVolumeConfig, error) {
	mounts := slices.Clone(s.service.Volumes)
	if s.script == nil {
		return mounts, nil
	}
	inside, ok := s.Flag("script")
	if !ok {
		return nil, fmt.Errorf("%s has a script of its own but no --script flag that says where", s.Name)
	}
	path := filepath.Join(dir, "script.txt")
	if err := os.WriteFile(path, s.script, 0o644); err != nil {
		return nil, err
	}
	mounts = slices.DeleteFunc(mounts, func(m types.ServiceVolumeConfig) bool { return m.Target == inside })
	own := types.ServiceVolumeConfig{Type: types.VolumeTypeBind, Source: path, Target: inside, ReadOnly: true}
	return append([]types.ServiceVolumeConfig{own}, mounts...), nil // first, for it may lie below another one
}

// files returns what of this machine the node finds in its place: mounts, and what its image holds.
func (s *Spec) files() []types.ServiceVolumeConfig { return slices.Concat(s.service.Volumes, s.held) }

// targets returns the ports at which the node listens, by their numbers in its container: those it
// publishes, then those it only exposes to the others.
func (s *Spec) targets() []string {
	var targets []string
	for _, port := range s.service.Ports {
		targets = append(targets, target(port))
	}
	for _, exposed := range s.service.Expose {
		if !slices.Contains(targets, exposed) {
			targets = append(targets, exposed)
		}
	}
	return targets
}

// target is the number of a published port in the container.
func target(port types.ServicePortConfig) string { return strconv.Itoa(int(port.Target)) }

// probed reports whether the service has a health check.
func (s *Spec) probed() bool {
	h := s.service.HealthCheck
	return h != nil && !h.Disable && len(h.Test) > 0 && h.Test[0] != "NONE"
}

// SetHealthInterval sets the time between two runs of the node's health check by an engine, where it
// has one. The time that it may fail while the node starts grows with it; the lab itself looks more
// often then.
func (s *Spec) SetHealthInterval(d time.Duration) {
	if s.probed() {
		h, interval := *s.service.HealthCheck, types.Duration(d)
		h.Interval = &interval
		s.service.HealthCheck = &h // not of those that it was cloned from
	}
}

// probeTimeout is how long the health check may fail until the node counts as unhealthy, by
// Docker's defaults where the file has none.
func (s *Spec) probeTimeout() time.Duration {
	h := s.service.HealthCheck
	interval, retries, start := 30*time.Second, 3, time.Duration(0)
	if h.Interval != nil {
		interval = time.Duration(*h.Interval)
	}
	if h.Retries != nil {
		retries = int(*h.Retries)
	}
	if h.StartPeriod != nil {
		start = time.Duration(*h.StartPeriod)
	}
	return start + interval*time.Duration(retries+1)
}
