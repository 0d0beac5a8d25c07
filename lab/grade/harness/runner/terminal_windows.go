package runner

import (
	"errors"
	"io"
	"os"
	"os/exec"
)

// terminal is, on Windows, no terminal but a pair of pipes.
type terminal struct {
	ours, theirs *os.File
	stdin        io.WriteCloser
}

func openTerminal(command *exec.Cmd) (*terminal, error) {
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	ours, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	command.Stdout, command.Stderr = theirs, theirs
	return &terminal{ours: ours, theirs: theirs, stdin: stdin}, nil
}

func (t *terminal) write(text string) error {
	_, err := io.WriteString(t.stdin, text)
	return err
}

func (t *terminal) interrupt() error { return errors.ErrUnsupported }

func (t *terminal) close() error { return errors.Join(t.ours.Close(), t.theirs.Close()) }
