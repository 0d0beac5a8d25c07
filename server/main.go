// Command server is the broker of Pub/Sub Lab.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/dustin/go-humanize"

	"pubsublab/protocol"
	"pubsublab/server/broker"
	"pubsublab/server/journal"
	"pubsublab/server/journal/jetstream"
)

type serve struct {
	Port uint16 `arg:"" default:"5000" env:"PUBSUB_PORT" help:"TCP port to listen on; 0 for any free one."`
	Host string `env:"PUBSUB_HOST" help:"Address to listen on (default: all)."`

	MaxClients    int           `default:"20000" env:"PUBSUB_MAX_CLIENTS" help:"Connections served at once; 0 for no limit."`
	MaxPerAddress int           `default:"0" env:"PUBSUB_MAX_PER_ADDRESS" help:"Connections served at once for one IP address; 0 for no limit."`
	History       size          `default:"64MiB" env:"PUBSUB_HISTORY" help:"Memory for messages: what new subscribers can ask for, and how far slow ones may lag. At least 1MiB."`
	Slow          string        `enum:"block,disconnect" default:"block" env:"PUBSUB_SLOW" help:"When history is full of what a slow subscriber has not taken: let publishers wait (block), or disconnect it."`
	StallTimeout  time.Duration `default:"30s" env:"PUBSUB_STALL_TIMEOUT" help:"Disconnect a client that takes nothing of what is sent to it for this long."`
	DrainTimeout  time.Duration `default:"10s" env:"PUBSUB_DRAIN_TIMEOUT" help:"Time to deliver what was accepted when the server is stopped."`
	ExitIdle      time.Duration `default:"0s" env:"PUBSUB_EXIT_IDLE" help:"Exit this long after the last client has left; 0 for never."`

	Journal    string `group:"Several brokers" default:"memory" env:"PUBSUB_JOURNAL" placeholder:"nats://HOST:PORT,..." help:"Keep the order on a JetStream stream of these NATS servers, which other brokers can share; or in memory (default)."`
	Stream     string `group:"Several brokers" default:"pubsublab" env:"PUBSUB_STREAM" help:"The stream's name. It is created if there is none."`
	Replicas   int    `group:"Several brokers" default:"0" env:"PUBSUB_REPLICAS" help:"How many NATS servers keep a stream that is created, 1 to 5; 0 for 3 where --journal names as many, else 1."`
	StreamSize size   `group:"Several brokers" default:"1GiB" env:"PUBSUB_STREAM_SIZE" help:"How much a stream that is created keeps. At least 128MiB."`

	TLSCert     string `group:"Security" name:"tls-cert" env:"PUBSUB_TLS_CERT" placeholder:"FILE" help:"Speak TLS with this certificate chain (PEM)."`
	TLSKey      string `group:"Security" name:"tls-key" env:"PUBSUB_TLS_KEY" placeholder:"FILE" help:"Its private key (PEM)."`
	TLSClientCA string `group:"Security" name:"tls-client-ca" env:"PUBSUB_TLS_CLIENT_CA" placeholder:"FILE" help:"Serve only clients with a certificate of these authorities (PEM)."`
	TokenFile   string `group:"Security" env:"PUBSUB_TOKEN_FILE" placeholder:"FILE" help:"Serve only clients that know one of the tokens in FILE, one a line; # begins a comment."`

	Echo      bool       `env:"PUBSUB_ECHO" help:"Log every published line."`
	LogFormat string     `enum:"text,json" default:"text" env:"PUBSUB_LOG_FORMAT" help:"Log as text or json, on standard error."`
	LogLevel  slog.Level `default:"info" env:"PUBSUB_LOG_LEVEL" help:"Least level to log: debug, info, warn or error."`

	Version kong.VersionFlag `help:"Print the version and exit."`
}

