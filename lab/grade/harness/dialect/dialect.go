// Package dialect is the words and the framing that a submission's client and server invented for
// each other. It learns them from recorded sessions, reads them from YAML, and makes the bytes that
// register a role and publish a message; it knows no sockets and no clock.
//
// A dialect is written as templates. A template is text with fields in braces; what is in braces
// and no field is text, so that JSON is written as it is:
//
//	register: "{role}\n"                           what registers a client
//	publisher, subscriber: "..."                   the same, where the roles differ in more than a word
//	roles: [PUBLISHER, SUBSCRIBER]                 what {role} is; these are the default
//	message: "{text}\n"                            what publishes a message
//	terminate: ""                                  what ends a publisher, "" for nothing; a message if left out
//	receive: text                                  what a subscriber gets (below)
//
// Values: {text} the message, {role}, {topic}, {name}; {port} and {local} the client's port and
// host:port, {server} and {serverport} those it connected to; {count} 0, 1, ... for each message, or
// {count:1} from 1; {time:F} with F one of clock, stamp, iso, unix, milli, float; {id:EXAMPLE}
// random letters and digits like the example, the same for as long as a client runs, and
// {random:EXAMPLE} new ones each time. {text:E} is encoded: json (ASCII with \uXXXX), jsonutf8,
// form, mutf8 (Java's writeUTF), upper, lower (case); so can topic and name be.
//
// Framing: {length:F} is how many bytes follow (up to the next {wait} or the end): F is be1, be2,
// be4, be8, le2, le4, le8 (binary), dec (decimal), zero4 (0012), left64, right8, nul64 (decimal,
// padded to a width with spaces behind, before, or NULs behind); {length:F:+4} counts four more,
// {length:F:-4} four less; {length:F:text} counts the text alone (or role, topic, name; body: what stands behind an empty line), and {length:F:chars} characters.
// {pad:1024} fills up with NULs to byte 1024, {pad:1024:space} with spaces.
//
// Conversation: {wait} waits until the server has said something; {cut} makes what follows a write
// of its own, and {cut:100} 100 ms later; {connect} opens another connection for what follows, {connect:6000} at another port
// of the server, and {connect:1} at the one behind its main port; {on:1} goes back to the connection that was opened as number 1, and {on:0} to the
// first; {masked} makes what follows masked text frames of WebSocket. {hex:ff} is bytes, and {brace}
// an opening brace.
//
// receive is text (or left out), json where subscribers get escaped strings, length:F, block:1024
// or websocket for frames; "length:be4 json" for both.
package dialect

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"
)

// Roles of clients, as sessions have them.
const (
	Publisher  = "PUBLISHER"
	Subscriber = "SUBSCRIBER"
)

// Dialect is how a submission wants to be talked to. It is not changed once it is made, and may be
// used concurrently.
type Dialect struct {
	Name     string            // of a known one
	Words    map[string]string // what {role} is, by role
	Register map[string]Template
	Message  Template
	// Terminate is what a publisher sends for terminate: nil where the word goes as a message does,
	// empty where the client only closes.
	Terminate *Template
	Receive   Receive
	Topics    []string // that the submission's client was seen to use; empty: any will do
}

// file is a dialect as it is written.
type file struct {
	Name       string   `yaml:"name,omitempty"`
	Roles      []string `yaml:"roles,omitempty,flow"`
	Register   *string  `yaml:"register,omitempty"`
	Publisher  *string  `yaml:"publisher,omitempty"`
	Subscriber *string  `yaml:"subscriber,omitempty"`
	Message    string   `yaml:"message"`
	Terminate  *string  `yaml:"terminate,omitempty"`
	Receive    string   `yaml:"receive,omitempty"`
	Topics     []string `yaml:"topics,omitempty,flow"`
}

// UnmarshalYAML reads the notation of the package's documentation. It refuses fields that there are
// not.
func (d *Dialect) UnmarshalYAML(node *yaml.Node) error {
	var f file
	if err := node.Load(&f, yaml.WithKnownFields()); err != nil {
		return err
	}
	*d = Dialect{Name: f.Name, Words: map[string]string{}, Register: map[string]Template{}, Topics: f.Topics}
	if f.Roles == nil {
		f.Roles = []string{Publisher, Subscriber}
	}
	if len(f.Roles) != 2 {
		return fmt.Errorf("line %d: roles are two words, a publisher's and a subscriber's", node.Line)
	}
	var wrong []error
	parse := func(text string) Template {
		t, err := Parse(text)
		wrong = append(wrong, err)
		return t
	}
	for i, own := range []*string{f.Publisher, f.Subscriber} {
		role := []string{Publisher, Subscriber}[i]
		d.Words[role] = f.Roles[i]
		switch {
		case own == nil && f.Register == nil:
			return fmt.Errorf("line %d: expected register, or publisher and subscriber", node.Line)
		case own == nil:
			own = f.Register
		}
		d.Register[role] = parse(*own)
	}
	if d.Message = parse(f.Message); !d.Message.has("text") {
		wrong = append(wrong, errors.New("message: expected {text} in it"))
	}
	if f.Terminate != nil {
		t := parse(*f.Terminate)
		d.Terminate = &t
	}
	var err error
	d.Receive, err = parseReceive(f.Receive)
	if err := errors.Join(append(wrong, err)...); err != nil {
		return fmt.Errorf("line %d: %w", node.Line, err)
	}
	return nil
}

