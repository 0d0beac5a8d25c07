package grade

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"pubsublab/lab/grade/runner"
)

// sentence makes one of the text of an error.
func sentence(text string) string {
	text = strings.ReplaceAll(text, "\n", ": ")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// ended is how the server ended, and what it printed last.
func (r *room) ended() []Step {
	steps := printed(serverName, r.program.Output.Bytes(), r.now())
	if !r.running() {
		steps = append(steps, Step{At: r.now(), Kind: Exits, From: serverName, Data: []byte(r.program.Exit().String())})
	}
	return steps
}

// unreachable is what is wrong when a new client cannot connect or talk.
func (r *room) unreachable(when string) *finding {
	select {
	case <-r.program.Done():
	case <-time.After(time.Second): // it may be about to end
	}
	if !r.running() {
		return &finding{
			what:  fmt.Sprintf("The server ended %s %s.", r.program.Exit(), when),
			cause: "Its last output is below: an error that nobody caught, or a wrong way of reading the port from the command line.",
			slice: r.ended(),
		}
	}
	return &finding{
		what:  fmt.Sprintf("The server runs, but nobody could connect to port %d and talk %s.", r.port, when),
		cause: "The server listens on another port than the one on its command line, does not listen, or has stopped accepting.",
		slice: r.ended(),
	}
}

func (g *grader) patient(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, g.patience)
}

func serverStarts(ctx context.Context, g *grader) (*finding, error) {
	r, err := g.open(ctx, "lobby")
	if err != nil {
		return nil, err
	}
	g.lobby = r
	if _, err := r.connect(ctx, runner.Publisher); err != nil {
		return r.unreachable("after it was started"), nil
	}
	select {
	case <-r.program.Done(): // the system accepts connections for a server that listens, and is about to end
		return r.unreachable("after it was started"), nil
	case <-time.After(100 * time.Millisecond):
		return nil, nil
	}
}

var announcement = regexp.MustCompile(`(?i)listen|wait|start|ready|running|bound|serv|port|up`)

func serverAnnounces(ctx context.Context, g *grader) (*finding, error) {
	r := g.lobby
	ctx, cancel := g.patient(ctx)
	defer cancel()
	port := []byte(strconv.Itoa(r.port))
	if r.program.Output.Wait(ctx, func(data []byte) bool { return bytes.Contains(data, port) || announcement.Match(data) }) {
		return nil, nil
	}
	return &finding{
		what:  fmt.Sprintf("The server's output said nothing of listening, nor of port %d, for %v.", r.port, g.patience),
		cause: "There is no print behind listen(), or it stays in a buffer: flush it.",
		slice: r.ended(),
	}, nil
}

// prompted says whether the server asks for the role. It is found out once, by a connection that says nothing.
func (g *grader) prompted(ctx context.Context) bool {
	if !g.asked {
		g.asked = true
		ctx, cancel := g.patient(ctx)
		defer cancel()
		g.dialect.prompts = g.lobby.peers[0].in.Wait(ctx, rolePrompt.Match)
	}
	return g.dialect.prompts
}

const samplePrompt = "Enter your role (PUBLISHER/SUBSCRIBER) : "

func serverAsksRole(ctx context.Context, g *grader) (*finding, error) {
	if g.prompted(ctx) {
		return nil, nil
	}
	p := g.lobby.peers[0]
	missing := Step{Kind: Missing, From: serverName, To: p.name, Data: []byte(samplePrompt)}
	return &finding{
		what:  fmt.Sprintf("The server did not ask a new client for its role within %v. (It was told the role unasked from here on.)", g.patience),
		cause: "Nothing is sent to the client behind accept(), or it stays in a buffer: flush it.",
		slice: g.lobby.slice([]*peer{p}, nil, missing),
	}, nil
}

