package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"pubsublab/client/pubsub"
	"pubsublab/protocol"
)

// closeTimeout is how long the end of an interrupted publisher may take.
const closeTimeout = 5 * time.Second

// publishing is a publisher at work.
type publishing struct {
	*pubsub.Publisher
	console *console
	input   *input
	number  int           // of the line of the script that was read last
	refused atomic.Uint64 // lines that were not even sent
}

// publish is the command of a publisher.
func (c *command) publish(ctx context.Context) error {
	script, text := c.console.in, c.console.text
	if c.Script != "" && c.Script != "-" {
		file, err := os.Open(c.Script)
		if errors.Is(err, fs.ErrPermission) { // in an image the user is another one
			return fmt.Errorf("the script cannot be read by user %d: %w", os.Geteuid(), err)
		} else if err != nil {
			return err
		}
		defer file.Close()
		script, text = file, &textReader{Reader: file}
	}
	undelivered, err := openUndelivered(c.Undelivered, script)
	if err != nil {
		return err
	}
	p := &publishing{console: c.console, input: newInput(text)}
	cfg := c.config()
	cfg.Rejected = func(r pubsub.Rejected) { c.console.notice("line %d %s: %s", r.Line, r.Reason, shorten(r.Text)) }
	if p.Publisher, err = pubsub.DialPublisher(ctx, c.addr, cfg); err != nil {
		return p.keep(undelivered, err)
	}
	c.welcome(p.Welcome())
	if (c.Script == "" || c.Script == "-") && c.console.keys != nil {
		err = p.typed(ctx)
	} else {
		err = p.script(ctx, c.Rate)
	}
	return p.finish(ctx, err, undelivered)
}

// finish ends the session and prints the summary. err is why the lines were not read to their end;
// nil if they were.
func (p *publishing) finish(ctx context.Context, err error, undelivered *os.File) error {
	p.console.close() // Ctrl+C ends the program from here on
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
	}
	slow := time.AfterFunc(time.Second, func() {
		if s := p.Stats(); s.Acked < s.Published {
			p.console.notice("waiting for the server to acknowledge %s (Ctrl+C gives up)", count(s.Published-s.Acked, "line"))
		}
	})
	defer slow.Stop()
	if closeErr := p.Close(ctx); closeErr != nil {
		err = closeErr
	}
	s, refused := p.Stats(), p.refused.Load()
	rejected := s.Rejected + refused
	p.console.notice("summary: %s sent, %d acknowledged, %d rejected", count(s.Published, "line"), s.Acked-s.Rejected, rejected)
	if err == nil && rejected > 0 {
		err = errSaid
	}
	return p.keep(undelivered, err)
}

// keep saves the lines that were not delivered. It returns err or, where there is none, that saving
// failed.
func (p *publishing) keep(undelivered *os.File, err error) error {
	if keepErr := p.keepUndelivered(undelivered, err); keepErr != nil {
		p.console.notice("client: %v", keepErr)
		err = cmp.Or(err, errSaid)
	}
	return err
}

// script publishes the lines of the input, at most rate per second unless 0.
func (p *publishing) script(ctx context.Context, rate float64) error {
	run, stop := context.WithCancel(ctx)
	defer stop()
	read := make(chan error, 1)
	go func() { read <- p.lines(run, &pace{rate: rate}) }()
	select {
	case err := <-read:
		if ctx.Err() == nil || err == nil {
			return err
		}
	case <-p.Done():
		stop()
		p.leave(read)
		return nil // Close returns why
	case <-ctx.Done():
		p.leave(read)
	}
	return errors.New("interrupted: the rest was not sent")
}

// leave waits for lines to end, unless that waits for input itself.
func (p *publishing) leave(read <-chan error) {
	select {
	case <-read:
	case <-p.input.idle:
		p.input.abandoned = true
	}
}

func (p *publishing) lines(ctx context.Context, pace *pace) error {
	for {
		line, err := p.next()
		if err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading the script: %w", err)
		}
		if err = pace.wait(ctx); err == nil {
			err = p.Publish(ctx, line)
		}
		if err != nil {
			p.input.held = []string{line}
			return err
		}
	}
}

// next returns the next line of the input that is a message. It reports the others, and passes over
// them.
func (p *publishing) next() (string, error) {
	for {
		line, err := p.input.line()
		p.number++
		switch {
		case err == nil && strings.TrimSpace(line) == protocol.Terminate:
			p.input.ended = true
			return "", io.EOF
		case err == nil:
			if err = protocol.CheckMessage(line); err == nil {
				return line, nil
			}
		case !errors.Is(err, errTooLong):
			return "", err
		}
		p.refused.Add(1)
		p.console.notice("line %d of the script not sent: %v", p.number, err)
	}
}

var errTooLong = fmt.Errorf("a message of more than %d bytes, expected at most that", protocol.MaxLine)

// readLine returns the next line without its line end. An unterminated rest is a line (P7); a line
// that does not fit the buffer is skipped and errTooLong.
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	if err == nil || err == io.EOF && len(line) > 0 {
		return string(protocol.TrimLine(line)), nil
	}
	if err != bufio.ErrBufferFull {
		return "", err
	}
	for err == bufio.ErrBufferFull {
		_, err = r.ReadSlice('\n')
	}
	if err != nil && err != io.EOF {
		return "", err
	}
	return "", errTooLong
}

// pace limits the number of lines per second; 0 is no limit.
type pace struct {
	rate float64
	next time.Time
}

func (p *pace) wait(ctx context.Context) error {
	if p.rate == 0 {
		return nil
	}
	now := time.Now()
	if p.next.Before(now.Add(-time.Second)) { // the first line, or it was held up for long
		p.next = now
	}
	if d := p.next.Sub(now); d > 0 {
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	p.next = p.next.Add(time.Duration(float64(time.Second) / p.rate))
	return nil
}

// shorten quotes a line so that it fits into a notice.
func shorten(line string) string {
	const most = 60
	if len(line) > most {
		line = strings.ToValidUTF8(line[:most], "") + "…"
	}
	return fmt.Sprintf("%q", line)
}
