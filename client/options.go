package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"pubsublab/client/pubsub"
	"pubsublab/protocol"
)

const description = `Publishes lines to, or shows the lines of, a server of Pub/Sub Lab.

A publisher sends each typed line, or each line of a script, as a message; the line "terminate", Ctrl+D or Ctrl+C ends it. ` +
	`A subscriber prints the messages of all publishers, and at the end one summary line; "terminate", Ctrl+D or Ctrl+C ends it too. ` +
	`Without a ROLE it asks for one.

Exit codes: 0 everything was delivered, and --count or --publishers reached; 1 not so, or failed; 2 wrong usage.`

// options is the command line.
type options struct {
	Host     string `arg:"" help:"Server to connect to. As HOST:PORT, without a PORT behind it, there may be several with commas between: brokers that share one order. The client goes on at the next one when it loses the first."`
	Port     string `arg:"" optional:"" help:"Its TCP port."`
	Role     string `arg:"" optional:"" help:"PUBLISHER or SUBSCRIBER, in any case."`
	TopicArg string `arg:"" optional:"" name:"topic" help:"The same as --topic."`

	Name  string        `env:"PUBSUB_NAME" placeholder:"NAME" help:"Name that others see (default: your IP:PORT). With one, a publisher loses and doubles nothing when its connection breaks."`
	Topic string        `env:"PUBSUB_TOPIC" placeholder:"TOPIC" help:"Topic of what you publish, such as sea.light; or the topics to subscribe to, where * stands for one word and > for the rest, such as 'sea.>'."`
	Retry time.Duration `env:"PUBSUB_RETRY" default:"30s" help:"Time to go on trying when there is no connection; 0 to try once."`

	TLS       bool   `group:"Security" name:"tls" env:"PUBSUB_TLS" help:"Speak TLS, with a server that the system's authorities vouch for."`
	TLSCA     string `group:"Security" name:"tls-ca" env:"PUBSUB_TLS_CA" placeholder:"FILE" help:"Speak TLS, with a server that these authorities vouch for (PEM)."`
	TLSCert   string `group:"Security" name:"tls-cert" env:"PUBSUB_TLS_CERT" placeholder:"FILE" help:"Certificate by which the server knows you (PEM)."`
	TLSKey    string `group:"Security" name:"tls-key" env:"PUBSUB_TLS_KEY" placeholder:"FILE" help:"Its private key (PEM)."`
	TokenFile string `group:"Security" env:"PUBSUB_TOKEN_FILE" placeholder:"FILE" help:"Give the token in FILE to the server."`
	Token     string `group:"Security" env:"PUBSUB_TOKEN" placeholder:"TOKEN" help:"Give this token to the server. Others on this machine can see it among the arguments: prefer the file or the variable."`

	Script string  `group:"Publisher" env:"PUBSUB_SCRIPT" placeholder:"FILE" help:"Publish the lines of FILE; - is standard input."`
	Rate   float64 `group:"Publisher" env:"PUBSUB_RATE" placeholder:"N" help:"Lines per second from a script or a pipe (default: as fast as possible)."`

	Undelivered string `group:"Publisher" env:"PUBSUB_UNDELIVERED" placeholder:"FILE" help:"Write the lines that could not be delivered to FILE: those not acknowledged, and the rest of a script. It is left empty when all were."`

	From       protocol.From   `group:"Subscriber" env:"PUBSUB_FROM" placeholder:"FROM" help:"Begin with: new messages (new, the default), the oldest kept (first), the last 10 (--from=-10), or a position."`
	Format     protocol.Format `group:"Subscriber" env:"PUBSUB_FORMAT" placeholder:"FORMAT" help:"Print messages as plain (the default), stamped, tsv or json; the last two also print who comes and goes."`
	Count      uint64          `group:"Subscriber" env:"PUBSUB_COUNT" xor:"end" placeholder:"N" help:"End after N messages."`
	Publishers int             `group:"Subscriber" env:"PUBSUB_PUBLISHERS" xor:"end" placeholder:"N" help:"End when N publishers have come and finished, and all their lines have arrived."`
	Output     string          `group:"Subscriber" env:"PUBSUB_OUTPUT" placeholder:"FILE" help:"Also write the messages to FILE, just as they came."`

	Version kong.VersionFlag `help:"Print the version and exit."`

	addr string // as pubsub.ParseAddrs reads it
}

// usage is both forms of the command line.
const usage = `Usage: client HOST PORT [ROLE [TOPIC]] [flags]
       client HOST:PORT[,HOST:PORT...] [ROLE [TOPIC]] [flags]
`

