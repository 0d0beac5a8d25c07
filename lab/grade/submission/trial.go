package submission

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
	"pubsublab/lab/internal/proc"
)

// level is how far a trial of programs came.
type level int

const (
	nothingYet level = iota
	listening        // the server takes connections
	dropped          // the server ends the connection of a client
	connected        // a client connects and stays
	shown            // what is typed at a client is shown by the server
	delivered        // what is typed at a publisher is shown at a subscriber
)

// goal is how far programs of a step can come.
func (u unit) goal() level {
	switch {
	case len(u.programs()) == 0:
		return listening
	case !u.roles:
		return shown
	}
	return delivered
}

var (
	aPort = regexp.MustCompile(`\b[1-9]\d{3,4}\b`)
	// anAddress matches addresses of one machine in one house.
	anAddress = regexp.MustCompile(`\b(?:192\.168|10\.\d{1,3}|172\.(?:1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}\b`)
	usage     = regexp.MustCompile(`(?i)usage|expected|argument`)
)

// How long is waited for in trials.
const (
	listenLimit  = 20 * time.Second       // until a server listens; a compiler or a JVM on a busy machine is slow
	settleTime   = 600 * time.Millisecond // in which one that listens elsewhere may still listen where it was asked
	deliverLimit = 5 * time.Second        // until a message arrives
)

// try builds a unit and finds out how its programs are called.
func (f *finder) try(ctx context.Context, u unit) *found {
	one := &found{unit: u}
	one.settings.Dir = u.dir
	if u.dir == "." {
		one.settings.Dir = ""
	}
	run, ok := f.equip(ctx, u, one, &one.settings, &u.server)
	if !ok {
		return one
	}
	began := time.Now()
	defer func() { f.spent += time.Since(began) }()
	servers := f.servers(ctx, u, one, run[&u.server].run)
	if len(servers) == 0 {
		return one
	}
	one.settings.Server, one.settings.Port = servers[0].command, servers[0].port
	f.casts(ctx, u, one, servers[0], began)
	return one
}

// equip builds programs, and adds to settings how. It returns false, and says why, where one cannot
// be built.
func (f *finder) equip(ctx context.Context, u unit, one *found, s *Settings, programs ...*program) (map[*program]recipe, bool) {
	recipes := map[*program]recipe{}
	for _, p := range programs {
		if note := f.moved[p.source]; note != "" && !slices.Contains(one.notes, note) {
			one.notes = append(one.notes, note)
		}
		r, why, output := f.prepare(ctx, u, *p)
		if why != "" {
			one.why, one.output = why, output
			return nil, false
		}
		recipes[p] = r
		if strings.HasPrefix(r.run[0], "./") {
			p.binary = path.Base(r.run[0])
		}
		for _, command := range r.build {
			if !slices.Contains(s.Build, command) {
				s.Build = append(slices.Clip(s.Build), command)
			}
		}
	}
	return recipes, true
}

// localAddresses makes a copy that names the address of the student's own machine work on this one.
// Nothing of the submission may run yet.
func (f *finder) localAddresses() {
	for _, p := range f.tree.programs() {
		text := f.tree.texts[p.source]
		for line := range strings.Lines(p.text) {
			found := anAddress.FindString(line)
			if found == "" || inProse.MatchString(line) {
				continue
			}
			line = strings.TrimRight(line, "\n")
			changed := strings.ReplaceAll(text, line, strings.ReplaceAll(line, found, proc.Loopback))
			if changed != text && f.tree.rewrite(p.source, changed) == nil {
				text = changed
				f.moved[p.source] = fmt.Sprintf("%s names the address %s, which is that of another machine; in the copy that is graded it is %s.", p.source, found, proc.Loopback)
			}
		}
	}
}

// inProse matches lines in which an address is an example.
var inProse = regexp.MustCompile(`(?i)usage|print|e\.g|example|help`)

// What opens sockets for datagrams, and for connections.
var (
	datagrams = regexp.MustCompile(`SOCK_DGRAM|DatagramSocket|DatagramChannel|DatagramProtocol|createSocket\(|ListenUDP|ListenPacket|UdpSocket`)
	streams   = regexp.MustCompile(`SOCK_STREAM|ServerSocket|createServer|TcpListener|net\.Listen\(|\blisten\s*\(`)
)

// started is a way to start the server that was seen to work.
type started struct {
	command string
	port    int  // that its source fixes
	next    bool // it listens on the port behind that one, too
}

