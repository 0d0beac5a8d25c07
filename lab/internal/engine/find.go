package engine

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/docker/cli/cli/config"
	clicontext "github.com/docker/cli/cli/context"
	clidocker "github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/docker/cli/opts"
	"github.com/moby/moby/client"
)

// defaultContext is the docker command's name for the engine of the DOCKER_ variables, or else of
// this machine.
const defaultContext = "default"

// An Endpoint is where an engine is.
type Endpoint struct {
	clidocker.Endpoint
	// Asked is who asked for this engine: a variable or a context. "" where nobody did, and it is
	// this machine's.
	Asked string
}

// Find finds the engine that the docker command would talk to, and by the same rules: DOCKER_HOST
// with its TLS variables, or else DOCKER_CONTEXT, or else the context that `docker context use`
// chose, or else this machine's. It does not try to reach it.
func Find() (Endpoint, error) {
	dir := cmp.Or(os.Getenv(config.EnvOverrideConfigDir), config.Dir())
	if os.Getenv(client.EnvOverrideHost) != "" {
		return engineOfVariables(dir, "DOCKER_HOST="+os.Getenv(client.EnvOverrideHost))
	}
	name, asked := os.Getenv("DOCKER_CONTEXT"), "DOCKER_CONTEXT="
	if name == "" {
		settings, _ := config.Load(dir) // the docker command goes on, too, without a file that it cannot read
		name, asked = settings.CurrentContext, "docker context use "
	}
	if name == "" || name == defaultContext {
		return engineOfVariables(dir, "")
	}
	asked += name
	contexts := store.New(filepath.Join(dir, "contexts"), store.NewConfig(func() any { return &map[string]any{} },
		store.EndpointTypeGetter(clidocker.DockerEndpoint, func() any { return &clidocker.EndpointMeta{} })))
	metadata, err := contexts.GetMetadata(name)
	if err != nil {
		return Endpoint{}, fmt.Errorf("%s: %w", asked, err)
	}
	meta, err := clidocker.EndpointFromContext(metadata)
	if err != nil {
		return Endpoint{}, fmt.Errorf("%s: %w", asked, err)
	}
	found, err := clidocker.WithTLSData(contexts, name, meta)
	if err != nil {
		return Endpoint{}, fmt.Errorf("%s: %w", asked, err)
	}
	return Endpoint{found, asked}, nil
}

// engineOfVariables is the engine of DOCKER_HOST, which may be unset, and of the variables about
// TLS.
func engineOfVariables(dir, asked string) (Endpoint, error) {
	verify := os.Getenv(client.EnvTLSVerify) != ""
	tls := verify || os.Getenv("DOCKER_TLS") != ""
	if tls && asked == "" {
		asked = "DOCKER_TLS" // it is by default at a port of this machine then
	}
	host, err := opts.ParseHost(tls, os.Getenv(client.EnvOverrideHost))
	if err != nil {
		return Endpoint{}, fmt.Errorf("%s: %w", asked, err)
	}
	e := Endpoint{clidocker.Endpoint{EndpointMeta: clidocker.EndpointMeta{Host: host}}, asked}
	if !tls {
		return e, nil
	}
	certs := cmp.Or(os.Getenv(client.EnvOverrideCertPath), dir)
	file := func(name string) string {
		path := filepath.Join(certs, name)
		if _, err := os.Stat(path); err != nil {
			return "" // as the docker command does: the server decides whether it does without
		}
		return path
	}
	e.SkipTLSVerify = !verify
	e.TLSData, err = clicontext.TLSDataFromFiles(filepath.Join(certs, "ca.pem"), file("cert.pem"), file("key.pem"))
	if err != nil {
		return Endpoint{}, fmt.Errorf("%s: %w", asked, err)
	}
	return e, nil
}

// Local reports whether the engine publishes ports on this machine.
func (e Endpoint) Local() bool {
	switch e.url().Scheme {
	case "unix", "npipe", "fd":
		return true
	default:
		return false
	}
}

// Machine is the name or address of the machine that a remote engine publishes ports on.
func (e Endpoint) Machine() string { return e.url().Hostname() }

func (e Endpoint) url() *url.URL {
	parsed, err := url.Parse(e.Host)
	if err != nil {
		return &url.URL{}
	}
	return parsed
}
