package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"

	"github.com/dustin/go-humanize"
	"golang.org/x/term"

	"pubsublab/protocol"
	"pubsublab/server/journal"
	"pubsublab/server/journal/disk"
)

// inspect is what is done with the folder of a journal while no broker uses it, or one does.
type inspect struct {
	Check inspectCheck `cmd:"" help:"Read everything, and name what is damaged. Exits 0 if nothing is."`
	Cat   inspectCat   `cmd:"" help:"Print the messages, as a subscriber receives them."`
	Copy  inspectCopy  `cmd:"" help:"Copy it to a new stream of NATS servers, for several brokers. The positions stay. Broken off, it goes on when called again."`
}

type inspectCheck struct {
	Dir string `arg:"" help:"The folder of server --journal."`
}

// report returns what tells of damage on standard error, and counts it.
func report(count *int) func(*disk.DamageError) error {
	return func(e *disk.DamageError) error {
		*count++
		fmt.Fprintf(os.Stderr, "server: %v. Messages missing there: %d\n", e, e.Missing)
		return nil
	}
}

func (c *inspectCheck) Run() error {
	damaged := 0
	s, err := disk.Read(c.Dir, 0, nil, report(&damaged))
	if err != nil {
		return err
	}
	const layout = "2006-01-02T15:04:05Z"
	fmt.Printf("journal %s: %d messages from position %d on, the next one is %d; %s to %s; %d runs of publishers; %d files, %s\n",
		s.ID, s.Messages, s.First, s.Next, s.From.Format(layout), s.To.Format(layout), s.Runs, s.Files, humanize.IBytes(uint64(s.Bytes)))
	if s.Unfinished > 0 {
		fmt.Printf("%d bytes at the end are not complete: a broker writes them just now, or a crash has left them, and the next start cuts them off\n", s.Unfinished)
	}
	if damaged > 0 {
		return fmt.Errorf("places that are damaged: %d", damaged)
	}
	fmt.Println("nothing is damaged")
	return nil
}

type inspectCat struct {
	Dir    string          `arg:"" help:"The folder of server --journal."`
	From   uint64          `default:"1" help:"Begin at this position."`
	Format protocol.Format `default:"plain" help:"plain, stamped, tsv or json; the last two have events, too."`
}

func (c *inspectCat) Run() error {
	out := bufio.NewWriterSize(os.Stdout, 64<<10)
	terminal := term.IsTerminal(int(os.Stdout.Fd()))
	damaged := 0
	var text []byte
	_, err := disk.Read(c.Dir, c.From, func(e *journal.Entry) error {
		switch {
		case e.Event == nil:
			text = c.Format.AppendBatch(text[:0], &protocol.Batch{Pos: e.Pos, Time: e.Time, From: e.From, Topic: e.Topic, Lines: e.Lines, Count: e.Count})
		case e.Event.Kind == protocol.Gap || c.Format.Events():
			text = c.Format.AppendEvent(text[:0], e.Event)
		default:
			return nil
		}
		if terminal { // which nobody is to drive with a message
			text = []byte(protocol.VisibleLines(string(text)))
		}
		_, err := out.Write(text)
		return err
	}, report(&damaged))
	if err := errors.Join(err, out.Flush()); err != nil {
		return err
	}
	if damaged > 0 {
		return fmt.Errorf("places that are damaged: %d", damaged)
	}
	return nil
}
