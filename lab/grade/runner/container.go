package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/shirou/gopsutil/v4/process"
)

// What a container of a submission may use.
const (
	memoryLimit = 512 << 20 // bytes, swap included
	cpuLimit    = 1e9       // billionths of a CPU
	pidsLimit   = 512
	tmpSize     = "size=64m"
)

// containerPort is the port that servers are told: each has a network address of its own.
const containerPort = 5000

const (
	dialTimeout   = 10 * time.Second
	removeTimeout = 30 * time.Second

	gradeLabel = "pubsublab.grade"      // on all that is made; the grader's process
	hostLabel  = "pubsublab.grade.host" // the grader's machine
)

// Containers runs a submission as containers, on a network of their own that leads nowhere, read-only and without
// privileges.
type Containers struct {
	// static
	api            *client.Client
	server, client string // images
	network        string // its ID
	gateway        string // the grader's address on the network
	labels         map[string]string

	running sync.Map // its keys are the *Program that run

	followed sync.WaitGroup // until containers are removed
}

// NewContainers prepares running a server's image, with the port as its argument, and a client's, with HOST PORT ROLE. Images
// have to be on the engine, and the engine on this Linux machine, because the grader talks to containers at their own addresses. An empty
// client means that there is none.
func NewContainers(ctx context.Context, server, clientImage string) (*Containers, error) {
	api, err := client.New(client.FromEnv)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c := &Containers{api: api, server: server, client: clientImage}
	if err := c.prepare(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Containers) prepare(ctx context.Context) error {
	if _, err := c.api.Ping(ctx, client.PingOptions{}); err != nil {
		return fmt.Errorf("no Docker engine answers: %w", err)
	}
	for _, image := range []string{c.server, c.client} {
		if image == "" {
			continue
		}
		if _, err := c.api.ImageInspect(ctx, image); err != nil {
			return fmt.Errorf("the image %q is not on the engine (docker pull or docker build it): %w", image, err)
		}
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	c.labels = map[string]string{gradeLabel: strconv.Itoa(os.Getpid()), hostLabel: host}
	c.removeOrphans(ctx, host)
	name := fmt.Sprintf("pubsublab-grade-%d-%d", os.Getpid(), started.Add(1))
	made, err := c.api.NetworkCreate(ctx, name, client.NetworkCreateOptions{Driver: "bridge", Internal: true, Labels: c.labels})
	if err != nil {
		return fmt.Errorf("the submission's network cannot be made: %w", err)
	}
	c.network = made.ID
	info, err := c.api.NetworkInspect(ctx, made.ID, client.NetworkInspectOptions{})
	if err != nil {
		return err
	}
	for _, config := range info.Network.IPAM.Config {
		c.gateway = config.Gateway.String()
	}
	listener, err := c.Listen()
	if err != nil {
		return fmt.Errorf("the grader is not on the network of the containers (the engine has to run on this Linux machine, and the grader outside of containers): %w", err)
	}
	return listener.Close()
}

// removeOrphans removes what graders of this machine left behind that were killed. It is a courtesy: its errors are not
// the caller's.
func (c *Containers) removeOrphans(ctx context.Context, host string) {
	filters := client.Filters{}.Add("label", hostLabel+"="+host)
	orphan := func(labels map[string]string) bool {
		pid, err := strconv.ParseInt(labels[gradeLabel], 10, 32)
		if err != nil {
			return false
		}
		alive, err := process.PidExistsWithContext(ctx, int32(pid))
		return err == nil && !alive
	}
	if all, err := c.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters}); err == nil {
		for _, one := range all.Items {
			if orphan(one.Labels) {
				_ = c.remove(one.ID)
			}
		}
	}
	if all, err := c.api.NetworkList(ctx, client.NetworkListOptions{Filters: filters}); err == nil {
		for _, one := range all.Items {
			if orphan(one.Labels) {
				_, _ = c.api.NetworkRemove(ctx, one.ID, client.NetworkRemoveOptions{})
			}
		}
	}
}

// Kind is "containers".
func (c *Containers) Kind() string { return "containers" }

// Port is always the same: each container has an address of its own.
func (c *Containers) Port() (int, error) { return containerPort, nil }

// Server starts the server's image.
func (c *Containers) Server(ctx context.Context, port int) (*Program, error) {
	number := strconv.Itoa(port)
	program, id, err := c.start(ctx, c.server, number)
	if err != nil {
		return nil, err
	}
	info, err := c.api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		program.Kill()
		return nil, err
	}
	for _, endpoint := range info.Container.NetworkSettings.Networks {
		if endpoint.IPAddress.IsValid() { // it is not once the container has ended
			program.Addresses = append(program.Addresses, net.JoinHostPort(endpoint.IPAddress.String(), number))
		}
	}
	return program, nil
}

// HasClient says whether there is a client's image.
func (c *Containers) HasClient() bool { return c.client != "" }

