package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/dustin/go-humanize"

	"pubsublab/server/journal"
	"pubsublab/server/journal/disk"
	"pubsublab/server/journal/jetstream"
)

type inspectCopy struct {
	Dir     string `arg:"" help:"The folder of server --journal. No broker may use it meanwhile."`
	Servers string `arg:"" placeholder:"nats://HOST:PORT,..." help:"The NATS servers."`
	natsOptions
}

// Validate tells what is wrong with the arguments, for kong.
func (c *inspectCopy) Validate() error {
	if !strings.Contains(c.Servers, "://") {
		return errors.New("expected NATS servers such as nats://a:4222,b:4222") // it may hold a password
	}
	return c.natsOptions.check()
}

func (c *inspectCopy) Run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	release, err := disk.Hold(c.Dir)
	if err != nil {
		return err
	}
	defer release()
	damaged := 0
	s, err := disk.Read(c.Dir, 0, nil, report(&damaged))
	if err == nil && damaged > 0 {
		err = fmt.Errorf("places that are damaged: %d. Start a broker once with --damaged=gap, and let subscribers read what is left; positions cannot be left out of a stream", damaged)
	}
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if least := s.Bytes + s.Bytes/4; int64(c.StreamSize) < least {
		log.Warn("the stream may become too small for all of it, and forgets the oldest then: see --stream-size", "stream", humanize.IBytes(uint64(c.StreamSize)), "folder", humanize.IBytes(uint64(s.Bytes)))
	}
	fmt.Printf("copying journal %s, %d messages from position %d on\n", s.ID, s.Messages, s.First)
	err = jetstream.Copy(ctx, c.config(c.Servers, journal.MinHistory, log), jetstream.Origin{
		ID: s.ID, First: s.First, Next: s.Next,
		Entries: func(take func(*journal.Entry) error) error {
			_, err := disk.Read(c.Dir, 0, take, func(e *disk.DamageError) error { return e })
			return err
		},
	})
	if err == nil {
		fmt.Printf("copied to the stream %s: start brokers with --journal of these servers; the next position is %d\n", c.Stream, s.Next)
	}
	return err
}