func serverSeveral(ctx context.Context, g *grader) (*finding, error) {
	const connections = 5
	r, err := g.open(ctx, "several")
	if err != nil {
		return nil, err
	}
	defer r.close()
	var open []*peer
	for i := range connections {
		role := []string{runner.Publisher, runner.Subscriber}[i%2]
		others := []string{"nobody else was", "another client was", "some other clients were"}[min(i, 2)]
		p, err := r.connect(ctx, role)
		if err != nil {
			return r.unreachable("while " + others + " connected"), nil
		}
		open = append(open, p)
		if served, err := g.serves(ctx, r, p, role); err != nil {
			return nil, err
		} else if !served {
			missing := Step{Kind: Missing, From: serverName, To: p.name, Data: []byte(samplePrompt)}
			return &finding{
				what:  fmt.Sprintf("While %s connected, the server did not react to the next one for %v.", others, g.patience),
				cause: "The server takes care of one client until it leaves and only then calls accept() again; each client needs a thread of its own.",
				slice: r.slice(open, nil, missing),
			}, nil
		}
	}
	return nil, nil
}

// serves says whether the server reacts to a new connection: asks for the role, answers it, or prints something. Of
// a server that does nothing of it nothing can be said until messages flow.
func (g *grader) serves(ctx context.Context, r *room, p *peer, role string) (bool, error) {
	printed := r.program.Output.Len()
	prompted := g.prompted(ctx)
	limited, cancel := g.patient(ctx)
	defer cancel()
	if prompted {
		return p.in.Wait(limited, rolePrompt.Match), nil
	}
	if err := p.send(role + "\n"); err != nil {
		return false, nil
	}
	if poll(limited, func() bool { return p.in.Len() > 0 || r.program.Output.Len() > printed }) {
		return true, nil
	}
	works, _, err := g.learn(ctx)
	return works, err
}

func serverDelivers(ctx context.Context, g *grader) (*finding, error) {
	works, slice, err := g.learn(ctx)
	if err != nil || works {
		return nil, err
	}
	return &finding{
		what: "No message of a publisher reached a subscriber, with newlines behind role and messages or without.",
		cause: "The server does not take the role (it compares it with something else than PUBLISHER and SUBSCRIBER, or does not strip it), " +
			"or does not send what publishers say to all in its list of subscribers.",
		slice: slice,
	}, nil
}

// dialects are the one that was found out, or all, where none was.
func (g *grader) dialects(ctx context.Context) []dialect {
	if g.dialect.framing != "" {
		return []dialect{g.dialect}
	}
	g.prompted(ctx)
	all := make([]dialect, 2)
	for i := range all {
		all[i] = candidates[i]
		all[i].prompts = g.dialect.prompts
		all[i].rest = 200 * time.Millisecond
	}
	return all
}

var (
	publisherShown  = regexp.MustCompile(`(?i)publish|\bpub\b`)
	subscriberShown = regexp.MustCompile(`(?i)subscri|\bsub\b`)
)

func shownRole(role string) *regexp.Regexp {
	if role == runner.Publisher {
		return publisherShown
	}
	return subscriberShown
}

func serverShowsRoles(ctx context.Context, g *grader) (*finding, error) {
	var f *finding
	for _, d := range g.dialects(ctx) {
		r, err := g.open(ctx, "roles")
		if err != nil {
			return nil, err
		}
		f = r.showsRoles(ctx, d)
		r.close()
		if f == nil {
			break
		}
	}
	return f, nil
}