// AsksRole is false: clients in images are told their role as an argument.
func (c *Containers) AsksRole() bool { return false }

// Listen opens a port at the grader's address on the containers' network.
func (c *Containers) Listen() (net.Listener, error) {
	return net.Listen("tcp", net.JoinHostPort(c.gateway, "0"))
}

// Client starts the client's image.
func (c *Containers) Client(ctx context.Context, server net.Addr, role string) (*Program, error) {
	host, port, err := net.SplitHostPort(server.String())
	if err != nil {
		return nil, err
	}
	program, _, err := c.start(ctx, c.client, host, port, role)
	return program, err
}

// Close removes what was made.
func (c *Containers) Close() error {
	c.running.Range(func(program, _ any) bool {
		program.(*Program).Kill()
		return true
	})
	c.followed.Wait()
	var err error
	if c.network != "" {
		ctx, cancel := context.WithTimeout(context.Background(), removeTimeout)
		defer cancel()
		_, err = c.api.NetworkRemove(ctx, c.network, client.NetworkRemoveOptions{})
	}
	return errors.Join(err, c.api.Close())
}

// start starts an image with a terminal, so that its output is not kept back until kilobytes have come together.
func (c *Containers) start(ctx context.Context, image string, args ...string) (*Program, string, error) {
	pids := int64(pidsLimit)
	init := true // which passes Ctrl+C on as a shell's terminal does
	created, err := c.api.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config: &container.Config{
			Image: image, Cmd: args, Labels: c.labels, Env: []string{"PYTHONUNBUFFERED=1"},
			Tty: true, OpenStdin: true, AttachStdin: true, AttachStdout: true, AttachStderr: true,
		},
		HostConfig: &container.HostConfig{
			NetworkMode: container.NetworkMode(c.network), Init: &init, ReadonlyRootfs: true, Tmpfs: map[string]string{"/tmp": tmpSize},
			CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"}, LogConfig: container.LogConfig{Type: "none"},
			Resources: container.Resources{Memory: memoryLimit, MemorySwap: memoryLimit, NanoCPUs: cpuLimit, PidsLimit: &pids},
		},
		NetworkingConfig: &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{c.network: {}}},
	})
	if err != nil {
		return nil, "", err
	}
	// Before the start, so that neither the first words nor an early end is missed.
	life, end := context.WithCancel(context.Background())
	attached, err := c.api.ContainerAttach(life, created.ID, client.ContainerAttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		end()
		return nil, "", errors.Join(err, c.remove(created.ID))
	}
	ended := c.api.ContainerWait(life, created.ID, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	if _, err := c.api.ContainerStart(ctx, created.ID, client.ContainerStartOptions{}); err != nil {
		end()
		attached.Close()
		return nil, "", errors.Join(err, c.remove(created.ID))
	}
	program := newProgram()
	program.unit = &containerUnit{runner: c, id: created.ID, stdin: attached.Conn}
	c.running.Store(program, nil)
	c.followed.Go(func() {
		defer end()
		c.follow(program, created.ID, attached, ended)
	})
	return program, created.ID, nil
}

func (c *Containers) follow(program *Program, id string, attached client.ContainerAttachResult, ended client.ContainerWaitResult) {
	_, _ = io.Copy(program.Output, attached.Reader) // the end, however it comes, is the end
	attached.Close()
	exit := Exit{Code: -1, Signal: syscall.SIGKILL.String()}
	select {
	case result := <-ended.Result:
		if code := int(result.StatusCode); code < 128 {
			exit = Exit{Code: code}
		} else { // as an init tells of a signal
			exit.Signal = syscall.Signal(code - 128).String()
		}
	case <-ended.Error: // it was removed
	}
	c.running.Delete(program)
	program.finish(exit)
	_ = c.remove(id) // what is left is found by its label
}

// remove removes a container, whatever it is doing.
func (c *Containers) remove(id string) error {
	ctx, cancel := context.WithTimeout(context.Background(), removeTimeout)
	defer cancel()
	_, err := c.api.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if errdefs.IsNotFound(err) || errdefs.IsConflict(err) {
		return nil // it is gone, or just going
	}
	return err
}

type containerUnit struct {
	runner *Containers
	id     string
	stdin  io.Writer
}

func (u *containerUnit) write(text string) error {
	_, err := io.WriteString(u.stdin, text)
	return err
}

func (u *containerUnit) interrupt() error { return u.signal("SIGINT") }
func (u *containerUnit) kill()            { _ = u.signal("SIGKILL") }

func (u *containerUnit) signal(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), removeTimeout)
	defer cancel()
	_, err := u.runner.api.ContainerKill(ctx, u.id, client.ContainerKillOptions{Signal: name})
	if errdefs.IsNotFound(err) || errdefs.IsConflict(err) {
		return nil // it has ended
	}
	return err
}