type healthcheck struct {
	Address string `arg:"" default:"127.0.0.1:5000" name:"host:port" help:"Server to check."`
	TLSCert string `name:"tls-cert" env:"PUBSUB_TLS_CERT" placeholder:"FILE" help:"The server speaks TLS, with this certificate."`
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "healthcheck" {
		run(&healthcheck{}, os.Args[2:], "server healthcheck", "Exits 0 if a server answers and can take messages, else 1.")
		return
	}
	run(&serve{}, os.Args[1:], "server", "The broker of Pub/Sub Lab: every line a publisher sends reaches every subscriber, in one order.\n\n"+
		"\"server healthcheck [HOST:PORT]\" checks one that runs.\n\n"+
		"Exit codes: 0 stopped, 1 failed, 2 wrong usage.")
}

// run parses the arguments into a command and runs it.
func run(command interface{ Run() error }, args []string, name, description string) {
	version := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version + " " + info.GoVersion
	}
	parser := kong.Must(command,
		kong.Name(name), kong.Description(description),
		kong.Vars{"version": "server " + version}, kong.ShortUsageOnError(),
		kong.Exit(func(code int) {
			if code != 0 {
				code = 2
			}
			os.Exit(code)
		}),
	)
	_, err := parser.Parse(args)
	parser.FatalIfErrorf(err)
	if err := command.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

