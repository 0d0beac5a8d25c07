package topology

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"

	"pubsublab/lab/internal/engine"
)

// dialTimeout is how long an engine may take to answer. Podman's needs seconds where many
// containers are.
const dialTimeout = 20 * time.Second

// dialDocker reaches the engine, makes sure that it can run Linux containers, and says which one it
// is. What is made on it belongs to the owner of the folder.
func dialDocker(ctx context.Context, at engine.Endpoint, own *engine.Folder) (*docker, string, error) {
	options, err := at.ClientOpts()
	if err != nil {
		return nil, "", err
	}
	raw, err := client.New(options...)
	if err != nil {
		return nil, "", err
	}
	api := &testcontainers.DockerClient{Client: raw}
	d := &docker{api: api, at: at, images: map[string]string{}, goImages: map[string]string{}, told: map[string]bool{}}
	dialing, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	name, err := d.meet(dialing)
	if err == nil {
		d.lease, err = engine.HoldLease(ctx, raw, own)
	}
	if err != nil {
		return nil, "", errors.Join(err, raw.Close())
	}
	return d, name + " answers at " + at.Host, nil
}

// meet asks the engine what the lab has to know of it, and returns its name and version.
func (d *docker) meet(ctx context.Context) (string, error) {
	version, err := d.api.ServerVersion(ctx, client.ServerVersionOptions{})
	if ctx.Err() != nil {
		return "", fmt.Errorf("it has not answered for %s", dialTimeout)
	}
	if err != nil {
		return "", err
	}
	if version.Os != "linux" {
		return "", fmt.Errorf("the engine runs %s containers, not linux ones", version.Os)
	}
	name := "Docker Engine"
	if isPodman(version) {
		name = "Podman"
	}
	// An engine whose network code is stuck still tells its version, and then hangs for good.
	if _, err := d.api.NetworkList(ctx, client.NetworkListOptions{}); err != nil {
		return "", fmt.Errorf("it answers, but not about its networks (restart it): %w", err)
	}
	if err := steerTestcontainers(d.api.DaemonHost()); err != nil {
		return "", err
	}
	// Asked first: the constructor asks a client of its own for it, which cannot reach every
	// engine, unless it is known.
	info, err := d.api.Info(ctx, client.InfoOptions{})
	if err != nil {
		return "", err
	}
	// With SELinux a container sees what is bound and may not touch it.
	d.copies.Store(slices.Contains(info.Info.SecurityOptions, "name=selinux"))
	d.provider, err = newProvider(d.api)
	return name + " " + version.Version, err
}

func isPodman(version client.ServerVersionResult) bool {
	return slices.ContainsFunc(version.Components, func(c system.ComponentVersion) bool { return strings.HasPrefix(c.Name, "Podman") })
}

// newProvider is Testcontainers on that engine.
func newProvider(api *testcontainers.DockerClient) (*testcontainers.DockerProvider, error) {
	provider, err := testcontainers.NewDockerProvider()
	if err != nil {
		return nil, err
	}
	err = provider.Close()
	provider.SetClient(unclosed{api})
	return provider, err
}

// unclosed is a client that Testcontainers does not close. It does so after each call, which closes
// idle connections, now and then one on which another goroutine's request is just about to be sent.
type unclosed struct{ *testcontainers.DockerClient }

func (unclosed) Close() error { return nil }

// provided is the name under which Testcontainers knows the engine.
const provided = "pubsublab"

type runtimeProvider struct{ host string }

// Initialize is called by Testcontainers, once.
func (r runtimeProvider) Initialize(context.Context) (testcontainers.RuntimeConfig, error) {
	return testcontainers.RuntimeConfig{DockerHost: r.host, DockerSocketPath: "/var/run/docker.sock"}, nil
}

// steerTestcontainers makes Testcontainers use that engine, and none of those that it would find by
// rules of its own (a properties file, a socket at a well-known place). It remembers the first one
// of this program; what the lab asks of it goes through a provider with the right client.
func steerTestcontainers(host string) error {
	steering.Lock()
	defer steering.Unlock()
	if steered {
		return nil
	}
	if err := testcontainers.RegisterProvider(provided, func() testcontainers.RuntimeProvider { return runtimeProvider{host} }); err != nil {
		return err
	}
	steered = true
	// Its log would come between the lines of the demo.
	tclog.SetDefault(tclog.NewNoopLogger())
	// Its reaper is one more image to pull and wants the engine's socket. The lab removes what it
	// made by label, and what a killed lab left behind at the next start, so it only runs where
	// someone asks for it.
	const noReaper = "TESTCONTAINERS_RYUK_DISABLED"
	if os.Getenv(noReaper) == "" {
		if err := os.Setenv(noReaper, "true"); err != nil {
			return err
		}
	}
	return os.Setenv("TESTCONTAINERS_PROVIDER", provided)
}

var (
	steering sync.Mutex
	steered  bool // guarded by steering
)

// oneLine makes a sentence of the client's advice.
func oneLine(err error) error {
	first, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(strings.TrimSuffix(first, "."))
}
