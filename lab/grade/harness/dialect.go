package harness

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"time"

	"pubsublab/lab/grade/harness/dialect"
	"pubsublab/lab/grade/harness/runner"
)

// How a submission tells messages apart.
const (
	Lines = "lines" // each is one, however many come at once
	Reads = "reads" // each read is one: the next is sent when the last was read
)

// Where a dialect is from.
const (
	Learnt   = "learnt" // from the submission's own client
	Told     = "told"   // by the instructor
	KnownOne = "known"  // one that was seen in other submissions
)

// Dialect is what was found out about how a submission wants to be talked to. It is not changed
// while checks run.
type Dialect struct {
	// Dialect is the words; nil while none was proven by a message that arrived.
	*dialect.Dialect
	From    string        // Learnt, Told, KnownOne, or "" while nothing is known
	Why     string        // why nothing could be learnt from the client; empty where it could, or there is none
	Tried   []string      // what was tried where nothing worked
	Prompts bool          // the server asks for the role
	Framing string        // Lines, Reads, or "" while nothing is known
	Rest    time.Duration // between a role and the first message, where nothing answers
}

// Remark says in a sentence how the submission talks and how that was found out; "" while nothing is
// known.
func (d *Dialect) Remark() string {
	how := map[string]string{
		Learnt: "Its language was learnt from its own client", Told: "Its language is that of the rubric",
		KnownOne: "Its language is one that other submissions speak",
	}[d.From]
	if how == "" {
		return ""
	}
	if d.Why != "" {
		how += " (" + d.Why + ")"
	}
	return how + ": " + d.String() + "."
}

// RolePrompt matches what asks for the role.
var RolePrompt = regexp.MustCompile(`(?i)role|publish|subscri|\bpub\b|\bsub\b`)

var (
	publisherShown  = regexp.MustCompile(`(?i)publish|\bpub\b`)
	subscriberShown = regexp.MustCompile(`(?i)subscri|\bsub\b`)
)

// ShownRole matches the words by which a program shows a role.
func ShownRole(role string) *regexp.Regexp {
	if role == runner.Publisher {
		return publisherShown
	}
	return subscriberShown
}

// Shows reports whether a program shows a role, in the usual words or in those of the submission.
func (d *Dialect) Shows(role string, data []byte) bool {
	if d.Dialect != nil && d.Words[role] != "" && bytes.Contains(bytes.ToLower(data), bytes.ToLower([]byte(d.Words[role]))) {
		return true
	}
	return ShownRole(role).Match(data)
}

// ErrNoRole says that clients of the submission tell their role in no word that could be another.
var ErrNoRole = errors.New("the submission's clients tell their role in no word that could be spelt otherwise")

// Register tells the role, and what else the submission wants to be told.
func (r *ServerRun) Register(ctx context.Context, p *Participant, role string) error {
	_, err := p.register(ctx, role, "", r.Timeout)
	return err
}

// RegisterSpelt is Register with the role spelt in another way, which may hold more.
func (r *ServerRun) RegisterSpelt(ctx context.Context, p *Participant, role, spelt string, timeout time.Duration) error {
	if r.Dialect.Dialect == nil || !r.Dialect.SpellsRole(role) {
		return ErrNoRole
	}
	_, err := p.register(ctx, role, spelt, timeout)
	return err
}

// register returns which of the waits were answered.
func (p *Participant) register(ctx context.Context, role, spelt string, timeout time.Duration) ([]bool, error) {
	s := p.Socket()
	if s == nil {
		return nil, ErrNoSocket
	}
	d := s.dialect
	if d.Dialect == nil {
		return nil, errUnknown
	}
	if s.values.Role = role; s.values.Topic == "" {
		s.values.Topic = d.topic(0)
	}
	steps, err := d.Registration(s.values, spelt)
	if err != nil {
		return nil, err
	}
	for _, step := range steps {
		if len(step.Data) > 0 {
			p.did(Step{Kind: Sends, From: p.Name, To: ServerName, Data: step.Data})
		}
	}
	answered, err := s.register(ctx, steps, timeout)
	if unansweredEnd(steps) {
		s.rest(ctx)
	}
	return answered, err
}