// MarshalYAML writes what UnmarshalYAML reads.
func (d *Dialect) MarshalYAML() (any, error) {
	f := file{Name: d.Name, Message: d.Message.String(), Receive: d.Receive.String(), Topics: d.Topics}
	if d.Terminate != nil {
		text := d.Terminate.String()
		f.Terminate = &text
	}
	if words := []string{d.Words[Publisher], d.Words[Subscriber]}; words[0] != Publisher || words[1] != Subscriber {
		f.Roles = words
	}
	publisher, subscriber := d.Register[Publisher].String(), d.Register[Subscriber].String()
	if publisher == subscriber {
		f.Register = &publisher
	} else {
		f.Publisher, f.Subscriber = &publisher, &subscriber
	}
	return f, nil
}

// String is the dialect in one line, for reports: publisher "PUBLISHER\n", subscriber ..., message
// "{text}\n".
func (d *Dialect) String() string {
	show := func(role string) string {
		text := d.Register[role].String()
		if text == "" {
			return "nothing"
		}
		return fmt.Sprintf("%q", strings.ReplaceAll(text, "{role}", d.Words[role]))
	}
	text := fmt.Sprintf("a publisher sends %s, a subscriber %s, a message is %q", show(Publisher), show(Subscriber), d.Message.String())
	if r := d.Receive.String(); r != "" {
		text += ", received as " + r
	}
	return text
}

// HasTopic reports whether clients tell a topic.
func (d *Dialect) HasTopic() bool {
	return d.Message.has("topic") || d.Register[Publisher].has("topic") || d.Register[Subscriber].has("topic")
}

// SpellsRole reports whether a client registers with a word for its role, which could be spelt in
// another way.
func (d *Dialect) SpellsRole(role string) bool { return d.Register[role].has("role") }

// Detached reports whether a client of the role has no connection that stays: it opens one for each
// message.
func (d *Dialect) Detached(role string) bool {
	return role == Publisher && len(d.Register[role]) == 0 && len(d.Message) > 0 && d.Message[0].kind == "connect"
}

// Bare reports whether nothing shows where a message ends: neither a length nor something behind
// the text.
func (d *Dialect) Bare() bool {
	return d.Message[len(d.Message)-1].kind == "text" && !d.Message.has("length")
}

// MessageEnd is what stands behind the text of a message: a newline, or nothing.
func (d *Dialect) MessageEnd() string {
	last := d.Message[len(d.Message)-1]
	if last.kind != "" {
		return ""
	}
	return last.text
}

// RoleEnd is what a registration ends in: a newline, or nothing.
func (d *Dialect) RoleEnd(role string) string {
	t := d.Register[role]
	for len(t) > 0 && t[len(t)-1].kind == "wait" {
		t = t[:len(t)-1]
	}
	if len(t) == 0 || t[len(t)-1].kind != "" {
		return ""
	}
	text := t[len(t)-1].text
	return text[len(strings.TrimRight(text, "\r\n\x00")):]
}

// Heard is the dialect without the waits of a registration that nothing answered.
func (d *Dialect) Heard(role string, answered []bool) *Dialect {
	var t Template
	for _, p := range d.Register[role] {
		if p.kind == "wait" && len(answered) > 0 {
			heard := answered[0]
			if answered = answered[1:]; !heard {
				continue
			}
		}
		t = append(t, p)
	}
	return d.registering(role, t)
}

// AtOnce is the dialect in which a client of a role says as one write what it says one thing right behind
// the other to register, and whether there is such a thing.
func (d *Dialect) AtOnce(role string) (*Dialect, bool) {
	t := slices.DeleteFunc(slices.Clone(d.Register[role]), func(p part) bool { return p.kind == "cut" && p.num == 0 })
	return d.registering(role, t), len(t) < len(d.Register[role])
}

// Asked is the dialect with one more answer in a registration: a topic, or else a name.
func (d *Dialect) Asked(role string, topic bool) *Dialect {
	kind := "name"
	if topic {
		kind = "topic"
	}
	t := append(slices.Clone(d.Register[role]), part{kind: kind}).literal(d.RoleEnd(role))
	return d.registering(role, append(t, part{kind: "wait"}))
}

func (d *Dialect) registering(role string, t Template) *Dialect {
	other := *d
	other.Register = maps.Clone(d.Register)
	other.Register[role] = t
	return &other
}

//go:embed known.yaml
var knownText []byte

var known = sync.OnceValue(func() []*Dialect {
	var all []*Dialect
	if err := yaml.Load(knownText, &all, yaml.WithKnownFields()); err != nil {
		panic("known.yaml: " + err.Error()) // a test reads it
	}
	return all
})

// Known are dialects that were seen in submissions, the likeliest first.
func Known() []*Dialect { return known() }
