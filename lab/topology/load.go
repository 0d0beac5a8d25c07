package topology

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"
	"go.yaml.in/yaml/v4"
)

// Load reads a compose file as Compose does: interpolated from the environment and a .env file
// beside it, with its defaults, and with other files beside it that change it, as further -f do. A key that the lab does not honour is an error, never ignored: a
// demo that drops a limit in silence would not be the demo.
func Load(path string, changes ...string) (*Topology, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s: run the lab in the folder that holds the compose file, or name it with --file", path)
	}
	files := []string{path}
	for _, change := range changes {
		files = append(files, filepath.Join(filepath.Dir(path), change))
	}
	// The loader logs warnings (an unset variable) on its own; they are Compose's business and
	// would come between the lines of the demo.
	logrus.SetLevel(logrus.ErrorLevel)
	options, err := cli.NewProjectOptions(files, cli.WithOsEnv, cli.WithEnvFiles(), cli.WithDotEnv, cli.WithName("pubsublab"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	project, err := options.LoadProject(context.Background())
	if portErr := checkPorts(options.Environment); err != nil && portErr != nil {
		return nil, fmt.Errorf("%s: %w", path, portErr)
	}
	if err != nil {
		return nil, fmt.Errorf("%s is not a compose file that the lab can read: %w", path, err)
	}
	t, err := fromProject(project)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	t.File = path
	return t, nil
}

// checkPorts reports a variable that is to be a port and is none, of which the loader only says that
// an address is wrong.
func checkPorts(environment types.Mapping) error {
	for _, name := range []string{"PUBSUB_PORT", "PUBSUB_HTTP_PORT"} {
		value := environment[name]
		if _, err := strconv.ParseUint(value, 10, 16); value == "" || err == nil {
			continue
		}
		hint := ""
		if strings.Contains(value, "://") {
			hint = ". Kubernetes sets PUBSUB_PORT to such an address where a service is called pubsub: set another one"
		}
		return fmt.Errorf("%s is %q, expected a port from 0 to 65535%s", name, value, hint)
	}
	return nil
}

func fromProject(p *types.Project) (*Topology, error) {
	t := &Topology{images: map[string]recipe{}, networks: map[string]types.NetworkConfig{}}
	if err := only("the file", *p, "name", "services", "networks", "volumes"); err != nil {
		return nil, err
	}
	for name, volume := range p.Volumes {
		if err := only("volume "+name, volume, "name"); err != nil {
			return nil, err
		}
		t.volumes = append(t.volumes, name)
	}
	for name, network := range p.Networks {
		if err := only("network "+name, network, "name", "driver", "internal"); err != nil {
			return nil, err
		}
		t.networks[name] = network
	}
	for _, name := range p.ServiceNames() {
		service := p.Services[name]
		if err := checkService(service); err != nil {
			return nil, fmt.Errorf("service %s: %w", name, err)
		}
		if service.Build != nil {
			t.images[service.Image] = recipe{build: *service.Build}
		} else if standIn, ok := service.Extensions[standInKey]; ok {
			made, err := readStandIn(standIn, p.WorkingDir)
			if err != nil {
				return nil, fmt.Errorf("service %s: %w", name, err)
			}
			t.images[service.Image] = made
		}
		held, err := readHolds(service.Extensions[holdsKey], p.WorkingDir)
		if err != nil {
			return nil, fmt.Errorf("service %s: %w", name, err)
		}
		spec := &Spec{held: held, Name: name, Role: Role(service.Labels[RoleLabel]), Args: service.Command, Env: map[string]string{}, service: service}
		for key, value := range service.Environment {
			if value != nil { // nil: named in the file, unset where the lab runs
				spec.Env[key] = *value
			}
		}
		t.Specs = append(t.Specs, spec)
	}
	for _, spec := range t.Specs {
		if _, ok := t.images[spec.service.Image]; !ok {
			return nil, fmt.Errorf("service %s: no service builds its image %q", spec.Name, spec.service.Image)
		}
	}
	t.sort()
	return t, nil
}

// checkService reports the first thing about a service that the lab would not honour.
func checkService(s types.ServiceConfig) error {
	err := only("it", s, "build", "cap_add", "cap_drop", "command", "depends_on", "entrypoint", "environment", "expose", "healthcheck", "image",
		"labels", "logging", "mem_limit", "networks", "pids_limit", "ports", "pull_policy", "read_only", "restart", "security_opt",
		"stop_grace_period", "volumes")
	if err != nil {
		return err
	}
	// In the lab, what ends stays ended until somebody starts it again: who ends it wants to see
	// that.
	if s.Restart != "" && s.Restart != types.RestartPolicyNo && s.Restart != types.RestartPolicyOnFailure {
		return fmt.Errorf(`its "restart" is %s: expected no or on-failure, which the lab leaves to whoever makes a node fail`, s.Restart)
	}
	if len(s.Entrypoint) > 0 {
		return errors.New(`"entrypoint" is not supported: the program is the image's own`)
	}
	switch role := Role(s.Labels[RoleLabel]); role {
	case Broker, Publisher, Subscriber, Stream:
	default:
		return fmt.Errorf("label %s is %q: expected broker, publisher, subscriber or stream", RoleLabel, role)
	}
	if s.Image == "" {
		return errors.New(`it has no "image", by which the lab names what it builds`)
	}
	if s.Build != nil {
		if err := only(`"build"`, *s.Build, "context", "dockerfile", "target", "args"); err != nil {
			return err
		}
	}
	if s.HealthCheck != nil {
		if err := only(`"healthcheck"`, *s.HealthCheck, "test", "interval", "timeout", "retries", "start_period", "disable"); err != nil {
			return err
		}
		if test := s.HealthCheck.Test; len(test) > 0 && test[0] == "CMD-SHELL" {
			return errors.New("its health check wants a shell, which the images do not have: write test: [CMD, ...]")
		}
	}
	for _, n := range s.Networks {
		if n == nil {
			continue
		}
		if err := only(`"networks"`, *n, "aliases"); err != nil {
			return err
		}
	}
	for _, v := range s.Volumes {
		if v.Type != types.VolumeTypeBind && (v.Type != types.VolumeTypeVolume || v.Source == "") {
			return fmt.Errorf("the mount at %s is of type %q: only bind mounts and named volumes are supported", v.Target, v.Type)
		}
	}
	for _, port := range s.Ports {
		if port.Protocol != "tcp" {
			return fmt.Errorf("it publishes port %d of %s: only TCP is supported", port.Target, port.Protocol)
		}
	}
	for _, port := range s.Expose {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return fmt.Errorf("it exposes %q: only single TCP ports are supported", port)
		}
	}
	return nil
}

