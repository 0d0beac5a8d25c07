package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/dustin/go-humanize"

	"pubsublab/server/journal"
)

type serve struct {
	Port port   `arg:"" default:"5000" env:"PUBSUB_PORT" help:"TCP port to listen on; 0 for any free one."`
	Host string `env:"PUBSUB_HOST" help:"Address to listen on (default: all)."`

	MaxClients    int           `default:"20000" env:"PUBSUB_MAX_CLIENTS" help:"Connections served at once; 0 for no limit."`
	MaxPerAddress int           `default:"0" env:"PUBSUB_MAX_PER_ADDRESS" help:"Connections served at once for one IP address; 0 for no limit."`
	History       size          `default:"64MiB" env:"PUBSUB_HISTORY" help:"Memory for messages: what new subscribers can ask for, and how far slow ones may lag. At least 1MiB."`
	Slow          string        `enum:"block,disconnect" default:"block" env:"PUBSUB_SLOW" help:"When history is full of what a slow subscriber has not taken: let publishers wait (block), or disconnect it."`
	StallTimeout  time.Duration `default:"30s" env:"PUBSUB_STALL_TIMEOUT" help:"Disconnect a client that takes nothing of what is sent to it for this long."`
	DrainTimeout  time.Duration `default:"10s" env:"PUBSUB_DRAIN_TIMEOUT" help:"Time to deliver what was accepted when the server is stopped."`
	ExitIdle      time.Duration `default:"0s" env:"PUBSUB_EXIT_IDLE" help:"Exit this long after the last client has left; 0 for never."`

	HTTP    string  `name:"http" group:"Browsers" env:"PUBSUB_HTTP" placeholder:"[HOST]:PORT" help:"Serve HTTP, too: a page, /subscribe, /publish, /connz, /healthz and /metrics (default: not)."`
	HTTPURL pageURL `name:"http-url" group:"Browsers" env:"PUBSUB_HTTP_URL" placeholder:"URL" help:"Where browsers find it, if not at that address: for the log, and as the one name with a dot by which they may ask for it."`

	journalOptions

	TLSCert     string `group:"Security" name:"tls-cert" env:"PUBSUB_TLS_CERT" placeholder:"FILE" help:"Speak TLS with this certificate chain (PEM). It is read again when it changes, and on SIGHUP; so are the files below."`
	TLSKey      string `group:"Security" name:"tls-key" env:"PUBSUB_TLS_KEY" placeholder:"FILE" help:"Its private key (PEM)."`
	TLSClientCA string `group:"Security" name:"tls-client-ca" env:"PUBSUB_TLS_CLIENT_CA" placeholder:"FILE" help:"Serve only clients with a certificate of these authorities (PEM)."`
	TokenFile   string `group:"Security" env:"PUBSUB_TOKEN_FILE" placeholder:"FILE" help:"Serve only clients that know one of the tokens in FILE, one a line; # begins a comment."`

	Echo      *bool      `negatable:"" env:"PUBSUB_ECHO" help:"Log every published line (default: at a terminal)."`
	LogFormat string     `enum:"auto,short,text,json" default:"auto" env:"PUBSUB_LOG_FORMAT" help:"Log on standard error in short lines for a person (short), as text (key=value) or json. Auto is short at a terminal, and text elsewhere."`
	LogLevel  slog.Level `default:"info" env:"PUBSUB_LOG_LEVEL" help:"Least level to log: debug, info, warn or error."`

	Version kong.VersionFlag `help:"Print the version and exit."`
}

type healthcheck struct {
	Address string `arg:"" default:"127.0.0.1:5000" name:"host:port" help:"Server to check."`
	TLSCert string `name:"tls-cert" env:"PUBSUB_TLS_CERT" placeholder:"FILE" help:"The server speaks TLS. Which certificate it has is not checked."`
}

// Validate returns what is wrong with the flags; kong calls it.
func (s *serve) Validate() error {
	switch {
	case s.MaxClients < 0:
		return fmt.Errorf("--max-clients is %d, expected 0 or more", s.MaxClients)
	case s.MaxPerAddress < 0:
		return fmt.Errorf("--max-per-address is %d, expected 0 or more", s.MaxPerAddress)
	case (s.TLSCert == "") != (s.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key go together")
	case s.TLSClientCA != "" && s.TLSCert == "":
		return errors.New("--tls-client-ca needs --tls-cert")
	case s.StallTimeout <= 0:
		return fmt.Errorf("--stall-timeout is %s, expected more than 0", s.StallTimeout)
	case s.DrainTimeout < 0:
		return fmt.Errorf("--drain-timeout is %s, expected 0 or more", s.DrainTimeout)
	case s.HTTP == "" && s.HTTPURL.Host != "":
		return errors.New("--http-url needs --http")
	case s.ExitIdle < 0:
		return fmt.Errorf("--exit-idle is %s, expected 0 or more", s.ExitIdle)
	}
	return s.journalOptions.check()
}

// errValue is what every flag answers to a value that it cannot use.
func errValue(got, expected string) error { return fmt.Errorf("got %q, expected %s", got, expected) }

// size is a number of bytes, for flags.
type size int

func (s *size) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n < journal.MinHistory || n > 1<<40 {
		return errValue(string(text), "1MiB or more, such as 64MiB")
	}
	*s = size(n)
	return nil
}

// port is a TCP port, for arguments.
type port uint16

func (p *port) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 10, 16)
	if err == nil {
		*p = port(n)
		return nil
	}
	expected := "a port from 0 to 65535"
	if strings.Contains(string(text), "://") {
		expected += ". Kubernetes sets PUBSUB_PORT to such an address where a service is called pubsub: give the port as an argument"
	}
	return errValue(string(text), expected)
}

// pageURL is where browsers find a page, for flags; its host is "" for not given.
type pageURL struct{ url.URL }

func (u *pageURL) UnmarshalText(text []byte) error {
	given, err := url.Parse(string(text))
	if err != nil || given.Scheme != "http" && given.Scheme != "https" || given.Host == "" || strings.Trim(given.Path, "/") != "" || given.User != nil {
		return errValue(string(text), "an address without a path, such as https://broker.example.org")
	}
	u.URL = *given
	return nil
}

// flagParsing is how kong reads the values of flags, arguments and variables.
var flagParsing = []kong.Option{
	parsed(time.ParseDuration, "a duration such as 500ms, 30s or 1m30s"),
	parsed(strconv.Atoi, "a whole number"),
	parsed(func(text string) (l slog.Level, err error) {
		err = l.UnmarshalText([]byte(text))
		return l, err
	}, "debug, info, warn or error"),
	// With a resolver, kong forgives a bad variable where the value is given as an argument, too.
	kong.Resolvers(kong.ResolverFunc(func(*kong.Context, *kong.Path, *kong.Flag) (any, error) { return nil, nil })),
}

// parsed makes kong read values of type T with parse, whose errors say what was expected.
func parsed[T any](parse func(string) (T, error), expected string) kong.Option {
	return kong.TypeMapper(reflect.TypeFor[T](), kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
		var text string
		if err := ctx.Scan.PopValueInto("value", &text); err != nil {
			return err
		}
		value, err := parse(text)
		if err != nil {
			return errValue(text, expected)
		}
		target.Set(reflect.ValueOf(value))
		return nil
	}))
}
