package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"pubsublab/client/pubsub"
	"pubsublab/protocol"
)

const description = `Publishes lines to, or shows the lines of, a server of Pub/Sub Lab.

A publisher sends each typed line, or each line of a script, as a message; the line "terminate", Ctrl+D or Ctrl+C ends it. ` +
	`A subscriber prints the messages of all publishers, and at the end one summary line; "terminate", Ctrl+D or Ctrl+C ends it too. ` +
	`Without a ROLE it asks for one, which may be answered as with nc: PUBLISHER name=ada topic=sea.

Variables that are empty, or for the other role, are ignored.

Exit codes: 0 everything was delivered, and --count or --publishers reached; 1 not so, or failed; 2 wrong usage.`

// options is the command line.
type options struct {
	Host     string `arg:"" help:"Server to connect to. As HOST:PORT, without a PORT behind it, there may be several with commas between: brokers that share one order. The client goes on at the next one when it loses the first."`
	Port     string `arg:"" optional:"" help:"Its TCP port."`
	Role     string `arg:"" optional:"" help:"PUBLISHER or SUBSCRIBER, in any case."`
	TopicArg string `arg:"" optional:"" name:"topic" help:"The same as --topic."`

	Name  string        `env:"PUBSUB_NAME" placeholder:"NAME" help:"Name that others see (default: your IP:PORT). With one, a publisher loses and doubles nothing when its connection breaks."`
	Topic string        `env:"PUBSUB_TOPIC" placeholder:"TOPIC" help:"Topic of what you publish, such as sea.light; or the topics to subscribe to, where * stands for one word and > for the rest, such as 'sea.>'."`
	Retry time.Duration `env:"PUBSUB_RETRY" default:"30s" help:"Time to go on trying when there is no connection; 0 to try once. A server that refuses for good, as with a wrong token, is not tried again."`

	TLS       bool   `group:"Security" name:"tls" env:"PUBSUB_TLS" help:"Speak TLS, with a server that the system's authorities vouch for."`
	TLSCA     string `group:"Security" name:"tls-ca" env:"PUBSUB_TLS_CA" placeholder:"FILE" help:"Speak TLS, with a server that these authorities vouch for (PEM)."`
	TLSCert   string `group:"Security" name:"tls-cert" env:"PUBSUB_TLS_CERT" placeholder:"FILE" help:"Certificate by which the server knows you (PEM)."`
	TLSKey    string `group:"Security" name:"tls-key" env:"PUBSUB_TLS_KEY" placeholder:"FILE" help:"Its private key (PEM)."`
	TokenFile string `group:"Security" env:"PUBSUB_TOKEN_FILE" placeholder:"FILE" help:"Give the token in FILE to the server."`
	Token     string `group:"Security" env:"PUBSUB_TOKEN" placeholder:"TOKEN" help:"Give this token to the server. Others on this machine can see it among the arguments: prefer the file or the variable."`

	Script string  `group:"Publisher" env:"PUBSUB_SCRIPT" placeholder:"FILE" help:"Publish the lines of FILE, UTF-8; - is standard input."`
	Rate   float64 `group:"Publisher" env:"PUBSUB_RATE" placeholder:"N" help:"Lines per second from a script or a pipe (default: as fast as possible)."`

	Undelivered string `group:"Publisher" env:"PUBSUB_UNDELIVERED" placeholder:"FILE" help:"Write the lines that could not be delivered to FILE: those not acknowledged, and the rest of a script. It is left empty when all were."`

	From       protocol.From   `group:"Subscriber" env:"PUBSUB_FROM" placeholder:"FROM" help:"Begin with: new messages (new, the default), the oldest kept (first), the last 10 (--from -10), or a position."`
	Format     protocol.Format `group:"Subscriber" env:"PUBSUB_FORMAT" placeholder:"FORMAT" help:"Print messages as plain (the default), stamped, tsv or json; the last two also print who comes and goes."`
	Count      uint64          `group:"Subscriber" env:"PUBSUB_COUNT" xor:"end" placeholder:"N" help:"End after N messages."`
	Publishers int             `group:"Subscriber" env:"PUBSUB_PUBLISHERS" xor:"end" placeholder:"N" help:"End when N publishers have come and finished, and all their lines have arrived."`

	PublisherTimeout time.Duration `group:"Subscriber" env:"PUBSUB_PUBLISHER_TIMEOUT" placeholder:"DURATION" help:"Fail when no publisher has been online for this long, such as 20s (default: wait for ever)."`

	Output string `group:"Subscriber" env:"PUBSUB_OUTPUT" placeholder:"FILE" help:"Also write the messages to FILE, just as they came. It is emptied when there is a server."`

	OutputFormat *protocol.Format `group:"Subscriber" env:"PUBSUB_OUTPUT_FORMAT" placeholder:"FORMAT" help:"Format of --output (default: that of --format). Only tsv and json keep positions, by which what was received can be checked."`

	Version kong.VersionFlag `help:"Print the version and exit."`

	addr  string              // as pubsub.ParseAddrs reads it
	given map[string][]string // by the group of help: the flags that are on the command line
}