func (r *room) showsRoles(ctx context.Context, d dialect) *finding {
	for _, role := range []string{runner.Publisher, runner.Subscriber} {
		shown := shownRole(role)
		p, err := r.connect(ctx, role)
		if err != nil {
			return r.unreachable("when a " + strings.ToLower(role) + " came")
		}
		d.awaitPrompt(ctx, p, r.g.patience)
		mark := r.program.Output.Len()
		_ = d.tell(ctx, p, role, role, r.g.patience) // what matters is what is shown
		limited, cancel := r.g.patient(ctx)
		found := r.program.Output.Wait(limited, func(data []byte) bool { return shown.Match(data[mark:]) })
		cancel()
		if !found {
			missing := Step{Kind: Notes, From: serverName, Data: []byte("prints nothing about a " + strings.ToLower(role))}
			return &finding{
				what:  fmt.Sprintf("A %s registered, and the server's output did not say so within %v.", strings.ToLower(role), r.g.patience),
				cause: "There is no print behind the registration, or it does not name the role, or it stays in a buffer: flush it.",
				slice: append(r.slice([]*peer{p}, nil, missing), printed(serverName, r.program.Output.Bytes()[mark:], r.now())...),
			}
		}
		if d.framing == "" {
			p.close(ctx) // a server of one client at a time can show roles, too
		}
	}
	return nil
}

func serverShowsMessages(ctx context.Context, g *grader) (*finding, error) {
	var f *finding
	for _, d := range g.dialects(ctx) {
		r, err := g.open(ctx, "messages")
		if err != nil {
			return nil, err
		}
		f = r.showsMessages(ctx, d)
		r.close()
		if f == nil {
			break
		}
	}
	return f, nil
}

func (r *room) showsMessages(ctx context.Context, d dialect) *finding {
	p, err := r.connect(ctx, runner.Publisher)
	if err != nil {
		return r.unreachable("when a publisher came")
	}
	d.awaitPrompt(ctx, p, r.g.patience)
	_ = d.tell(ctx, p, runner.Publisher, runner.Publisher, r.g.patience) // what matters is what is shown
	var tokens []string
	for range 3 {
		m := p.next("")
		tokens = append(tokens, m.token)
		if err := p.send(m.text + d.msgEnd); err != nil {
			break
		}
		limited, cancel := context.WithTimeout(ctx, (r.g.patience+2)/3)
		found := r.program.Output.Wait(limited, func(data []byte) bool { return containsFold(data, m.token) })
		cancel()
		if found {
			return nil
		}
	}
	return &finding{
		what:  fmt.Sprintf("A publisher sent messages, and the server's output showed none of them for %v.", r.g.patience),
		cause: "There is no print of what was received, or it stays in a buffer: flush it.",
		slice: append(r.slice([]*peer{p}, tokens), printed(serverName, r.program.Output.Bytes(), r.now())...),
	}
}

func roleCase(ctx context.Context, g *grader) (*finding, error) {
	r, err := g.open(ctx, "role-case")
	if err != nil {
		return nil, err
	}
	defer r.close()
	var pair []*peer
	for _, role := range []string{runner.Subscriber, runner.Publisher} {
		p, err := r.connect(ctx, role)
		if err != nil {
			return r.unreachable("when clients came"), nil
		}
		g.dialect.awaitPrompt(ctx, p, g.patience)
		if err := g.dialect.tell(ctx, p, role, strings.ToLower(role), min(g.patience, time.Second)); err != nil {
			break
		}
		pair = append(pair, p)
	}
	var tokens []string
	limited, cancel := g.patient(ctx)
	defer cancel()
	for len(pair) == 2 && limited.Err() == nil && !pair[1].closed() && !pair[0].closed() {
		m := pair[1].next("")
		tokens = append(tokens, m.token)
		if r.say(ctx, m) != nil {
			break
		}
		soon, cancel := context.WithTimeout(limited, 300*time.Millisecond)
		arrived := poll(soon, func() bool { return pair[0].has(0, m.token) })
		cancel()
		if arrived {
			return nil, nil
		}
	}
	return &finding{
		what:  "Clients that said \"subscriber\" and \"publisher\", in lower case, were not registered: no message went between them.",
		cause: "The role is compared as it was typed; convert it to upper case first.",
		slice: r.slice(r.peers, tokens[:min(1, len(tokens))]),
	}, nil
}
