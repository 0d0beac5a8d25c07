package topology

import (
	"maps"
	"net"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/testcontainers/testcontainers-go"
)

// request says to Testcontainers what the compose file says about the node.
func (s *site) request(n *Node) (testcontainers.ContainerRequest, error) {
	spec, service := n.Spec, n.Spec.service
	dir, err := s.lab.folder(spec.Name)
	if err != nil {
		return testcontainers.ContainerRequest{}, err
	}
	mounts, err := spec.mounts(dir)
	if err != nil {
		return testcontainers.ContainerRequest{}, err
	}
	program, err := s.lab.program(spec)
	if err != nil {
		return testcontainers.ContainerRequest{}, err
	}
	env := maps.Clone(spec.Env)
	if spec.Role == Subscriber {
		env["PUBSUB_OUTPUT"] = transcripts + "/" + transcriptName
		mounts = append(mounts, types.ServiceVolumeConfig{Type: types.VolumeTypeBind, Source: dir, Target: transcripts})
	}
	request := testcontainers.ContainerRequest{
		Image:          program,
		Name:           "pubsublab-" + s.lab.id + "-" + spec.Name,
		Cmd:            spec.Args,
		Env:            env,
		Labels:         maps.Clone(s.labels),
		NetworkAliases: map[string][]string{},
		ConfigModifier: func(c *container.Config) {
			grace := int(n.grace().Seconds())
			c.StopTimeout = &grace
			c.Healthcheck = healthConfig(service.HealthCheck)
		},
	}
	maps.Copy(request.Labels, service.Labels)
	for key, settings := range service.Networks {
		name := s.networks[key]
		request.Networks = append(request.Networks, name)
		request.NetworkAliases[name] = s.lab.hostNames(spec)
		if settings != nil {
			request.NetworkAliases[name] = append(request.NetworkAliases[name], settings.Aliases...)
		}
	}
	bindings, err := s.bindings(spec)
	if err != nil {
		return request, err
	}
	for port := range bindings {
		request.ExposedPorts = append(request.ExposedPorts, port.String())
	}
	request.HostConfigModifier = func(h *container.HostConfig) {
		h.PortBindings = bindings
		for _, m := range mounts {
			h.Mounts = append(h.Mounts, s.mount(m))
		}
		hostConfig(h, service)
	}
	return request, nil
}

// bindings says at which ports of this machine those of the node are published: the file's own where the lab wants
// them, of a successor those of its predecessor, else free ones.
func (s *site) bindings(spec *Spec) (network.PortMap, error) {
	before, err := s.lab.predecessor(spec)
	if err != nil {
		return nil, err
	}
	bindings := network.PortMap{}
	for _, port := range spec.service.Ports {
		binding := network.PortBinding{}
		if binding.HostIP, err = netip.ParseAddr(port.HostIP); err != nil && port.HostIP != "" {
			return nil, err
		}
		if before != nil {
			_, binding.HostPort, _ = net.SplitHostPort(before.AddrOf(int(port.Target))) // "" where it had none
		}
		if s.lab.opts.FilePorts && port.Published != "" {
			binding.HostPort = port.Published
		}
		if binding.HostPort == "" && isLocal(s.docker.api) {
			if binding.HostPort, err = freePort(port.HostIP, func(string) bool { return false }); err != nil {
				return nil, err
			}
		}
		bindings[network.MustParsePort(target(port)+"/tcp")] = []network.PortBinding{binding}
	}
	return bindings, nil
}

func (s *site) mount(m types.ServiceVolumeConfig) mount.Mount {
	if m.Type == types.VolumeTypeVolume {
		return mount.Mount{Type: mount.TypeVolume, Source: s.volumes[m.Source], Target: m.Target, ReadOnly: m.ReadOnly}
	}
	return mount.Mount{Type: mount.TypeBind, Source: filepath.Clean(m.Source), Target: m.Target, ReadOnly: m.ReadOnly}
}

// hostConfig carries the limits and log options of a service over.
func hostConfig(h *container.HostConfig, service types.ServiceConfig) {
	h.ReadonlyRootfs = service.ReadOnly
	h.CapDrop = service.CapDrop
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