// servers finds the way in which the server is called.
func (f *finder) servers(ctx context.Context, u unit, one *found, run []string) []started {
	var fixed []started
	calls := u.server.calls(f.guides(u))
	if _, second := f.portPair(u); second == "" { // a port behind its own is that of another server only where there is one
		for _, c := range calls {
			for i, arg := range c.args {
				c.args[i] = strings.ReplaceAll(arg, "{port2}", "{port+1}")
			}
		}
	}
	const most = 8
	for i := 0; i < len(calls) && i < most && f.left(ctx); i++ {
		c := calls[i]
		command := c.command(run, "", "")
		if c.has("{role}") || c.has("{topic}") || c.has("{name}") {
			continue
		}
		f.options.Progress("starting the server: " + command)
		r := f.listen(ctx, one.settings.Dir, command)
		switch {
		case slices.Contains(r.ports, r.asked):
			f.tried("Server: %s listens on the port that it was given (%s).", command, c.from)
			if len(r.ports) > 1 {
				one.notes = append(one.notes, fmt.Sprintf("The server listens on other ports beside the one that it was given: %s.", numbers(r.ports, r.asked)))
			}
			return []started{{command: command, next: slices.Contains(r.ports, r.asked+1)}}
		case len(r.ports) > 0:
			f.tried("Server: %s listens on port %s and not on the one that it was given, %d.", command, numbers(r.ports, 0), r.asked)
			for _, port := range r.ports {
				fixed = append(fixed, started{command: c.command(run, "", ""), port: port})
			}
			if !c.has("{port}") && !argsAnywhere.MatchString(u.server.text+u.server.near) && len(u.server.readEnvironment()) == 0 {
				i = len(calls) // nothing else can make a difference
			}
		case r.asks != "":
			f.tried("Server: %s asks for what has to be typed: %s", command, lastWords(r.output))
			if typed, ok := f.typing(ctx, one.settings.Dir, run, r.asks); ok && typed.port == 0 {
				return []started{typed}
			} else if ok {
				fixed, i = append(fixed, typed), len(calls)
			}
		default:
			f.tried("Server: %s %s", command, r.said())
			if one.why == "" || strings.Contains(one.why, "usage") {
				one.why, one.output = fmt.Sprintf("The server does not listen: %s %s", command, r.said()), r.output
			}
			if more := append(u.server.mentions(r.output, "its usage text", 100), readHelp(r.output)...); u.server.prefix == "" && usage.MatchString(r.output) && len(more) > 0 {
				calls = ranked(append(slices.Clone(calls[:i+1]), append(more, calls[i+1:]...)...))
				for j := range calls { // those that were tried stay in front
					if calls[j].key() == c.key() {
						i = min(i, j)
					}
				}
			}
			if wrong := missing(r.output); wrong != "" {
				one.why = wrong
				return nil
			}
			if inUse.MatchString(r.output) && !c.has("{port}") {
				one.why = fmt.Sprintf("The server's port is fixed in its source, and another program of this machine has it: %s", lastWords(r.output))
				return nil
			}
		}
	}
	slices.SortStableFunc(fixed, func(a, b started) int { // the shortest, and none that takes a port for a word of another kind
		return cmp.Or(strings.Count(a.command, " ")-strings.Count(b.command, " "), strings.Count(a.command, "{port}")-strings.Count(b.command, "{port}"))
	})
	if len(fixed) > 0 {
		first := fixed[0]
		one.notes = append(one.notes, fmt.Sprintf("The server's port is fixed in its source: %d. It cannot be given as A1 asks for.", first.port))
		return fixed
	}
	if python2.MatchString(u.server.text) && u.server.language == "Python" {
		one.why = fmt.Sprintf("%s is written for Python 2, which ended in 2020; Python 3 does not take it.", u.server.source)
	}
	if text := u.server.text + u.server.near; datagrams.MatchString(text) && !streams.MatchString(text) {
		one.why = fmt.Sprintf("%s speaks UDP (%s), and clients of the assignment connect (A2), which is TCP: a person has to look at it.", u.server.source, datagrams.FindString(text))
	}
	if one.why == "" {
		one.why = "The server does not listen in any way that was tried."
	}
	return nil
}

// listener is what became of a server that was started for a trial.
type listener struct {
	asked  int
	ports  []int
	asks   string // what it wants to be typed at its terminal; empty: nothing that is known
	ended  bool
	exit   runner.Exit
	output string
	err    error
}

// said is what it did, and its last words.
func (r listener) said() string {
	switch {
	case r.err != nil:
		return fmt.Sprintf("cannot be started: %v.", r.err)
	case r.ended:
		return fmt.Sprintf("ended %v: %s", r.exit, lastWords(r.output))
	}
	return fmt.Sprintf("runs and listens on no TCP port: %s", lastWords(r.output))
}

// listen starts a server and waits until it listens. One that misses something in a network of its own is
// started again in the machine's, as all are from then on.
func (f *finder) listen(ctx context.Context, dir, command string) listener {
	r := f.listenOnce(ctx, dir, command)
	if r.ended && !f.together && mayMissNetwork(r.output) {
		f.together = true
		if again := f.listenOnce(ctx, dir, command); len(again.ports) > 0 {
			return again
		}
		f.together = false
	}
	return r
}