// Validate tells what is wrong with the flags, for kong.
func (s *serve) Validate() error {
	switch {
	case s.MaxClients < 0:
		return fmt.Errorf("--max-clients is %d, expected 0 or more", s.MaxClients)
	case s.MaxPerAddress < 0:
		return fmt.Errorf("--max-per-address is %d, expected 0 or more", s.MaxPerAddress)
	case (s.TLSCert == "") != (s.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key go together")
	case s.Journal != "memory" && !strings.Contains(s.Journal, "://"):
		return fmt.Errorf("--journal is %q, expected memory, or NATS servers such as nats://a:4222,b:4222", s.Journal)
	case s.Replicas < 0 || s.Replicas > 5:
		return fmt.Errorf("--replicas is %d, expected 0 to 5", s.Replicas)
	case s.StreamSize < jetstream.MinSize:
		return fmt.Errorf("--stream-size is %s, expected %s or more", humanize.IBytes(uint64(s.StreamSize)), humanize.IBytes(jetstream.MinSize))
	case s.TLSClientCA != "" && s.TLSCert == "":
		return errors.New("--tls-client-ca needs --tls-cert")
	case s.StallTimeout <= 0:
		return fmt.Errorf("--stall-timeout is %s, expected more than 0", s.StallTimeout)
	case s.DrainTimeout < 0:
		return fmt.Errorf("--drain-timeout is %s, expected 0 or more", s.DrainTimeout)
	case s.ExitIdle < 0:
		return fmt.Errorf("--exit-idle is %s, expected 0 or more", s.ExitIdle)
	}
	return nil
}

func (s *serve) Run() error {
	log := newLog(s.LogFormat, s.LogLevel)
	tokens, err := readTokens(s.TokenFile)
	if err != nil {
		return err
	}
	secure, err := s.tlsConfig()
	if err != nil {
		return err
	}
	stop, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	order, ended, err := s.openJournal(stop, log)
	if err != nil {
		return err
	}
	listener, err := s.listen()
	if err != nil {
		order.Close(context.Background())
		return err
	}
	b := broker.New(broker.Config{
		Journal:       order,
		Cache:         int(s.History),
		MaxClients:    s.MaxClients,
		MaxPerAddress: s.MaxPerAddress,
		TLS:           secure,
		Tokens:        tokens,
		CutSlow:       s.Slow == "disconnect",
		StallTimeout:  s.StallTimeout,
		IdleAfter:     s.ExitIdle,
		Echo:          s.Echo,
		Log:           log,
	})
	log.Info("listening", "addr", listener.Addr().String(), "tls", s.TLSCert != "", "tokens", len(tokens))

	signal.Ignore(syscall.SIGPIPE) // a log that nobody reads any more is no reason to end
	failed := make(chan error, 1)
	go func() { failed <- b.Serve(listener) }()
	select {
	case err = <-failed:
		log.Error("cannot accept connections any more", "error", err)
	case <-ended.Done():
		err = context.Cause(ended)
		log.Error("cannot go on with the journal", "error", err)
	case <-stop.Done():
		s.endAnyway()
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

// drainGrace is how long the process may take to end after its clients.
const drainGrace = 3 * time.Second

// endAnyway ends the process soon after --drain-timeout whatever happens: a log
// that is open and not read, such as a full pipe, holds up whoever writes to it,
// and saying so would too.
func (s *serve) endAnyway() { time.AfterFunc(s.DrainTimeout+drainGrace, func() { os.Exit(1) }) }

// openJournal returns the journal, and a context that ends with the cause when
// the journal cannot go on.
func (s *serve) openJournal(stop context.Context, log *slog.Logger) (journal.Journal, context.Context, error) {
	if s.Journal == "memory" {
		return journal.NewMemory(int(s.History)), context.Background(), nil
	}
	replicas := s.Replicas
	if replicas == 0 {
		replicas = 1
		if strings.Count(s.Journal, ",") >= 2 {
			replicas = 3
		}
	}
	const patience = 30 * time.Second // of a cluster that starts too
	ctx, cancel := context.WithTimeout(stop, patience)
	defer cancel()
	j, err := jetstream.Connect(ctx, jetstream.Config{
		Servers: s.Journal, Stream: s.Stream, Replicas: replicas, Size: int64(s.StreamSize), History: int(s.History), Log: log,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("--journal: %w", err)
	}
	return j, j.Life(), nil
}

func newLog(format string, level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == "json" {
		options.ReplaceAttr = func(_ []string, a slog.Attr) slog.Attr {
			if a.Value.Kind() == slog.KindString {
				a.Value = slog.StringValue(visible(a.Value.String()))
			}
			return a
		}
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}

// visible shows what cannot be seen as an escape: JSON lets much of it through
// that can drive a terminal. The text format does this by itself.
func visible(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return s
	}
	quoted := strconv.Quote(s)
	return quoted[1 : len(quoted)-1]
}

func (h *healthcheck) Run() error {
	const patience = 2 * time.Second
	conn, err := net.DialTimeout("tcp", h.Address, patience)
	if err != nil {
		return fmt.Errorf("no server at %s: %w", h.Address, err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if h.TLSCert != "" {
		if conn, err = secure(conn, h.TLSCert); err != nil {
			return err
		}
	}
	r := bufio.NewReader(conn)
	prompt := make([]byte, len(protocol.Prompt))
	var op *net.OpError
	if _, err := io.ReadFull(r, prompt); errors.As(err, &op) && op.Op == "remote error" {
		return nil // a TLS alert: it wants a client's certificate, but it is alive
	} else if err != nil {
		return fmt.Errorf("%s accepts connections but does not ask for a role: %w", h.Address, err)
	}
	if strings.HasPrefix(string(prompt), protocol.ErrorPrefix) {
		return nil // it may be full, but it is alive
	}
	if string(prompt) != protocol.Prompt {
		return fmt.Errorf("%s is something else: it says %q", h.Address, prompt)
	}
	if _, err := fmt.Fprintln(conn, protocol.HealthCheck); err != nil {
		return fmt.Errorf("%s does not hear what it is asked: %w", h.Address, err)
	}
	answer, err := r.ReadString('\n')
	if err != nil {
		return fmt.Errorf("%s does not say how it is: %w", h.Address, err)
	}
	if answer = strings.TrimSpace(answer); answer != protocol.Healthy {
		return fmt.Errorf("%s says: %s", h.Address, strings.TrimPrefix(answer, protocol.ErrorPrefix))
	}
	return nil
}

// size is a number of bytes, for flags.
type size int

func (s *size) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n < journal.MinHistory || n > 1<<40 {
		return fmt.Errorf("bad size %q, expected 1MiB or more, such as 64MiB", text)
	}
	*s = size(n)
	return nil
}