// The groups of flags that are for one role only.
const (
	publisherFlags  = "Publisher"
	subscriberFlags = "Subscriber"
)

// usage is both forms of the command line.
const usage = `Usage: client HOST PORT [ROLE [TOPIC]] [flags]
       client HOST:PORT[,HOST:PORT...] [ROLE [TOPIC]] [flags]
`

// parse reads the command line. Unless ok, it has said why not, or what was asked for, and exit is
// the exit code.
func parse(args []string, stdout, stderr io.Writer) (o *options, exit int, ok bool) {
	version := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version + " " + info.GoVersion
	}
	o = &options{}
	exited := false
	parser := kong.Must(o,
		kong.Name("client"), kong.Description(description), kong.Writers(stdout, stderr),
		kong.Vars{"version": "client " + version},
		parsed(time.ParseDuration, "a duration such as 500ms, 30s or 1m30s"),
		parsed(strconv.Atoi, "a whole number"),
		parsed(func(text string) (uint64, error) { return strconv.ParseUint(text, 10, 64) }, "a whole number, 0 or more"),
		parsed(func(text string) (float64, error) { return strconv.ParseFloat(text, 64) }, "a number"),
		kong.Exit(func(int) { exited = true }),
		kong.ConfigureHelp(kong.HelpOptions{NoAppSummary: true}), // which knows one form only
		kong.Help(func(options kong.HelpOptions, ctx *kong.Context) error {
			io.WriteString(ctx.Stdout, usage)
			return kong.DefaultHelpPrinter(options, ctx)
		}),
	)
	_, err := parser.Parse(joinNumbers(args))
	if exited {
		return nil, 0, false // --help or --version
	}
	if errors.Is(err, syscall.EPIPE) {
		return nil, 0, false // whoever reads the help has seen enough
	}
	if err != nil {
		fmt.Fprintf(stderr, "%sRun \"client --help\" for more information.\n\nclient: error: %s\n", usage, plainer(err))
		return nil, 2, false
	}
	return o, 0, true
}

// plainer replaces kong's words for a flag without a value by plain ones.
func plainer(err error) string {
	return strings.NewReplacer(` but got "EOL" (<EOL>)`, "", "expected value value", "expected a value").Replace(err.Error())
}

// parsed makes kong read values of type T with parse, and say what was expected.
func parsed[T any](parse func(string) (T, error), expected string) kong.Option {
	return kong.TypeMapper(reflect.TypeFor[T](), kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
		var text string
		if err := ctx.Scan.PopValueInto("value", &text); err != nil {
			return err
		}
		value, err := parse(text)
		if err != nil {
			return fmt.Errorf("got %q, expected %s", text, expected)
		}
		target.Set(reflect.ValueOf(value))
		return nil
	}))
}

// negative is a number that looks like a flag.
var negative = regexp.MustCompile(`^-[0-9]`)

