package submission

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// attempt is one way to call the clients of a unit.
type attempt struct {
	settings Settings
	from     string
	args     int // how many
	sure     bool
	roles    bool // the command says who is what
}

// casts tries who talks to the server, and settles on the first of which a message arrives, or else
// on the one that came closest to it.
func (f *finder) casts(ctx context.Context, u unit, one *found, server started, began time.Time) {
	if len(u.programs()) == 0 {
		one.level, one.why, one.output = listening, "", ""
		one.notes = append(one.notes, "No client was found; the server alone is graded.")
		return
	}
	alone, built := one.settings, false
	for i, c := range append([]cast{u.cast}, u.others...) {
		limit := f.options.Limit
		if rest := len(u.others) - i; rest > 0 { // some of it is for those
			limit = limit * 2 / 3
		}
		if i > 0 && (one.level >= u.goal() || f.spent+time.Since(began) > limit) {
			break
		}
		v := u
		v.cast = c
		s := alone
		recipes, ok := f.equip(ctx, v, one, &s, v.programs()...)
		if !ok {
			continue
		}
		built, one.why, one.output = true, "", ""
		f.clients(ctx, v, one, s, server, recipes, func() bool { return ctx.Err() == nil && f.spent+time.Since(began) < limit })
	}
	if !built {
		return
	}
	if one.level >= connected {
		one.why, one.output = "", ""
	}
	one.level = max(one.level, listening)
	switch {
	case one.why != "":
	case one.level < connected:
		one.settings = alone
		note := "The client could not be started in any way that was tried; the server alone is graded."
		if p := u.programs()[0]; windowed.MatchString(p.text + p.near) {
			note = fmt.Sprintf("%s opens a window (%s), at which the grader cannot type; the server alone is graded, and a person has to look at the client.", p.source, windowed.FindString(p.text+p.near))
		}
		one.notes = append(one.notes, note)
	case one.settings.Port > 0 && server.port == 0:
		one.notes = append(one.notes, fmt.Sprintf("The port of the server is fixed in the client's source: %d. It cannot be given as A2 asks for.", one.settings.Port))
	}
}

// windowed matches the libraries of programs that open windows.
var windowed = regexp.MustCompile(`(?i)\b(tkinter|pyqt\d?|pyside\d?|wxpython|pygame|kivy|customtkinter|pysimplegui|javax\.swing|javafx|java\.awt|gtk|qapplication)\b`)

// clients finds the way in which the clients of a cast are called: the first in which a message
// arrives, or else the one that came closest to it.
func (f *finder) clients(ctx context.Context, u unit, one *found, s Settings, server started, recipes map[*program]recipe, left func() bool) {
	queue := f.attempts(u, s, server, recipes)
	seen := map[string]bool{}
	const most = 16
	for n := 0; len(queue) > 0 && n < most && left(); {
		a := queue[0]
		queue = queue[1:]
		key := string(a.settings.YAML())
		if seen[key] {
			continue
		}
		seen[key] = true
		n++
		f.options.Progress("trying the client: " + a.command())
		reached, asked, words, output, typed := f.pair(ctx, u, a.settings)
		f.tried("Client: %s (%s): %s", a.command(), a.from, words)
		if typed != nil {
			queue = append([]attempt{{*typed, a.from + ", and it takes commands", a.args, a.sure, true}}, queue...)
			continue
		}
		told := asked.role || a.sure && a.roles
		if reached == dropped && (told || a.roles && a.from != guess) { // the way of calling is hardly the reason
			reached = connected
		}
		if reached > one.level {
			one.level, one.settings, one.asks = reached, a.settings, asked
			one.sure = told && !listed(output).both()
		}
		if one.level >= u.goal() {
			break
		}
		if p := u.programs()[0]; p.prefix == "" && usage.MatchString(output) {
			var more []call
			for _, p := range u.programs() {
				more = append(more, p.mentions(output, "its usage text", 100)...)
			}
			more = ranked(append(more, readHelp(output)...))
			var first []attempt
			for _, c := range more {
				first = append(first, f.attemptsOf(u, s, server, recipes, c, c)...)
			}
			if len(more) > 0 { // it has said how many arguments it wants
				queue = slices.DeleteFunc(queue, func(a attempt) bool { return a.from == guess && a.args != len(more[0].args) })
			}
			queue = append(first, queue...)
		}
		if reached >= shown && a.sure { // it was told all, and the fault is elsewhere
			queue = slices.DeleteFunc(queue, func(b attempt) bool { return b.args != a.args || !b.sure })
		}
		if wrong := cmp.Or(missing(output), refused(output)); wrong != "" && reached < connected {
			one.why, one.output = wrong, output
			break
		}
	}
}

