package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"pubsublab/lab/internal/engine"
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
	dialTimeout = 10 * time.Second

	gradeLabel = "pubsublab.grade" // on all that is made
)

// Containers runs a submission as containers, on a network of their own that leads nowhere,
// read-only and without privileges.
type Containers struct {
	// static
	api            *client.Client
	server, client string // the IDs of images: names could be moved to others while it is graded
	network        string // its ID
	gateway        string // the grader's address on the network
	labels         map[string]string
	hidden         map[string]string // labels of the images that containers are not to have, empty
	own            *engine.Folder    // by which others see whether the grader lives
	lease          *engine.Lease     // likewise

	running sync.Map // its keys are the *Program that run

	followed sync.WaitGroup // until containers are removed
}

// NewContainers prepares running a server's image, with the port as its argument, and a client's,
// with HOST PORT ROLE. Images have to be on the engine, and the engine on this Linux machine,
// because the grader talks to containers at their own addresses. An empty client means that there
// is none.
func NewContainers(ctx context.Context, server, clientImage string) (*Containers, error) {
	at, err := engine.Find()
	if err != nil {
		return nil, err
	}
	options, err := at.ClientOpts()
	if err != nil {
		return nil, err
	}
	api, err := client.New(options...)
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
	c.hidden = map[string]string{}
	for _, image := range []*string{&c.server, &c.client} {
		if *image == "" {
			continue
		}
		found, err := c.api.ImageInspect(ctx, *image)
		if err != nil {
			return fmt.Errorf("the image %q is not on the engine (docker pull or docker build it): %w", *image, err)
		}
		*image = found.ID
		for label := range found.Config.Labels {
			// Compose v2 writes them on what it builds, and takes whatever container has them for
			// one of its project.
			if strings.HasPrefix(label, "com.docker.compose.") {
				c.hidden[label] = ""
			}
		}
	}
	var err error
	if c.own, err = engine.NewFolder(); err != nil {
		return err
	}
	if c.lease, err = engine.HoldLease(ctx, c.api, c.own); err != nil {
		return err
	}
	c.labels = map[string]string{gradeLabel: "", engine.OwnerLabel: c.lease.Owner()}
	engine.RemoveOrphans(ctx, c.api, c.lease)
	name := c.lease.Owner() + "-grade"
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
	listener, err := c.Listen(0)
	if err != nil {
		return fmt.Errorf("the grader is not on the network of the containers (the engine has to run on this Linux machine, and the grader outside of containers): %w", err)
	}
	return listener.Close()
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

// HasClient reports whether there is a client's image.
func (c *Containers) HasClient() bool { return c.client != "" }

// Types is empty: clients in images are told their role as an argument.
func (c *Containers) Types(_, _ string) []string { return nil }

// Line is the message as it is.
func (c *Containers) Line(_, text string) string { return text }

// Listen opens a port at the grader's address on the containers' network.
func (c *Containers) Listen(port int) (net.Listener, error) {
	return net.Listen("tcp", net.JoinHostPort(c.gateway, strconv.Itoa(port)))
}

// Dial connects to the server's container.
func (c *Containers) Dial(ctx context.Context, address string) (*net.TCPConn, error) {
	return dial(ctx, address)
}

// Client starts the client's image. It is told no topic.
func (c *Containers) Client(ctx context.Context, server net.Addr, role, _ string) (*Program, error) {
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
	ctx, cancel := context.WithTimeout(context.Background(), engine.RemoveTimeout)
	defer cancel()
	var err error
	if c.network != "" {
		_, err = c.api.NetworkRemove(ctx, c.network, client.NetworkRemoveOptions{})
	}
	if c.lease != nil {
		err = errors.Join(err, c.lease.Release(ctx))
	}
	if c.own != nil {
		err = errors.Join(err, c.own.Remove())
	}
	return errors.Join(err, c.api.Close())
}

// start starts an image with a terminal, so that its output is not kept back until kilobytes have
// come together.
func (c *Containers) start(ctx context.Context, image string, args ...string) (*Program, string, error) {
	labels := maps.Clone(c.labels)
	maps.Copy(labels, c.hidden)
	pids := int64(pidsLimit)
	init := true // which passes Ctrl+C on as a shell's terminal does
	created, err := c.api.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config: &container.Config{
			Image: image, Cmd: args, Labels: labels, Env: []string{"PYTHONUNBUFFERED=1"},
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
	program.handle = &containerHandle{runner: c, id: created.ID, stdin: attached.Conn}
	c.running.Store(program, nil)
	c.followed.Go(func() {
		defer end()
		c.follow(program, created.ID, attached, ended)
	})
	return program, created.ID, nil
}

func (c *Containers) follow(program *Program, id string, attached client.ContainerAttachResult, ended client.ContainerWaitResult) {
	_, _ = io.Copy(program.screen(), attached.Reader) // the end, however it comes, is the end
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
	ctx, cancel := context.WithTimeout(context.Background(), engine.RemoveTimeout)
	defer cancel()
	return engine.RemoveContainer(ctx, c.api, id)
}

type containerHandle struct {
	runner *Containers
	id     string
	stdin  io.Writer
}

// write types text. The terminal of a container shows it; nobody looks for it there.
func (u *containerHandle) write(text string) error {
	_, err := io.WriteString(u.stdin, strings.ReplaceAll(text, "\n", "\r"))
	return err
}

// interrupt presses Ctrl+C. Where that cannot be done, the program is interrupted.
func (u *containerHandle) interrupt() error {
	if u.write("\x03") == nil {
		return nil
	}
	return u.signal("SIGINT")
}

func (u *containerHandle) kill() { _ = u.signal("SIGKILL") }

func (u *containerHandle) signal(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), engine.RemoveTimeout)
	defer cancel()
	return engine.SignalContainer(ctx, u.runner.api, u.id, name)
}
