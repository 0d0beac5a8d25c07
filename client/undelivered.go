package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"pubsublab/client/pubsub"
	"pubsublab/protocol"
)

// errAbandoned ends the reading of a script that nobody waits for any more.
var errAbandoned = errors.New("nobody waits for the next line")

// input is where the lines of a script come from. It is for one goroutine at a time.
type input struct {
	*bufio.Reader
	file bool // a regular file: a read never waits for anybody

	// idle holds a token while a read may wait. Whoever takes it decides: the reading goroutine
	// when a line has come, or another one, that the next line is not awaited and the input no
	// longer used.
	idle chan struct{}

	held      []string // at most one line: it was read, and could not be published
	ended     bool     // there are no more lines
	abandoned bool     // a goroutine is left behind that waits for the next line
}

func newInput(r io.Reader) *input {
	in := &input{Reader: bufio.NewReaderSize(r, 2*protocol.MaxLine), idle: make(chan struct{}, 1)}
	if text, ok := r.(*textReader); ok {
		r = text.Reader
	}
	if f, ok := r.(*os.File); ok {
		info, err := f.Stat()
		in.file = err == nil && info.Mode().IsRegular()
	}
	return in
}

// here reports whether the next line can be had without waiting.
func (in *input) here() bool {
	if in.file {
		return true
	}
	data, _ := in.Peek(in.Buffered())
	for _, c := range data {
		if c == '\n' {
			return true
		}
	}
	return false
}

// line is readLine with the token of a read that may wait.
func (in *input) line() (string, error) {
	if in.here() {
		return readLine(in.Reader)
	}
	in.idle <- struct{}{}
	line, err := readLine(in.Reader)
	select {
	case <-in.idle:
		return line, err
	default:
		return "", errAbandoned
	}
}

// remaining calls yield for each line that was not published though it could have been: the one at
// hand, and all that can be read without waiting.
func (p *publishing) remaining(yield func(line string)) {
	in := p.input
	for _, line := range in.held {
		yield(line)
	}
	for !in.abandoned && !in.ended && in.here() {
		line, err := p.next()
		if err != nil {
			return
		}
		yield(line)
	}
}

// keepUndelivered writes the lines that were not delivered to --undelivered, and says how many
// there are. err is why the session has ended. A file without a line says that there are none; it
// stays as it is where there was no server.
func (p *publishing) keepUndelivered(file *os.File, err error) error {
	if file == nil {
		return nil
	}
	defer file.Close()
	out := bufio.NewWriter(file)
	var failed error
	n := 0
	keep := func(line string) {
		if n == 0 {
			failed = empty(file)
		}
		n++
		out.Write(protocol.AppendLine(out.AvailableBuffer(), line))
	}
	if undelivered := (*pubsub.UndeliveredError)(nil); errors.As(err, &undelivered) {
		for _, line := range undelivered.Lines {
			keep(line)
		}
	}
	p.remaining(keep)
	if n == 0 && p.Publisher != nil { // without a server, what is there may still be to deliver
		failed = empty(file)
	}
	if err := errors.Join(failed, out.Flush(), file.Close()); err != nil {
		return fmt.Errorf("%s not delivered, and not kept either: %w", count(n, "line"), err)
	}
	if n > 0 {
		p.console.notice("%s not delivered: kept in %s", count(n, "line"), file.Name())
	}
	return nil
}

// openKept opens a file to write, which finds out early whether that can be. What it holds stays
// until empty. With os.O_RDWR it waits for nobody to read a named pipe.
func openKept(name string, mode int) (*os.File, error) {
	return os.OpenFile(name, mode|os.O_CREATE, 0o666)
}

// empty empties a file of openKept that holds anything.
func empty(file *os.File) error {
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return err
	}
	return file.Truncate(0)
}

// openUndelivered opens the file of --undelivered, nil for none.
func openUndelivered(name string, script io.Reader) (*os.File, error) {
	if name == "" {
		return nil, nil
	}
	file, err := openKept(name, os.O_WRONLY)
	if err != nil {
		return nil, err
	}
	if f, ok := script.(*os.File); ok {
		a, errA := file.Stat()
		b, errB := f.Stat()
		if errA == nil && errB == nil && a.Mode().IsRegular() && os.SameFile(a, b) {
			file.Close()
			return nil, errUsage{errors.New("--undelivered: expected another file than the script")}
		}
	}
	return file, nil
}