func (a attempt) command() string {
	if a.settings.Client != "" {
		return a.settings.Client
	}
	return a.settings.Publisher
}

// attempts are the ways to call the clients, the likeliest first.
func (f *finder) attempts(u unit, s Settings, server started, recipes map[*program]recipe) []attempt {
	guides := f.guides(u)
	var all []attempt
	var forPublisher, forSubscriber []call
	if u.client != nil {
		forPublisher = u.client.calls(guides)
		forSubscriber = forPublisher
	} else {
		forPublisher, forSubscriber = u.publisher.calls(guides), u.subscriber.calls(guides)
	}
	for i := range max(len(forPublisher), len(forSubscriber)) {
		of := f.attemptsOf(u, s, server, recipes, forPublisher[min(i, len(forPublisher)-1)], forSubscriber[min(i, len(forSubscriber)-1)])
		all = append(all, of...)
		if server.next {
			all = append(all, twoPorts(of)...)
		}
	}
	return all
}

// twoPorts are attempts in which the clients of one role, and then of the other, connect to the port
// behind the server's own.
func twoPorts(attempts []attempt) (all []attempt) {
	behind := func(command string) string { return strings.ReplaceAll(command, "{port}", "{port+1}") }
	for _, a := range attempts {
		a.from += ", with a port for each role"
		s := &a.settings
		if s.Client != "" && !strings.Contains(s.Client, "{role}") {
			continue // nothing tells the roles apart
		}
		if s.Client != "" {
			s.Publisher, s.Subscriber = strings.ReplaceAll(s.Client, "{role}", runner.Publisher), strings.ReplaceAll(s.Client, "{role}", runner.Subscriber)
			s.Client = ""
		}
		publisher, subscriber := s.Publisher, s.Subscriber
		s.Subscriber = behind(subscriber)
		all = append(all, a)
		s.Publisher, s.Subscriber = behind(publisher), subscriber
		all = append(all, a)
	}
	return all
}

// attemptsOf are the ways to call the clients by one call: the words for the roles differ, and what
// is typed where nothing is asked.
func (f *finder) attemptsOf(u unit, s Settings, server started, recipes map[*program]recipe, forPublisher, forSubscriber call) []attempt {
	ports := []int{server.port}
	if server.port == 0 && !forPublisher.has("{port}") {
		source := u.publisher
		if source == nil {
			source = u.client
		}
		ports = portsIn(source.text + "\n" + source.near)
		ports = append(ports[:min(len(ports), 2)], 0) // 0: it asks for the address
	}
	var all []attempt
	add := func(from string, roles bool) {
		all = append(all, attempt{s, from, len(forPublisher.args), forPublisher.sure, roles})
	}
	for _, port := range ports {
		s.Port = port
		s.Client, s.Publisher, s.Subscriber, s.Types = "", "", "", nil
		if port == 0 && !forPublisher.has("{port}") {
			s.Types = []string{"{host}", "{port}"}
		}
		if u.client == nil {
			s.Publisher = forPublisher.command(recipes[u.publisher].run, runner.Publisher, "")
			s.Subscriber = forSubscriber.command(recipes[u.subscriber].run, runner.Subscriber, "")
			add(forPublisher.from, true)
			continue
		}
		run := recipes[u.client].run
		switch {
		case forPublisher.flags():
			s.Publisher, s.Subscriber = forPublisher.command(run, runner.Publisher, ""), forPublisher.command(run, runner.Subscriber, "")
			add(forPublisher.from, true)
			continue
		case !forPublisher.has("{role}"):
			s.Client = forPublisher.command(run, "", "")
			add(forPublisher.from, false)
			if u.roles {
				s.Types = append([]string{"{role}"}, s.Types...)
				add(forPublisher.from+", and its role is typed", false)
			}
			continue
		}
		for _, pair := range u.spellings() {
			s.Client, s.Publisher, s.Subscriber = forPublisher.command(run, "", ""), "", ""
			if pair[0] != runner.Publisher {
				s.Client, s.Publisher, s.Subscriber = "", forPublisher.command(run, runner.Publisher, pair[0]), forPublisher.command(run, runner.Subscriber, pair[1])
			}
			add(forPublisher.from, true)
		}
	}
	return all
}

// asks is what all of some clients asked for at their terminals.
type asks struct{ role, topic bool }

