// Command server is the broker of Pub/Sub Lab.
package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime/debug"

	"github.com/alecthomas/kong"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "healthcheck" {
		run(&healthcheck{}, os.Args[2:], "server healthcheck", "Exits 0 if a server answers and can take messages, else 1.")
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "journal" {
		run(&inspect{}, os.Args[2:], "server journal", "Looks into the folder of \"server --journal DIR\". It changes nothing, and a broker may use the folder meanwhile, but not while it is copied.")
		return
	}
	run(&serve{}, os.Args[1:], "server", "The broker of Pub/Sub Lab: every line a publisher sends reaches every subscriber, in one order.\n\n"+
		"\"server healthcheck [HOST:PORT]\" checks one that runs; "+
		"\"server journal check DIR\" and \"server journal cat DIR\" look into a journal on a disk.\n\n"+
		"Exit codes: 0 stopped, 1 failed, 2 wrong usage.")
}

// noValue is what kong says of a flag without a value.
var noValue = regexp.MustCompile(`expected \S+ value but got .*`)

// secret is what an address of NATS may hold before its host, wherever it was given.
var secret = regexp.MustCompile(`[^\s"=]*@`)

// usageError is an error of the arguments. It does not repeat what may be a password or token.
type usageError struct{ error }

func (e usageError) Error() string { return secret.ReplaceAllString(e.error.Error(), "…@") }

func (e usageError) Unwrap() error { return e.error }

// version returns which server this is, and of which Go.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version + " " + info.GoVersion
}

// run parses the arguments into a command and runs it.
func run(command any, args []string, name, description string) {
	parser := kong.Must(command, append(flagParsing,
		kong.Name(name), kong.Description(description),
		kong.Vars{"version": "server " + version()}, kong.ShortUsageOnError(),
		kong.Exit(func(code int) {
			if code != 0 {
				code = 2
			}
			os.Exit(code)
		}),
	)...)
	parsed, err := parser.Parse(args)
	var wrong *kong.ParseError
	if errors.As(err, &wrong) && noValue.MatchString(err.Error()) {
		err = errors.New(noValue.ReplaceAllString(err.Error(), "expected a value, as in --flag=VALUE"))
	}
	if err != nil {
		err = usageError{err}
	}
	parser.FatalIfErrorf(err)
	if err := parsed.Run(); err != nil {
		if !errors.Is(err, errTold) {
			fmt.Fprintln(os.Stderr, "server:", err)
		}
		os.Exit(1)
	}
}
