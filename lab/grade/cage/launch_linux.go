package cage

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"pubsublab/lab/grade/cage/launcher"
	"pubsublab/lab/internal/proc"
)

// launch starts a command in the cage, and waits until it has become the program. Where the user has as
// many processes as it may, those that end are waited for: a program that was stopped may have left
// thousands.
func (c *Cage) launch(command *exec.Cmd, mark string) (*proc.Process, error) {
	for end := time.Now().Add(endTimeout); ; time.Sleep(lookEvery) {
		again := *command
		started, err := c.tryLaunch(&again, mark)
		if c.user == nil || !errors.Is(err, unix.EAGAIN) {
			return started, err
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("%s runs %d processes and threads, as many as it may: %w", c.user, c.limits.UserTasks, err)
		}
		proc.ReapOrphans(proc.Table()) // the system counts them until then
	}
}

func (c *Cage) tryLaunch(command *exec.Cmd, mark string) (*proc.Process, error) {
	if c.user != nil {
		env := command.Environ()
		command.Env = append(env, "HOME="+filepath.Join(c.root, homeFolder), "TMPDIR="+filepath.Join(c.root, tempFolder),
			"USER="+c.user.Name, "LOGNAME="+c.user.Name)
		if err := c.giveTerminals(command); err != nil {
			return nil, err
		}
	}
	ready, err := c.limits.order(c.user, launcher.Order{Program: command.Args}).Command(command)
	if err != nil {
		return nil, err
	}
	started, err := proc.Start(command, mark)
	if err := ready(err); err != nil {
		if started != nil {
			<-started.Done()
		}
		return nil, err
	}
	return started, nil
}

// giveTerminals makes the terminals of a command the user's, so that it can also open them by name.
func (c *Cage) giveTerminals(command *exec.Cmd) error {
	for _, stream := range []any{command.Stdin, command.Stdout, command.Stderr} {
		file, ok := stream.(*os.File)
		if !ok {
			continue
		}
		if _, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS); err != nil {
			continue
		}
		if err := file.Chown(c.user.UID, -1); err != nil {
			return err
		}
	}
	return nil
}

// order is an order with who obeys it, and within which limits.
func (l Limits) order(u *User, o launcher.Order) launcher.Order {
	o.Limits = launcher.Limits{FileSize: l.FileSize, Files: l.Files, Tasks: l.UserTasks}
	if u != nil {
		o.Become = &launcher.User{Name: u.Name, UID: u.UID, GID: u.GID}
	}
	return o
}
