// Package peer finds the brokers to compare, and runs them as child processes on this machine's
// loopback.
package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"pubsublab/lab/bench/dialect"
	"pubsublab/lab/internal/proc"
)

// Keys name all peers, in the order in which they are shown. The first is this project's broker.
var Keys = []string{"lab", "nats", "redis", "mosquitto", "relay", "kernel"}

// Centrifugo is the key of a peer that serves browsers alone, and so is none of Keys.
const Centrifugo = "centrifugo"

// Peer is a program that can be started. It may be used concurrently.
type Peer struct {
	Key     string // one of Keys, or Centrifugo
	Title   string // for people
	Version string
	Dialect dialect.Dialect
	Limit   bool // no broker, but the least that any would have to do
	TLS     bool // it can speak TLS from the first byte on

	timeout time.Duration // until it lets a client in; 0 means startTimeout

	program string
	args    func(s setting) (args []string, config string) // config is written to s.config where it is not empty

	configType string // what the name of the config file ends with; empty for .conf
}

// setting is where a server is to run.
type setting struct {
	port           string // on loopback
	config         string // file
	cert, key      string // files; empty for no TLS
	user, dataPath string
}

// Missing is a peer that cannot be compared, and how it could.
type Missing struct{ Title, How string }

// Find returns those of the keys that this machine has or can build. Programs of its own go to dir.
func Find(ctx context.Context, dir string, keys []string, say func(string)) (found []*Peer, missing []Missing, err error) {
	for _, key := range append(slices.Clone(Keys), Centrifugo) {
		if !slices.Contains(keys, key) {
			continue
		}
		p := peers[key]
		p.Key = key
		if how, err := p.find(ctx, dir, say); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", p.Title, err)
		} else if how != "" {
			missing = append(missing, Missing{p.Title, how})
			continue
		}
		found = append(found, &p)
	}
	return found, missing, nil
}

var peers = map[string]Peer{
	"lab":       {Title: "Pub/Sub Lab", Dialect: dialect.Lines{}, TLS: true, args: labArgs},
	"nats":      {Title: "NATS", Dialect: dialect.NATS{}, TLS: true, args: natsArgs},
	"redis":     {Title: "Redis", Dialect: dialect.Redis{}, TLS: true, args: redisArgs},
	"mosquitto": {Title: "Mosquitto", Dialect: dialect.MQTT{}, TLS: true, args: mosquittoArgs},
	"relay":     {Title: "relay", Dialect: dialect.Relay{}, Limit: true, args: limitArgs("relay")},
	"kernel":    {Title: "kernel", Dialect: dialect.Kernel{}, Limit: true, args: limitArgs("kernel")},
	Centrifugo:  {Title: "Centrifugo", Dialect: dialect.Centrifugo{}, args: centrifugoArgs, configType: ".json"},
}

// Before returns an earlier build of this project's broker as a peer of its own, to compare a change
// with.
func Before(program string) *Peer {
	p := peers["lab"]
	p.Key, p.Title, p.Version, p.program = "before", "before", filepath.Base(program), program
	return &p
}

// Web returns this project's broker with its HTTP side, which is what clients of it talk to.
func (p *Peer) Web() *Peer {
	one := *p
	one.Dialect, one.TLS, one.args = dialect.Browser{}, false, labWebArgs
	return &one
}

// find sets the program and its version, or says how to get it.
func (p *Peer) find(ctx context.Context, dir string, say func(string)) (how string, err error) {
	switch p.Key {
	case "lab":
		if p.program, err = build(ctx, dir, "server", "pubsublab/server", say); err != nil {
			return "", err
		}
		p.Version = "of this checkout"
	case "relay", "kernel":
		p.Version = runtime.Version()
		p.program, err = build(ctx, dir, "limit", "pubsublab/lab/bench/limit", say)
	case "nats":
		if how, err = p.findOrBuild(ctx, "nats-server", func() (string, error) {
			return build(ctx, dir, "nats-server", "github.com/nats-io/nats-server/v2", say)
		}); how != "" || err != nil {
			return how, err
		}
		p.Version, err = firstLine(p.program, "--version")
		p.Version = strings.TrimPrefix(p.Version, "nats-server: ")
	case Centrifugo:
		if how, err = p.findOrBuild(ctx, Centrifugo, func() (string, error) { return installCentrifugo(ctx, dir, say) }); how != "" || err != nil {
			return how, err
		}
		p.Version, err = firstLine(p.program, "version")
		p.Version = word(p.Version, "Centrifugo v")
	case "redis":
		if p.program, err = exec.LookPath("redis-server"); err != nil {
			return "no redis-server on the path: install it (apt-get install redis-server, brew install redis)", nil
		}
		p.Version, err = firstLine(p.program, "--version")
		p.Version = word(p.Version, "v=")
	case "mosquitto":
		if p.program, err = exec.LookPath("mosquitto"); err != nil {
			return "no mosquitto on the path: install it (apt-get install mosquitto, brew install mosquitto)", nil
		}
		p.Version, err = firstLine(p.program, "-h")
		p.Version = strings.TrimPrefix(p.Version, "mosquitto version ")
	}
	return "", err
}

// findOrBuild looks on the path, and then builds it.
func (p *Peer) findOrBuild(ctx context.Context, name string, build func() (string, error)) (how string, err error) {
	if p.program, err = exec.LookPath(name); err == nil {
		return "", nil
	}
	if p.program, err = build(); ctx.Err() != nil {
		return "", context.Cause(ctx)
	} else if err != nil {
		return fmt.Sprintf("no %s on the path, and it cannot be built (%v): install it", name, err), nil
	}
	return "", nil
}

// What is built of Centrifugo. go.mod does not require it: it needs more modules than all of this one.
const (
	centrifugoModule  = "github.com/centrifugal/centrifugo/v6"
	centrifugoVersion = "v6.9.1"
)

// installCentrifugo builds it with the modules and versions that it names itself.
func installCentrifugo(ctx context.Context, dir string, say func(string)) (string, error) {
	say("building " + centrifugoModule + ", which takes minutes the first time")
	command := exec.CommandContext(ctx, "go", "install", "-ldflags=-X "+centrifugoModule+"/internal/build.Version="+strings.TrimPrefix(centrifugoVersion, "v"),
		centrifugoModule+"@"+centrifugoVersion)
	command.Env = append(os.Environ(), "GOBIN="+dir)
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go install %s: %s: %w", centrifugoModule, lastLine(output), err)
	}
	return exec.LookPath(filepath.Join(dir, Centrifugo))
}

// build makes a program of this module, or of one that it requires.
func build(ctx context.Context, dir, name, pkg string, say func(string)) (string, error) {
	say("building " + pkg)
	path, output, err := proc.Build(ctx, "", pkg, dir, name)
	if err != nil {
		return "", fmt.Errorf("go build %s (run it in the module's folder): %s: %w", pkg, lastLine(output), err)
	}
	return path, nil
}

// firstLine runs a program that prints something about itself. Some exit with an error after that.
func firstLine(program string, args ...string) (string, error) {
	output, err := exec.Command(program, args...).CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return "", err
	}
	line, _, _ := strings.Cut(string(output), "\n")
	return line, nil
}

func lastLine(output []byte) string {
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return lines[len(lines)-1]
}

// word returns what follows prefix in the text, up to a space.
func word(text, prefix string) string {
	_, rest, _ := strings.Cut(text, prefix)
	rest, _, _ = strings.Cut(rest, " ")
	return rest
}
