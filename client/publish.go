package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
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
	refused atomic.Uint64 // lines that were not even sent
}

// publish is the command of a publisher.
func (c *command) publish(ctx context.Context) error {
	input := c.console.in
	if c.Script != "" && c.Script != "-" {
		file, err := os.Open(c.Script)
		if err != nil {
			return err
		}
		defer file.Close()
		input = file
	}
	p := &publishing{console: c.console}
	cfg := c.config()
	cfg.Rejected = func(r pubsub.Rejected) { c.console.notice("line %d %s: %s", r.Line, r.Reason, shorten(r.Text)) }
	var err error
	if p.Publisher, err = pubsub.DialPublisher(ctx, c.addr(), cfg); err != nil {
		return err
	}
	c.welcome(p.Welcome())
	if c.Script == "" && c.console.inTerm && c.console.outTerm {
		err = p.typed(ctx)
	} else {
		err = p.script(ctx, input, c.Rate)
	}
	return p.finish(ctx, err)
}

// finish ends the session and sums it up. err is why the lines were not read
// to their end, nil if they were.
func (p *publishing) finish(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
	}
	patience := time.AfterFunc(time.Second, func() {
		if s := p.Stats(); s.Acked < s.Published {
			p.console.notice("waiting for the server to acknowledge %s (Ctrl+C gives up)", count(s.Published-s.Acked, "line"))
		}
	})
	defer patience.Stop()
	if closeErr := p.Close(ctx); closeErr != nil {
		err = closeErr
	}
	s, refused := p.Stats(), p.refused.Load()
	rejected := s.Rejected + refused
	p.console.notice("summary: %s sent, %d acknowledged, %d rejected", count(s.Published, "line"), s.Acked-s.Rejected, rejected)
	if err == nil && rejected > 0 {
		return errSaid
	}
	return err
}

// script publishes the lines of r, at most rate per second unless 0.
func (p *publishing) script(ctx context.Context, r io.Reader, rate float64) error {
	read := make(chan error, 1)
	go func() { read <- p.lines(ctx, bufio.NewReaderSize(r, 2*protocol.MaxLine), &pace{rate: rate}) }()
	select {
	case err := <-read:
		return err
	case <-p.Done():
		return nil // Close tells why
	case <-ctx.Done():
		return errors.New("interrupted: the rest was not sent")
	}
}

func (p *publishing) lines(ctx context.Context, r *bufio.Reader, pace *pace) error {
	for n := 1; ; n++ {
		line, err := readLine(r)
		if err == io.EOF {
			return nil
		}
		if err == nil {
			if strings.TrimSpace(line) == protocol.Terminate {
				return nil
			}
			err = protocol.CheckMessage(line)
		} else if !errors.Is(err, errTooLong) {
			return fmt.Errorf("reading the script: %w", err)
		}
		if err != nil {
			p.refused.Add(1)
			p.console.notice("line %d of the script not sent: %v", n, err)
			continue
		}
		if err := pace.wait(ctx); err != nil {
			return err
		}
		if err := p.Publish(ctx, line); err != nil {
			return err
		}
	}
}

var errTooLong = fmt.Errorf("a message of more than %d bytes, expected at most that", protocol.MaxLine)

// readLine returns the next line without its line end. An unterminated rest is
// a line (P7); a line that does not fit the buffer is skipped and errTooLong.
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

// pace lets so many lines through per second; 0 is all.
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