// standInKey is the extension by which a service that only names its image says how another one is
// built in its place where that cannot be pulled.
const standInKey = "x-stand-in"

// readStandIn reads the extension. Relative paths begin at dir, as those of the file do.
func readStandIn(extension any, dir string) (recipe, error) {
	var said struct {
		Dockerfile string
		Args       types.MappingWithEquals
		Package    string
	}
	err := only(`"`+standInKey+`"`, extension, "dockerfile", "args", "package")
	if err == nil {
		_, err = types.Extensions{standInKey: extension}.Get(standInKey, &said)
	}
	r := recipe{
		build:   types.BuildConfig{Context: dir, Dockerfile: said.Dockerfile, Args: said.Args},
		standIn: true, pkg: said.Package,
	}
	if _, _, ok := r.program(); err == nil && (!ok || said.Package == "") {
		err = fmt.Errorf(`%q needs a "dockerfile", Dockerfile.NAME or NAME/Dockerfile below the compose file's folder, and the Go "package" that it builds`, standInKey)
	}
	return r, err
}

// holdsKey is the extension by which a service says what of the checkout its image holds, for nodes
// that are processes and for who wants to know what a script says.
const holdsKey = "x-holds"

// readHolds reads the extension, which may be nil. Relative paths begin at dir, as those of the
// file do.
func readHolds(extension any, dir string) ([]types.ServiceVolumeConfig, error) {
	if extension == nil {
		return nil, nil
	}
	var said struct{ Source, Target string }
	err := only(`"`+holdsKey+`"`, extension, "source", "target")
	if err == nil {
		_, err = types.Extensions{holdsKey: extension}.Get(holdsKey, &said)
	}
	if err == nil && (said.Source == "" || said.Target == "") {
		err = fmt.Errorf(`%q needs a "source" in the folder of the file, and its "target" in the image`, holdsKey)
	}
	if !filepath.IsAbs(said.Source) {
		said.Source = filepath.Join(dir, said.Source)
	}
	return []types.ServiceVolumeConfig{{Type: types.VolumeTypeBind, Source: said.Source, Target: said.Target}}, err
}

// only reports the keys of a part of the compose file that are set and not known. It compares the
// YAML form, so that a key which the library learns tomorrow is noticed too.
func only(what string, part any, known ...string) error {
	raw, err := yaml.Marshal(part)
	if err != nil {
		return err
	}
	var set map[string]any
	if err := yaml.Unmarshal(raw, &set); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(set)) {
		empty, isMap := set[key].(map[string]any)
		if set[key] == nil || isMap && len(empty) == 0 || strings.HasPrefix(key, "x-") || slices.Contains(known, key) {
			continue
		}
		return fmt.Errorf("%s has %q, which the lab does not support (it knows %s)", what, key, strings.Join(known, ", "))
	}
	return nil
}

// sort orders the nodes so that each comes after those it depends on, and by name among equals. The
// loader has already refused circles.
func (t *Topology) sort() {
	depth := map[string]int{}
	var measure func(name string) int
	measure = func(name string) int {
		spec := t.Spec(name)
		if spec == nil || depth[name] > 0 {
			return depth[name]
		}
		deepest := 0
		for dep := range spec.service.DependsOn {
			deepest = max(deepest, measure(dep))
		}
		depth[name] = deepest + 1
		return depth[name]
	}
	for _, spec := range t.Specs {
		measure(spec.Name)
	}
	slices.SortStableFunc(t.Specs, func(a, b *Spec) int { return depth[a.Name] - depth[b.Name] })
}