// parse reads the command line. Unless ok, it has said why not, or what was
// asked for, and exit is the exit code.
func parse(args []string, stdout, stderr io.Writer) (o *options, exit int, ok bool) {
	version := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version + " " + info.GoVersion
	}
	o = &options{}
	exited := false
	parser := kong.Must(o,
		kong.Name("client"), kong.Description(description), kong.Writers(stdout, stderr),
		kong.Vars{"version": "client " + version}, kong.ShortUsageOnError(),
		kong.Exit(func(int) { exited = true }),
		kong.ConfigureHelp(kong.HelpOptions{NoAppSummary: true}), // which knows one form only
		kong.Help(func(options kong.HelpOptions, ctx *kong.Context) error {
			io.WriteString(ctx.Stdout, usage)
			return kong.DefaultHelpPrinter(options, ctx)
		}),
		kong.ShortHelp(func(_ kong.HelpOptions, ctx *kong.Context) error {
			_, err := io.WriteString(ctx.Stdout, usage+"Run \"client --help\" for more information.\n")
			return err
		}),
	)
	_, err := parser.Parse(args)
	if exited {
		return nil, 0, false // --help or --version
	}
	if err != nil {
		parser.Stdout = stderr // for the usage
		parser.FatalIfErrorf(err)
		return nil, 2, false
	}
	return o, 0, true
}

// Validate is called by kong. What depends on the role waits for check.
func (o *options) Validate() error {
	if err := o.findAddr(); err != nil {
		return err
	}
	if o.TopicArg != "" {
		if o.Topic != "" && o.Topic != o.TopicArg {
			return fmt.Errorf("two topics given, %s and %s", o.TopicArg, o.Topic)
		}
		o.Topic = o.TopicArg
	}
	switch {
	case (o.TLSCert == "") != (o.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key go together")
	case o.TLSCert != "" && !o.TLS && o.TLSCA == "":
		return errors.New("--tls-cert: expected --tls or --tls-ca too")
	case o.Token != "" && o.TokenFile != "":
		return errors.New("--token and --token-file: expected one of them")
	case o.Rate < 0:
		return errors.New("--rate: expected 0 or more lines per second")
	case o.Publishers < 0:
		return errors.New("--publishers: expected 0 or more")
	case o.Retry < 0:
		return errors.New("--retry: expected 0 or more, such as 10s")
	}
	if o.Name != "" {
		if err := protocol.CheckName(o.Name); err != nil {
			return err
		}
	}
	if o.Role == "" {
		return nil
	}
	role, err := protocol.ParseRole(o.Role)
	if err != nil {
		return err
	}
	return o.check(role)
}

// check tells what does not go with a role.
func (o *options) check(role protocol.Role) error {
	var foreign []string
	given := func(is bool, flag string) {
		if is {
			foreign = append(foreign, flag)
		}
	}
	var err error
	if role == protocol.Publisher {
		given(o.From != protocol.From{}, "--from")
		given(o.Format != protocol.Plain, "--format")
		given(o.Count > 0, "--count")
		given(o.Publishers > 0, "--publishers")
		given(o.Output != "", "--output")
		if o.Topic != "" {
			err = protocol.CheckTopic(o.Topic)
		}
	} else {
		given(o.Script != "", "--script")
		given(o.Rate > 0, "--rate")
		given(o.Undelivered != "", "--undelivered")
		_, err = o.filter()
	}
	if len(foreign) > 0 {
		return fmt.Errorf("%s: not for a %s", strings.Join(foreign, ", "), strings.ToLower(role.String()))
	}
	return err
}

func (o *options) filter() (protocol.Filter, error) {
	if o.Topic == "" {
		return protocol.Filter{}, nil
	}
	return protocol.ParseFilter(o.Topic)
}

// findAddr tells HOST PORT from HOST:PORT, behind which the other arguments
// are where they are one place later behind HOST PORT.
func (o *options) findAddr() error {
	o.addr = net.JoinHostPort(o.Host, o.Port)
	if o.Host == "" {
		return errors.New("expected HOST PORT or HOST:PORT")
	}
	if _, _, err := net.SplitHostPort(o.Host); err == nil || strings.ContainsAny(o.Host, ",[") {
		if o.TopicArg != "" {
			return fmt.Errorf("unexpected argument %s, expected HOST:PORT[,HOST:PORT...] [ROLE [TOPIC]]", o.TopicArg)
		}
		o.addr, o.Port, o.Role, o.TopicArg = o.Host, "", o.Port, o.Role
	} else if o.Port == "" {
		return fmt.Errorf("%s has no port, expected HOST PORT or HOST:PORT", o.Host)
	}
	_, err := pubsub.ParseAddrs(o.addr)
	return err
}