// joinNumbers makes --from -10 one argument, as kong wants it.
func joinNumbers(args []string) (joined []string) {
	for i, arg := range args {
		if n := len(joined); i > 0 && negative.MatchString(arg) && strings.HasPrefix(args[i-1], "--") && len(args[i-1]) > 2 && !strings.Contains(args[i-1], "=") {
			joined[n-1] += "=" + arg
		} else {
			joined = append(joined, arg)
		}
	}
	return joined
}

// BeforeReset is called by kong when the command line has been read and the environment has not.
// Variables that are empty, or of the other role, are as if they were not there: a file of settings
// may be for both.
func (o *options) BeforeReset(ctx *kong.Context) error {
	var args [3]string // HOST PORT ROLE, or HOST:PORT ROLE
	n := 0
	o.given = map[string][]string{}
	for _, p := range ctx.Path {
		switch {
		case p.Positional != nil && n < len(args):
			args[n] = ctx.Value(p).String()
			n++
		case p.Flag != nil && p.Flag.Name == "help": // shows the variables
			return nil
		case p.Flag != nil && p.Flag.Group != nil:
			o.given[p.Flag.Group.Key] = append(o.given[p.Flag.Group.Key], "--"+p.Flag.Name)
		}
	}
	role := args[2]
	if isAddr(args[0]) {
		role = args[1]
	}
	foreign := ""
	if r, err := protocol.ParseRole(role); err == nil {
		foreign = otherFlags(r)
	}
	for _, flag := range ctx.Model.Flags {
		of := flag.Group != nil && flag.Group.Key == foreign
		empty := len(flag.Tag.Envs) > 0 && os.Getenv(flag.Tag.Envs[0]) == ""
		if of || empty {
			flag.Tag.Envs = nil
		}
	}
	return nil
}

// otherFlags returns the group of flags that are not for a role.
func otherFlags(role protocol.Role) string {
	if role == protocol.Publisher {
		return subscriberFlags
	}
	return publisherFlags
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
	case o.PublisherTimeout < 0:
		return errors.New("--publisher-timeout: expected 0 or more, such as 20s")
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

// check returns what does not go with a role. Variables of the other role do no harm.
func (o *options) check(role protocol.Role) error {
	if flags := o.given[otherFlags(role)]; len(flags) > 0 {
		return fmt.Errorf("%s: not for a %s", strings.Join(flags, ", "), strings.ToLower(role.String()))
	}
	switch {
	case role == protocol.Publisher && !(o.Rate >= 0): // not a number, too
		return errors.New("--rate: expected 0 or more lines per second")
	case role == protocol.Publisher && o.Topic != "":
		return protocol.CheckTopic(o.Topic)
	case role == protocol.Subscriber && o.Publishers < 0:
		return errors.New("--publishers: expected 0 or more")
	case role == protocol.Subscriber:
		_, err := o.filter()
		return err
	}
	return nil
}

func (o *options) filter() (protocol.Filter, error) {
	if o.Topic == "" {
		return protocol.Filter{}, nil
	}
	return protocol.ParseFilter(o.Topic)
}

// isAddr reports whether the first argument is HOST:PORT, or several of them, rather than a HOST.
// An IPv6 address without a port is a HOST.
func isAddr(host string) bool {
	_, _, err := net.SplitHostPort(host)
	return err == nil || strings.Contains(host, ",")
}

// findAddr distinguishes HOST PORT from HOST:PORT, where the other arguments are one place earlier.
func (o *options) findAddr() error {
	host := o.Host
	if inner, ok := strings.CutPrefix(host, "["); ok && strings.HasSuffix(inner, "]") && !isAddr(host) {
		host = strings.TrimSuffix(inner, "]") // an IPv6 address as in HOST:PORT
	}
	o.addr = net.JoinHostPort(host, o.Port)
	if o.Host == "" {
		return errors.New("expected HOST PORT or HOST:PORT")
	}
	if isAddr(o.Host) {
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