// pair runs the server with a subscriber and a publisher at terminals, and types a message. It returns
// how far they came, what they asked for, both in words, and the output of one that
// ended; and the settings with the commands that they take, where those were found out instead.
func (f *finder) pair(ctx context.Context, u unit, s Settings) (reached level, asked asks, words, output string, typed *Settings) {
	run, err := f.apart(s)
	if err != nil {
		return listening, asks{}, sentence(err.Error()), "", nil
	}
	defer func() { _ = run.Close() }()
	h := harness.New(harness.Config{Runner: run, Seed: 1, Timeout: deliverLimit})
	r, err := f.trial(ctx, h, run, s)
	if err != nil {
		return listening, asks{}, sentence(err.Error()), "", nil
	}
	defer r.Close()
	limited, cancel := context.WithTimeout(ctx, listenLimit)
	up := harness.Poll(limited, func() bool { return !r.Running() || slices.Contains(r.Program.Ports(), r.Port) })
	cancel()
	if !up || !r.Running() {
		return nothingYet, asks{}, "the server did not listen this time.", string(r.Program.Output.Bytes()), nil
	}
	roles := []string{runner.Subscriber, runner.Publisher}
	if !u.roles {
		roles = roles[1:]
	}
	limited, cancel = context.WithTimeout(ctx, 2*deliverLimit)
	defer cancel()
	all, err := r.JoinTerminals(limited, roles...)
	if err != nil {
		return listening, asks{}, sentence(err.Error()), "", nil
	}
	told := s.PublishLine != "" || !u.roles // there is nothing to find out about commands
	lists := listed(string(all[0].Received.Bytes()))
	if !told && lists.both() {
		typed = f.takes(ctx, s, all, lists)
	}
	if typed == nil {
		reached, words, output = f.talk(ctx, u, r, all)
	}
	if others := f.phrases(u); typed == nil && !told && !lists.both() && reached >= connected && reached < delivered && others.both() {
		typed = f.takes(ctx, s, all, others)
	}
	if typed != nil {
		words = fmt.Sprintf("they take commands: %s, and %s.", typed.SubscribeLine, typed.PublishLine)
	}
	asked = asks{role: true, topic: true}
	for _, p := range all {
		asked.role, asked.topic = asked.role && p.Terminal().Asked("role"), asked.topic && p.Terminal().Asked("topic")
	}
	return reached, asked, words, output, typed
}

// takes are settings with the commands that a subscriber and a publisher take; nil where they take none of
// those that are tried.
func (f *finder) takes(ctx context.Context, s Settings, all []*harness.Participant, p phrases) *Settings {
	s.SubscribeLine, s.PublishLine = explore(ctx, all[0], all[1], p)
	if s.PublishLine == "" {
		return nil
	}
	return &s
}

// talk types at the last of some clients until a message arrives at the first.
func (f *finder) talk(ctx context.Context, u unit, r *harness.ServerRun, all []*harness.Participant) (level, string, string) {
	publisher, first := all[len(all)-1], all[0]
	reached, words := listening, "the client did not connect."
	var tokens []string
	any := func(has func(token string) bool) bool { return slices.ContainsFunc(tokens, has) }
	const enough = 5 // messages in vain, behind which nothing more could come
	for began, vain := time.Now(), 0; time.Since(began) < deliverLimit && vain < enough && ctx.Err() == nil; {
		m := publisher.Next("")
		tokens = append(tokens, m.Token)
		_ = publisher.Publish(m) // one that has ended takes nothing, which is seen below
		soon, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		arrived := r.Poll(soon, func() bool {
			return u.roles && any(func(token string) bool { return first.Has(0, token) })
		})
		if !arrived && soon.Err() == nil {
			vain++
		}
		cancel()
		atServer := any(func(token string) bool { return harness.ContainsFold(r.Program.Output.Bytes(), token) })
		switch {
		case arrived:
			return delivered, "a message that was typed at a publisher was shown at a subscriber.", ""
		case atServer && !u.roles:
			return shown, "what was typed was shown by the server.", ""
		case atServer:
			reached, words = shown, "what was typed at a publisher was shown by the server, and not at a subscriber."
		}
		if ended := slices.IndexFunc(all, (*harness.Participant).Closed); ended >= 0 {
			p := all[ended].Terminal().Program
			<-p.Done()
			output := string(p.Output.Bytes())
			reached = listening
			if slices.ContainsFunc(all, func(p *harness.Participant) bool { return p.Terminal().Dropped() }) {
				reached = dropped
			}
			return reached, fmt.Sprintf("%s ended %v: %s", strings.TrimRight(all[ended].Name, " 0123456789"), p.Exit(), lastWords(output)), output
		}
		if reached < connected && !publisher.Terminal().Direct() && !first.Terminal().Direct() {
			reached, words = connected, "the clients connected, and no message arrived."
		}
	}
	return reached, words, string(first.Received.Bytes())
}