// mayMissNetwork reports whether a program that ended may have done so because it could not reach what it
// wants to. One that asks for its own address and gets none fails somewhere behind that, with any
// error, so that only words about its arguments speak against it.
func mayMissNetwork(output string) bool {
	return missesNetwork.MatchString(output) || isError.MatchString(output) && !ofArguments.MatchString(output)
}

var (
	missesNetwork = regexp.MustCompile(`(?i)unreachable|name resolution|name or service not known|UnknownHost|ENOTFOUND|refused`)
	isError       = regexp.MustCompile(`(?i)error|exception|panic`)
	ofArguments   = regexp.MustCompile(`(?i)usage|argument|out ?of ?(?:range|bounds)`)
)

func (f *finder) listenOnce(ctx context.Context, dir, command string) (r listener) {
	run, err := f.apart(Settings{Dir: dir, Server: command, Port: 1})
	if err != nil {
		return listener{err: err}
	}
	if r.asked, r.err = proc.FreePort(ctx, ""); r.err != nil {
		return r
	}
	program, err := run.Server(ctx, r.asked)
	if err != nil {
		r.err = err
		return r
	}
	defer func() {
		if !r.ended && slices.Contains(r.ports, r.asked) {
			f.keep(&idle{dir, command, r.asked, program, run})
			return
		}
		program.Kill()
	}()
	limited, cancel := context.WithTimeout(ctx, listenLimit)
	defer cancel()
	var since time.Time
	harness.Poll(limited, func() bool {
		select {
		case <-program.Done():
			r.ended = true
			return true
		default:
		}
		r.ports = program.Ports()
		if len(r.ports) > 0 && since.IsZero() {
			since = time.Now()
		}
		if r.asks = ""; len(r.ports) == 0 {
			r.asks = answer(string(program.Output.Bytes()))
		}
		return r.asks != "" || slices.Contains(r.ports, r.asked) || !since.IsZero() && time.Since(since) > settleTime
	})
	r.output = string(program.Output.Bytes())
	if r.ended {
		r.ports, r.exit = nil, program.Exit()
	}
	return r
}

var inUse = regexp.MustCompile(`(?i)address already in use|EADDRINUSE|Address in use`)

// command is the command line of a call for a role, with a word in the place of {role} where there is
// one to put there.
func (c call) command(run []string, role, roleWord string) string {
	words := slices.Clone(run)
	for _, arg := range c.args {
		if flags := roleFlags.FindStringSubmatch(arg); flags != nil {
			if arg = flags[1]; role == runner.Subscriber {
				arg = flags[2]
			}
			if arg == "" {
				continue
			}
		}
		words = append(words, arg)
	}
	if len(c.env) > 0 {
		words = append(append([]string{"env"}, c.env...), words...)
	}
	for i := range words {
		if roleWord != "" {
			words[i] = strings.ReplaceAll(words[i], "{role}", roleWord)
		}
	}
	return join(words...)
}

// roleFlags matches an argument that is one option for publishers and another one, or none, for
// subscribers: {-pub|-sub}.
var roleFlags = regexp.MustCompile(`^\{([^{}|]*)\|([^{}|]*)\}$`)

// flags reports whether a call tells the role by such.
func (c call) flags() bool { return slices.ContainsFunc(c.args, roleFlags.MatchString) }

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func numbers(ports []int, without int) string {
	var all []string
	for _, p := range ports {
		if p != without {
			all = append(all, strconv.Itoa(p))
		}
	}
	return strings.Join(all, ", ")
}

// lastWords are the last line or lines that a program printed, for a sentence.
func lastWords(output string) string {
	output = strings.TrimSpace(strings.ReplaceAll(colours.ReplaceAllString(output, ""), "\r", ""))
	if output == "" {
		return "it printed nothing."
	}
	lines := slices.DeleteFunc(strings.Split(output, "\n"), func(line string) bool { return noise.MatchString(line) })
	last := strings.Join(lines[max(0, len(lines)-2):], " / ")
	if found := usage.FindStringIndex(output); found != nil {
		rest, _, _ := strings.Cut(output[found[0]:], "\n")
		if !strings.Contains(last, rest) {
			last = rest + " / " + last
		}
	}
	const most = 300
	if runes := []rune(last); len(runes) > most {
		last = string(runes[:most]) + "…"
	}
	return sentence("\"" + last + "\"")
}

// noise matches the lines of a trace that say nothing to a reader.
var noise = regexp.MustCompile(`^\s*(?:[\^~\s]*|at .*|Node\.js v.*|\.\.\. \d+ more)$`)
