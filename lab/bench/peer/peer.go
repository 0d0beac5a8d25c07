// Package peer finds the brokers to compare, and runs them as child processes on this machine's loopback.
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
)

// Keys name all peers, in the order in which they are shown. The first is this project's broker.
var Keys = []string{"lab", "nats", "redis", "mosquitto", "relay", "kernel"}

// Peer is a program that can be started. It may be used concurrently.
type Peer struct {
	Key     string // one of Keys
	Title   string // for people
	Version string
	Dialect dialect.Dialect
	Limit   bool // no broker, but the least that any would have to do
	TLS     bool // it can speak TLS from the first byte on

	patience time.Duration // until it lets a client in; 0 means startTimeout

	program string
	args    func(s setting) (args []string, config string) // config is written to s.config where it is not empty
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
	for _, key := range Keys {
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
		if how, err = p.findNATS(ctx, dir, say); how != "" || err != nil {
			return how, err
		}
		p.Version, err = firstLine(p.program, "--version")
		p.Version = strings.TrimPrefix(p.Version, "nats-server: ")
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

// findNATS looks on the path, and then builds the one whose version go.mod has.
func (p *Peer) findNATS(ctx context.Context, dir string, say func(string)) (how string, err error) {
	if p.program, err = exec.LookPath("nats-server"); err == nil {
		return "", nil
	}
	if p.program, err = build(ctx, dir, "nats-server", "github.com/nats-io/nats-server/v2", say); ctx.Err() != nil {
		return "", context.Cause(ctx)
	} else if err != nil {
		return fmt.Sprintf("no nats-server on the path, and it cannot be built (%v): install it", err), nil
	}
	return "", nil
}

// build makes a program of this module, or of one that it requires.
func build(ctx context.Context, dir, name, pkg string, say func(string)) (string, error) {
	path := filepath.Join(dir, executable(name))
	if _, err := os.Stat(path); err == nil {
		return path, nil // for another peer
	}
	say("building " + pkg)
	output, err := exec.CommandContext(ctx, "go", "build", "-o", path, pkg).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build %s (run it in the module's folder): %s: %w", pkg, lastLine(output), err)
	}
	return path, nil
}

func executable(name string) string {
	if runtime.GOOS == "windows" {
		return name + ".exe"
	}
	return name
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
