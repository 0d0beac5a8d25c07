package topology

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/testcontainers/testcontainers-go"

	"pubsublab/lab/history"
)

// request says to Testcontainers what the compose file says about the node.
func (r *dockerRuntime) request(ctx context.Context, n *Node, dir string, parts shared) (testcontainers.ContainerRequest, error) {
	spec, service := n.Spec, n.Spec.service
	program, err := r.deployment.program(spec)
	if err != nil {
		return testcontainers.ContainerRequest{}, err
	}
	rewriter, env := parts.rewriter(), map[string]string{}
	for name, value := range spec.Env {
		env[name] = rewriter.value(value)
	}
	if spec.Role == Subscriber {
		env["PUBSUB_OUTPUT"], env["PUBSUB_OUTPUT_FORMAT"] = parts.output(), string(history.TSV)
	}
	request := testcontainers.ContainerRequest{
		Image:          program,
		Name:           "pubsublab-" + r.deployment.id + "-" + spec.Name,
		Cmd:            rewriter.args(spec.Args),
		Env:            env,
		Labels:         maps.Clone(r.labels),
		NetworkAliases: map[string][]string{},
		ConfigModifier: func(c *container.Config) {
			grace := int(n.grace().Seconds())
			c.StopTimeout = &grace
			c.OpenStdin = spec.typed
			c.Healthcheck = healthConfig(service.HealthCheck)
		},
	}
	maps.Copy(request.Labels, service.Labels)
	for key, settings := range service.Networks {
		name := r.networks[key]
		request.Networks = append(request.Networks, name)
		request.NetworkAliases[name] = r.deployment.hostNames(spec)
		if settings != nil {
			request.NetworkAliases[name] = append(request.NetworkAliases[name], settings.Aliases...)
		}
	}
	bindings, err := r.bindings(ctx, spec)
	if err != nil {
		return request, err
	}
	for port := range bindings {
		request.ExposedPorts = append(request.ExposedPorts, port.String())
	}
	request.HostConfigModifier = func(h *container.HostConfig) {
		h.PortBindings = bindings
		h.Mounts = r.mounts(spec, dir, parts)
		hostConfig(h, service)
	}
	return request, nil
}

// bindings says at which ports of this machine those of the node are published: the file's own
// where the options want them, of a replacement those of the node it replaces, else free ones.
func (r *dockerRuntime) bindings(ctx context.Context, spec *Spec) (network.PortMap, error) {
	replaced, err := r.deployment.replacedBy(spec)
	if err != nil {
		return nil, err
	}
	bindings := network.PortMap{}
	for _, port := range spec.service.Ports {
		binding := network.PortBinding{}
		if binding.HostIP, err = netip.ParseAddr(port.HostIP); err != nil && port.HostIP != "" {
			return nil, err
		}
		if replaced != nil {
			_, binding.HostPort, _ = net.SplitHostPort(replaced.AddrOf(int(port.Target))) // "" where it had none
		}
		if r.deployment.opts.FilePorts && port.Published != "" {
			binding.HostPort = port.Published
		}
		if binding.HostPort == "" && r.docker.at.Local() {
			free, err := r.freePort(ctx, port.HostIP)
			if err != nil {
				return nil, err
			}
			binding.HostPort = strconv.Itoa(free)
		}
		bindings[network.MustParsePort(target(port)+"/tcp")] = []network.PortBinding{binding}
	}
	return bindings, nil
}

func (r *dockerRuntime) mounts(spec *Spec, dir string, parts shared) []mount.Mount {
	var mounts []mount.Mount
	for _, m := range parts.others {
		mounts = append(mounts, mount.Mount{Type: mount.TypeVolume, Source: r.volumes[m.Source], Target: m.Target, ReadOnly: m.ReadOnly})
	}
	if parts.copied {
		return append(mounts, mount.Mount{Type: mount.TypeVolume, Target: copies}) // it goes with the container
	}
	for _, m := range parts.binds {
		mounts = append(mounts, mount.Mount{Type: mount.TypeBind, Source: filepath.Clean(m.Source), Target: m.Target, ReadOnly: m.ReadOnly})
	}
	if spec.Role == Subscriber {
		mounts = append(mounts, mount.Mount{Type: mount.TypeBind, Source: dir, Target: transcripts})
	}
	return mounts
}

// hostConfig carries the limits and log options of a service over.
func hostConfig(h *container.HostConfig, service types.ServiceConfig) {
	h.ReadonlyRootfs = service.ReadOnly
	h.CapAdd, h.CapDrop = service.CapAdd, service.CapDrop
	h.SecurityOpt = service.SecurityOpt
	h.Memory = int64(service.MemLimit)
	if service.PidsLimit != 0 {
		h.PidsLimit = &service.PidsLimit
	}
	if l := service.Logging; l != nil {
		h.LogConfig = container.LogConfig{Type: l.Driver, Config: l.Options}
	}
}

func healthConfig(h *types.HealthCheckConfig) *container.HealthConfig {
	if h == nil {
		return nil
	}
	if h.Disable {
		return &container.HealthConfig{Test: []string{"NONE"}}
	}
	config := &container.HealthConfig{Test: h.Test}
	for _, field := range []struct {
		to   *time.Duration
		from *types.Duration
	}{{&config.Interval, h.Interval}, {&config.Timeout, h.Timeout}, {&config.StartPeriod, h.StartPeriod}} {
		if field.from != nil {
			*field.to = time.Duration(*field.from)
		}
	}
	if h.Retries != nil {
		config.Retries = int(*h.Retries)
	}
	return config
}
