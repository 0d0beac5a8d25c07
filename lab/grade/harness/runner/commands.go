package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/mattn/go-shellwords"

	"pubsublab/lab/grade/cage"
	"pubsublab/lab/internal/proc"
)

// Commands say how the programs of a submission are started. They are split as a shell would, and
// no shell runs them: in double or single quotes a word may hold spaces. {host} and {port} stand
// for the server's address, {port+1} for the port behind its own, {role} and {topic} for those of a
// client.
type Commands struct {
	Dir                   string   // where they run
	Server                string   // command line
	Publisher, Subscriber string   // command lines of the client in each role; the same text for one program with {role}; empty: there is no client
	Types                 []string // what is typed at a client, in order, as it starts: "{host}", "{port}", "{role}", "{topic}", or fixed text
	SubscribeLine         string   // what is typed at a subscriber that takes commands, behind Types: "/sub {topic}"; empty: nothing
	PublishLine           string   // how a message is typed at a publisher that takes commands: "/pub {topic} {text}"; empty: as it is
	Second                string   // command line of a second server, which goes on when the first one dies: {port1} is the first one's, and {port2} in the other commands this one's; without {port} its source fixes it; empty: there is none
	Port                  int      // that the source fixes; 0: {port} says it

	// Cage is where the programs run. Whoever made it closes it, behind the runner. nil: in one of the
	// runner's own, as the grader's own user.
	Cage *cage.Cage
}

// CommandsOf are the commands of one server and one client, whose role is typed where its command
// has no {role}. An empty client command means that there is no client.
func CommandsOf(dir, server, client string) Commands {
	c := Commands{Dir: dir, Server: server, Publisher: client, Subscriber: client}
	if !strings.Contains(client, "{role}") {
		c.Types = []string{"{role}"}
	}
	return c
}

// NewProcesses is the runner of [CommandsOf].
func NewProcesses(dir, server, client string) (*Processes, error) {
	return CommandsOf(dir, server, client).Runner()
}

// Runner runs the programs as processes of this machine.
func (c Commands) Runner() (*Processes, error) {
	p := &Processes{dir: c.Dir, types: c.Types, subscribeLine: c.SubscribeLine, publishLine: c.PublishLine, port: c.Port, clients: map[string][]string{}, cage: c.Cage, running: &sync.Map{}}
	if p.cage == nil {
		p.cage, p.ownCage = cage.Own(), true
	}
	var err error
	if p.server, err = c.split("server", c.Server); err != nil {
		return nil, err
	}
	if strings.Contains(c.Server+c.Publisher+c.Subscriber, "{port2}") {
		free, err := proc.FreePort(context.Background(), "")
		if err != nil {
			return nil, err
		}
		p.nobody = strconv.Itoa(free)
	}
	if c.Second != "" {
		if p.second, err = c.split("second server", c.Second); err != nil {
			return nil, err
		}
	}
	if (c.Publisher == "") != (c.Subscriber == "") {
		return nil, errors.New("there is one of publisher and subscriber; expected both or none")
	}
	for role, command := range map[string]string{Publisher: c.Publisher, Subscriber: c.Subscriber} {
		if command == "" {
			continue
		}
		which := strings.ToLower(role)
		if c.Publisher == c.Subscriber {
			which = "client"
		}
		if p.clients[role], err = c.split(which, command); err != nil {
			return nil, err
		}
	}
	if info, err := os.Stat(c.Dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s: expected a folder", c.Dir)
	}
	// A grader in the background of a script has its interrupts ignored, and programs would inherit
	// that.
	if signal.Ignored(os.Interrupt) {
		signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	}
	return p, nil
}

// split splits a command into words. One of them has to hold {port}, unless the port is fixed or
// typed; that of a second server may be fixed alone.
func (c Commands) split(which, command string) ([]string, error) {
	parser := shellwords.NewParser()
	words, err := parser.Parse(command)
	if err != nil {
		return nil, fmt.Errorf("the %s's command %q: %w", which, command, err)
	}
	if parser.Position >= 0 {
		return nil, fmt.Errorf("the %s's command %q: no shell runs it, so %q has no meaning (use sh -c '...')", which, command, command[parser.Position:])
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("the %s's command is empty", which)
	}
	typed := which != "server" && slices.Contains(c.Types, "{port}")
	if c.Port == 0 && !typed && which != "second server" && !strings.Contains(strings.ReplaceAll(command, "{port+1}", "{port}"), "{port}") {
		return nil, fmt.Errorf("the %s's command %q: expected {port} where the port goes", which, command)
	}
	return words, nil
}

// replaced puts a value in the place of a word's part.
func replaced(words []string, old, value string) []string {
	filled := make([]string, len(words))
	for i, word := range words {
		filled[i] = strings.ReplaceAll(word, old, value)
	}
	return filled
}

// fill puts values in the place of {host}, {port}, {port+1}, {role} and {topic}.
func fill(words []string, host, port, role, topic string) []string {
	next := "{port+1}"
	if n, err := strconv.Atoi(port); err == nil {
		next = strconv.Itoa(n + 1)
	}
	replace := strings.NewReplacer("{host}", host, "{port}", port, "{port+1}", next, "{role}", role, "{topic}", topic)
	filled := make([]string, len(words))
	for i, word := range words {
		filled[i] = replace.Replace(word)
	}
	return filled
}
