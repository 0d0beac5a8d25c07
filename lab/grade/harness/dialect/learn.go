package dialect

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// learner is what is known while a dialect is being learnt.
type learner struct {
	sessions []Session
	events   [][]event // of each session
	texts    []string  // all that was typed
	ids      []string  // of each session, what its registration drew at random
}

// Learn finds the dialect of the client that was recorded. An error says, in a sentence, why there
// is none that makes just what was recorded: what is not understood is never guessed.
func Learn(sessions []Session) (*Dialect, error) {
	l := &learner{sessions: sessions, ids: make([]string, len(sessions))}
	sizes := map[int]bool{}
	for _, s := range sessions {
		l.events = append(l.events, s.events())
		for _, t := range s.messages() {
			l.texts = append(l.texts, t.Text)
			sizes[len(t.Text)] = true
		}
	}
	if len(sizes) < 2 {
		return nil, errors.New("fewer than two lines of different lengths were typed at the client as a publisher")
	}
	if err := opaque(l.events); err != nil {
		return nil, err
	}
	d := &Dialect{Words: map[string]string{Publisher: Publisher, Subscriber: Subscriber}, Receive: l.receive()}
	for _, s := range sessions {
		if s.Topic != "" && !slices.Contains(d.Topics, s.Topic) {
			d.Topics = append(d.Topics, s.Topic)
		}
	}
	if err := l.register(d); err != nil {
		return nil, err
	}
	if err := l.message(d); err != nil {
		return nil, err
	}
	if !d.HasTopic() {
		d.Topics = nil
	}
	return d, nil
}

// terminate is the word of the assignment that ends a publisher.
const terminate = "terminate"

// messages are what was typed but for a last terminate.
func (s Session) messages() []Typed {
	if n := len(s.Typed); n > 0 && strings.EqualFold(strings.TrimSpace(s.Typed[n-1].Text), terminate) {
		return s.Typed[:n-1]
	}
	return s.Typed
}

var opaqueShapes = []struct {
	shape *regexp.Regexp
	what  string
}{
	{regexp.MustCompile(`^\xac\xed\x00\x05`), "serialised objects of Java (ObjectOutputStream), which only Java can make"},
	{regexp.MustCompile(`(?s)^.{0,80}?\x80[\x02-\x05].*\.$`), "pickles, which only Python can make"},
	{regexp.MustCompile(`^\x16\x03[\x00-\x04]`), "TLS: it is encrypted"},
}

// opaque refuses what is known and cannot be spoken.
func opaque(sessions [][]event) error {
	for _, events := range sessions {
		for _, e := range events {
			for _, o := range opaqueShapes {
				if e.up && o.shape.Match(latin(e.data)) {
					return fmt.Errorf("the client sends %s", o.what)
				}
			}
		}
	}
	return nil
}

// latin makes a letter of each byte, so that expressions match bytes.
func latin(data []byte) []byte {
	out := make([]rune, len(data))
	for i, b := range data {
		out[i] = rune(b)
	}
	return []byte(string(out))
}

// register learns how both roles register: in the same way but for a word, if that explains it, and
// else each in its own.
func (l *learner) register(d *Dialect) error {
	var errs []error
	d.Register = map[string]Template{}
	words := l.words()
	for waits := range noWaits + 1 {
		if words[Publisher] == "" {
			break
		}
		if t, err := l.registerAs(words, waits, Publisher, Subscriber); err == nil {
			d.Words = words
			d.Register[Publisher], d.Register[Subscriber] = t, t
			return nil
		}
	}
	for _, role := range []string{Publisher, Subscriber} {
		for waits := range noWaits + 1 {
			t, err := l.registerAs(words, waits, role)
			if err == nil {
				if words[role] != "" {
					d.Words[role] = words[role]
				}
				if words[role] != "" && !t.has("role") {
					t = t.naming(words[role])
				}
				d.Register[role] = t
				break
			}
			if errs = append(errs, err); waits == noWaits {
				return errs[0]
			}
		}
	}
	return nil
}

