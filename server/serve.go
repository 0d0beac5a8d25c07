package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"pubsublab/protocol"
	"pubsublab/server/broker"
)

// errTold is the error of a command that has already reported what is wrong.
var errTold = errors.New("told")

// Run serves until a signal or a failure ends it. What it has to say goes through the log, which
// may be one that nobody reads.
func (s *serve) Run() error {
	signal.Ignore(syscall.SIGPIPE) // a log that nobody reads any more is no reason to end
	log, queue := s.newLog()
	err := s.serve(log, queue)
	if err != nil {
		fmt.Fprintln(queue, "server:", protocol.Visible(err.Error()))
		err = errTold
	}
	ctx, cancel := context.WithTimeout(context.Background(), logGrace)
	defer cancel()
	queue.flush(ctx)
	return err
}

func (s *serve) serve(log *slog.Logger, queue *logQueue) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP) // which never ends the server
	secrets, err := s.readSecrets(log)
	if err != nil {
		return err
	}
	stop, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	order, ended, err := s.openJournal(stop, int(s.History), log)
	if err != nil {
		return err
	}
	listener, err := s.listen()
	if err != nil {
		order.Close(context.Background())
		return err
	}
	pages, err := s.listenHTTP()
	if err != nil {
		listener.Close()
		order.Close(context.Background())
		return err
	}
	b := broker.New(broker.Config{
		Journal:       order,
		Sync:          s.syncMode(),
		Cache:         int(s.History) / cacheShare,
		MaxClients:    s.MaxClients,
		MaxPerAddress: s.MaxPerAddress,
		TLS:           secrets.config(),
		Tokens:        secrets.tokens,
		CutSlow:       s.Slow == "disconnect",
		StallTimeout:  s.StallTimeout,
		IdleAfter:     s.ExitIdle,
		Echo:          s.echo(),
		Log:           log,
		LogRoom:       queue.room,
	})
	log.Info("listening", "addr", listener.Addr().String(), "tls", s.TLSCert != "", "tokens", len(secrets.tokens))

	go s.keepMemory(stop, b.Clients)
	watching, stopWatching := context.WithCancel(context.Background())
	defer stopWatching()
	go secrets.watch(watching, hangup, b.SetTokens)
	failed := make(chan error, 2)
	go func() { failed <- b.Serve(listener) }()
	if pages != nil {
		go func() { failed <- s.serveHTTP(pages, b, listener.Addr(), log) }()
	}
	select {
	case err = <-failed:
		log.Error("cannot accept connections any more", "error", err)
	case <-ended.Done():
		err = context.Cause(ended)
		log.Error("cannot go on with the journal", "error", err)
	case <-stop.Done():
		log.Info("stopping: delivering what was accepted", "within", s.DrainTimeout)
	case <-b.Idle():
		log.Info("stopping: all clients have left")
	}
	cancel() // a second signal ends the process at once

	drain, cancelDrain := context.WithTimeoutCause(context.Background(), s.DrainTimeout,
		fmt.Errorf("not everything was delivered within %s", s.DrainTimeout))
	defer cancelDrain()
	if drainErr := b.Shutdown(drain); err == nil {
		err = drainErr
	}
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// echo reports whether published lines are logged: in the form for people at a terminal, unless a
// flag says something else.
func (s *serve) echo() bool {
	if s.Echo != nil {
		return *s.Echo
	}
	return (s.LogFormat == "auto" || s.LogFormat == "short") && atTerminal()
}