// unansweredEnd reports whether the last that is told in steps is told without waiting for an answer to it:
// a first message right behind it could be in the same read.
func unansweredEnd(steps []dialect.Step) bool {
	if len(steps) == 0 {
		return true
	}
	last := steps[len(steps)-1]
	return !last.Wait || len(last.Data) > 0
}

// topic is a topic to use: one of those that the submission's client was seen to use, which a server
// may have a list of.
func (d *Dialect) topic(i int) string {
	if d.Dialect != nil && i < len(d.Topics) {
		return d.Topics[i]
	}
	return []string{firstTopic, secondTopic}[min(i, 1)]
}

// secondTopic is told where two are needed.
const secondTopic = "weather"

// JoinTopic connects and registers under one of two topics, 0 or 1. It is ErrNoTopic where clients
// tell none.
func (r *ServerRun) JoinTopic(ctx context.Context, role string, topic int) (*Participant, error) {
	if r.Dialect.Dialect == nil || !r.Dialect.HasTopic() {
		return nil, ErrNoTopic
	}
	p, err := r.Connect(ctx, role)
	if err != nil {
		return nil, err
	}
	p.Socket().values.Topic = r.Dialect.topic(topic)
	return p, r.Register(ctx, p, role)
}

// ErrNoTopic says that clients of the submission tell no topic.
var ErrNoTopic = errors.New("the submission's clients tell no topic")

// question is what waits for an answer: for a name or a topic, and the cursor stays behind it.
var question = regexp.MustCompile(`(?i)(name|topic|channel|subject)[^\n]*[:?>)]\s*$`)

// RoleLines are role lines that submissions with more than roles understand. The last one is for
// those that ask.
func RoleLines(role, key, x string) []string {
	return []string{role + " " + key + "=" + x, role + " " + x, role + ":" + x, role}
}

// Spelling is a way to register: a role line, and X where the server asks for Key.
type Spelling struct{ Role, Spelt, Key, X string }

// errUnanswered says that the server does not answer who registers in this way.
var errUnanswered = errors.New("the server does not answer as it does elsewhere")

// JoinSpelt connects, registers with role lines beside each other, and answers questions. An error may be
// that the server does not answer one, where it does answer others.
func (r *ServerRun) JoinSpelt(ctx context.Context, ways ...Spelling) ([]*Participant, error) {
	all := make([]*Participant, len(ways))
	for i, way := range ways {
		if r.Dialect.Dialect == nil || !r.Dialect.SpellsRole(way.Role) {
			return nil, ErrNoRole
		}
		var err error
		if all[i], err = r.Connect(ctx, way.Role); err != nil {
			return nil, err
		}
	}
	errs := make([]error, len(ways))
	var registering sync.WaitGroup
	for i, way := range ways {
		registering.Go(func() { errs[i] = r.registerAs(ctx, all[i], way) })
	}
	registering.Wait()
	return all, errors.Join(errs...)
}

func (r *ServerRun) registerAs(ctx context.Context, p *Participant, way Spelling) error {
	d, spelt := r.Dialect, way.Spelt
	if word, ok := strings.CutPrefix(spelt, way.Role); ok {
		spelt = d.Words[way.Role] + word
	}
	if way.Key == "name" {
		p.Socket().values.Name = way.X
	}
	asked := p.Received.Len()
	answered, err := p.register(ctx, way.Role, spelt, r.Pace.answers())
	if err != nil {
		return err
	}
	if n := len(answered); n > 0 && !answered[n-1] {
		return errUnanswered
	}
	soon, cancel := context.WithTimeout(ctx, min(d.Rest, unanswered))
	defer cancel()
	if p.Received.Wait(soon, func(data []byte) bool { return question.Match(data[asked:]) }) {
		answer := "lab"
		if strings.Contains(strings.ToLower(string(p.Received.Bytes()[asked:])), way.Key) {
			answer = way.X
		}
		if err := p.Send(answer + d.RoleEnd(way.Role)); err != nil {
			return err
		}
		Pause(ctx, d.Rest)
	}
	return nil
}

// BonusTimeout is how long the grader waits for what it only hopes for.
const BonusTimeout = 1500 * time.Millisecond