// naming puts {role} in the place of a word that is there once.
func (t Template) naming(word string) Template {
	var out Template
	for _, p := range t {
		if p.kind == "" && strings.Count(t.String(), word) == 1 && strings.Contains(p.text, word) {
			before, behind, _ := strings.Cut(p.text, word)
			out = append(out.literal(before), part{kind: "role"}).literal(behind)
			continue
		}
		out = append(out, p)
	}
	return out
}

// said is all that a client of a role sent to register, as one of its sessions has it.
func (l *learner) said(role string) []byte {
	for i, s := range l.sessions {
		if s.Role != role {
			continue
		}
		var all []byte
		events, _ := registration(s, l.events[i], l.texts)
		for _, e := range events {
			if e.up {
				all = append(all, e.data...)
			}
		}
		for _, value := range []string{s.Topic, s.Name} { // they may be like the role
			if value != "" {
				all = bytes.ReplaceAll(all, []byte(value), []byte("\n"))
			}
		}
		return all
	}
	return nil
}

var words = regexp.MustCompile(`[0-9A-Za-z]+`)

// words are what stands for the roles: the first word in which the registrations differ.
func (l *learner) words() map[string]string {
	a, b := words.FindAll(l.said(Publisher), -1), words.FindAll(l.said(Subscriber), -1)
	digits := func(w []byte) bool { return len(bytes.Trim(w, "0123456789")) == 0 }
	for _, numbers := range []bool{false, true} { // numbers may be lengths
		for i := range min(len(a), len(b)) {
			if !bytes.Equal(a[i], b[i]) && digits(a[i]) == numbers && digits(b[i]) == numbers {
				return map[string]string{Publisher: trimLength(a[i]), Subscriber: trimLength(b[i])}
			}
		}
	}
	return map[string]string{}
}

// trimLength takes the digits of lengths from the ends of a word.
func trimLength(word []byte) string {
	if text := strings.Trim(string(word), "0123456789"); text != "" {
		return text
	}
	return string(word)
}

// registerAs learns how clients of some roles register. Where words are given, they are what differs.
func (l *learner) registerAs(words map[string]string, waits int, roles ...string) (Template, error) {
	var all [][]segment
	var values []Values
	var ids []*string
	acknowledged := true
	for i, s := range l.sessions {
		if !slices.Contains(roles, s.Role) {
			continue
		}
		events, answered := registration(s, l.events[i], l.texts)
		if s.Role == Subscriber && l.talksOn(i) {
			return nil, errors.New("a subscriber goes on talking to the server while it receives messages")
		}
		acknowledged = acknowledged && answered
		all = append(all, segments(events, true, waits))
		v := l.values(i)
		v.Role = spelling(words[s.Role], events)
		values = append(values, v)
		ids = append(ids, &l.ids[i])
	}
	if len(all) < 2 {
		return nil, fmt.Errorf("the client was not recorded twice as a %s", strings.ToLower(roles[0]))
	}
	t, err := explain(all, values, ids, "", "id")
	if err != nil {
		return nil, fmt.Errorf("as a %s the client registers in a way that is not understood: %w", strings.ToLower(roles[0]), err)
	}
	if acknowledged && waits != noWaits {
		t = append(t, part{kind: "wait"})
	}
	return t, nil
}

// spelling is a word as a client has it: it may be typed in capitals once and in small letters then.
func spelling(word string, events []event) string {
	if word == "" {
		return ""
	}
	for _, e := range events {
		if at := strings.Index(strings.ToLower(string(e.data)), strings.ToLower(word)); e.up && at >= 0 && at+len(word) <= len(e.data) {
			return string(e.data[at : at+len(word)])
		}
	}
	return word
}

// talksOn reports whether a client sends something between messages that it receives.
func (l *learner) talksOn(i int) bool {
	received, spoke := false, false
	for _, e := range l.events[i] {
		switch {
		case e.up && received:
			spoke = true
		case !e.up && !e.open && holdsOne(e.data, l.texts):
			if received = true; spoke {
				return true
			}
		}
	}
	return false
}

func (l *learner) values(i int) Values {
	s := l.sessions[i]
	v := Values{Topic: s.Topic, Name: s.Name}
	if len(s.Conns) > 0 {
		v.Local, v.Server = s.Conns[0].Local, s.Conns[0].Server
	}
	return v
}
