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

// input is where the lines of a script come from. It is for one goroutine at a
// time.
type input struct {
	*bufio.Reader
	file bool // a regular file: a read never waits for anybody

	// idle holds a token while a read may wait. Whoever takes it decides: the
	// reading goroutine when a line has come, or another one, that the next
	// line is not awaited and the input no longer used.
	idle chan struct{}

	held      []string // at most one line: it was read, and could not be published
	ended     bool     // there are no more lines
	abandoned bool     // a goroutine is left behind that waits for the next line
}

func newInput(r io.Reader) *input {
	in := &input{Reader: bufio.NewReaderSize(r, 2*protocol.MaxLine), idle: make(chan struct{}, 1)}
	if f, ok := r.(*os.File); ok {
		info, err := f.Stat()
		in.file = err == nil && info.Mode().IsRegular()
	}
	return in
}

// here tells whether the next line can be had without waiting.
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

// remaining calls yield for each line that was not published though it could
// have been: the one at hand, and all that can be read without waiting.
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

// keepUndelivered writes the lines that were not delivered to --undelivered,
// and says how many there are. err is why the session has ended. A file
// without a line says that there are none.
func (p *publishing) keepUndelivered(file *os.File, err error) error {
	if file == nil {
		return nil
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		if err := file.Truncate(0); err != nil {
			return err
		}
	}
	out := bufio.NewWriter(file)
	n := 0
	keep := func(line string) {
		n++
		out.Write(protocol.AppendLine(out.AvailableBuffer(), line))
	}
	if undelivered := (*pubsub.UndeliveredError)(nil); errors.As(err, &undelivered) {
		for _, line := range undelivered.Lines {
			keep(line)
		}
	}
	p.remaining(keep)
	if err := errors.Join(out.Flush(), file.Close()); err != nil {
		return fmt.Errorf("%s not delivered, and not kept either: %w", count(n, "line"), err)
	}
	if n > 0 {
		p.console.notice("%s not delivered: kept in %s", count(n, "line"), file.Name())
	}
	return nil
}

// openUndelivered finds out early whether FILE can be written. What it holds
// stays until there is something else to say.
func openUndelivered(name string, script io.Reader) (*os.File, error) {
	if name == "" {
		return nil, nil
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o666)
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
