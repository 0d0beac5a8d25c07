package protocol

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Hello is a role line: what a client asks to be (P2).
type Hello struct {
	Role Role
	Name string // "" for the server to name it IP:PORT (P5)

	// Token is the word that lets the client in, where the server wants one (P18). Do not show it
	// to anybody.
	Token string

	Topic string // of a publisher; "" for none (P11)
	Ack   bool   // of a publisher: answer with ack lines (P14)
	Run   string // of a publisher: resume this run; "" for none (P15)

	Filter Filter // of a subscriber; zero for everything (P11)
	From   From   // of a subscriber; zero for new messages only (P12)
	Format Format // of a subscriber; zero for plain (P13)
}

// HelloKeys are the keys that role lines have, of any role.
var HelloKeys = []string{"name", "token", "topic", "ack", "run", "from", "format"}

// ParseHello reads a role line without its line end. Its errors name what was wrong and what was
// expected, and are meant for the client.
func ParseHello(line string) (Hello, error) {
	if !utf8.ValidString(line) {
		return Hello{}, errors.New("the role line is not UTF-8")
	}
	words := strings.Fields(line)
	if len(words) == 0 {
		return Hello{}, errors.New("no role given, expected PUBLISHER or SUBSCRIBER")
	}
	var h Hello
	var err error
	if h.Role, err = ParseRole(words[0]); err != nil {
		return Hello{}, at(1, err)
	}
	seen := map[string]bool{}
	for i, word := range words[1:] {
		key, value, ok := strings.Cut(word, "=")
		var err error
		switch {
		case !ok:
			err = Errorf("unexpected %s after the role, expected key=value such as topic=news", Quoted(word))
		case seen[key]:
			err = Errorf("key %s given twice", Quoted(key))
		default:
			err = h.set(key, value)
		}
		if err != nil {
			return Hello{}, at(i+2, err)
		}
		seen[key] = true
	}
	if h.Run != "" && h.Name == "" {
		return Hello{}, errNoName
	}
	return h, nil
}

// ParseQuery reads what the keys of a role line say, where they come as a query over HTTP; each key
// may be given once. Its errors are like those of ParseHello.
func ParseQuery(role Role, query map[string][]string) (Hello, error) {
	h := Hello{Role: role}
	for _, key := range slices.Sorted(maps.Keys(query)) {
		if len(query[key]) > 1 {
			return Hello{}, Errorf("key %s given twice", Quoted(key))
		}
		if err := h.set(key, query[key][0]); err != nil {
			return Hello{}, err
		}
	}
	if h.Run != "" && h.Name == "" {
		return Hello{}, errNoName
	}
	return h, nil
}

var errNoName = errors.New("run= needs name=, expected both or neither")

func (h *Hello) set(key, value string) (err error) {
	value = strings.Clone(value) // what is kept of a role line must not keep all of it in memory
	switch {
	case key == "name":
		h.Name = value
		return CheckName(value)
	case key == "token":
		h.Token = value
		if value == "" || len(value) > MaxToken {
			return fmt.Errorf("bad token, expected 1 to %d bytes", MaxToken)
		}
		return nil
	case key == "topic" && h.Role == Publisher:
		h.Topic = value
		return CheckTopic(value)
	case key == "topic":
		h.Filter, err = ParseFilter(value)
		return err
	case key == "ack" && h.Role == Publisher:
		if value != "yes" && value != "no" {
			return Errorf("bad ack %s, expected yes or no", Quoted(value))
		}
		h.Ack = value == "yes"
		return nil
	case key == "run" && h.Role == Publisher:
		h.Run = value
		if CheckName(value) != nil {
			return Errorf("bad run %s, expected 1 to %d of A-Z a-z 0-9 . _ -", Quoted(value), MaxRun)
		}
		return nil
	case key == "from" && h.Role == Subscriber:
		h.From, err = ParseFrom(value)
		return err
	case key == "format" && h.Role == Subscriber:
		h.Format, err = ParseFormat(value)
		return err
	}
	keys := "name, topic, ack, run, token"
	if h.Role == Subscriber {
		keys = "name, topic, from, format, token"
	}
	return Errorf("unknown key %s of a %s, expected one of %s", Quoted(key), h.Role, keys)
}

// String returns the role line without its line end. ParseHello reads it back.
func (h Hello) String() string {
	var b strings.Builder
	b.WriteString(h.Role.String())
	add := func(key, value string) {
		if value != "" {
			b.WriteString(" " + key + "=" + value)
		}
	}
	add("name", h.Name)
	add("token", h.Token)
	add("topic", h.Topic+h.Filter.String())
	if h.Ack {
		add("ack", "yes")
	}
	add("run", h.Run)
	if h.From != (From{}) {
		add("from", h.From.String())
	}
	if h.Format != Plain {
		add("format", h.Format.String())
	}
	return b.String()
}

// From is where in the order a subscriber begins (P12). The zero value is "new": with what is
// published after the registration.
type From struct {
	last  uint64 // the last so many matching messages; 0 for none of that kind
	pos   uint64 // this position; 0 for none of that kind
	first bool
}

// FromFirst begins with the oldest message kept.
func FromFirst() From { return From{first: true} }

// FromLast begins with the last n matching messages; 0 is "new".
func FromLast(n uint64) From { return From{last: n} }

// FromPosition begins at a position; the first message of a journal has position 1, and 0 is "new".
func FromPosition(pos uint64) From { return From{pos: pos} }

// First reports whether f is "first".
func (f From) First() bool { return f.first }

// Last returns how many matching messages back f begins, 0 if it is not of that kind.
func (f From) Last() uint64 { return f.last }

// Position returns the position at which f begins, 0 if it is not of that kind.
func (f From) Position() uint64 { return f.pos }

// ParseFrom reads the value of from=.
func ParseFrom(s string) (From, error) {
	switch s {
	case "new":
		return From{}, nil
	case "first":
		return FromFirst(), nil
	}
	digits, last := strings.CutPrefix(s, "-")
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || n == 0 {
		return From{}, Errorf("bad from %s, expected new, first, -N (the last N) or a position from 1 up", Quoted(s))
	}
	if last {
		return FromLast(n), nil
	}
	return FromPosition(n), nil
}

// String returns the value of from=. ParseFrom reads it back.
func (f From) String() string {
	switch {
	case f.first:
		return "first"
	case f.last > 0:
		return "-" + strconv.FormatUint(f.last, 10)
	case f.pos > 0:
		return strconv.FormatUint(f.pos, 10)
	}
	return "new"
}

// UnmarshalText reads the value of from=, for flags.
func (f *From) UnmarshalText(text []byte) (err error) {
	*f, err = ParseFrom(string(text))
	return err
}

// Welcome is the line that accepts a role line (P4).
type Welcome struct {
	Role        Role
	Name        string
	Publishers  int    // online, this one included
	Subscribers int    // online, this one included
	Next        uint64 // a subscriber's first position (P12), or the run's line to send next (P15); 0 for none
	Journal     string // which order positions and runs are of, by the rules of a name; "" for not known
	Sync        string // when what is acknowledged is on a disk: "always", "1s", "never"; "" for not known
}

const (
	registered = "registered as "
	syncKey    = " sync="
)

// HealthyAnswer returns the answer to HealthCheck where all is well (P2), without its line end. sync
// is that of a Welcome.
func HealthyAnswer(sync string) string {
	if sync == "" {
		return Healthy
	}
	return Healthy + syncKey + sync
}

// IsHealthy reports whether all is well, by the answer to HealthCheck without its line end.
func IsHealthy(answer string) bool {
	return answer == Healthy || strings.HasPrefix(answer, Healthy+" ")
}

// String returns the line without its line end. ParseWelcome reads it back.
func (w Welcome) String() string {
	s := fmt.Sprintf(registered+"%s name=%s publishers=%d subscribers=%d", w.Role, w.Name, w.Publishers, w.Subscribers)
	if w.Next > 0 {
		s += " next=" + strconv.FormatUint(w.Next, 10)
	}
	if w.Journal != "" {
		s += " journal=" + w.Journal
	}
	if w.Sync != "" {
		s += syncKey + w.Sync
	}
	return s
}

// ParseWelcome reads a Welcome. Keys that it does not know are passed over, so that a newer server
// can say more. A line that begins with "error: " comes back as a *Refusal.
func ParseWelcome(line string) (Welcome, error) {
	if text, ok := strings.CutPrefix(line, ErrorPrefix); ok {
		return Welcome{}, &Refusal{text}
	}
	rest, ok := strings.CutPrefix(line, registered)
	words := strings.Fields(rest)
	if !ok || len(words) == 0 {
		return Welcome{}, fmt.Errorf("unexpected answer %s, expected %q and a role", Quoted(line), registered)
	}
	var w Welcome
	var err error
	if w.Role, err = ParseRole(words[0]); err != nil {
		return Welcome{}, err
	}
	for _, word := range words[1:] {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "name":
			w.Name = value
		case "publishers":
			w.Publishers, err = strconv.Atoi(value)
		case "subscribers":
			w.Subscribers, err = strconv.Atoi(value)
		case "next":
			w.Next, err = strconv.ParseUint(value, 10, 64)
		case "journal":
			w.Journal = value
		case "sync":
			w.Sync = value
		}
		if err != nil {
			return Welcome{}, fmt.Errorf("bad %s in %s, expected a number", Quoted(word), Quoted(line))
		}
	}
	return w, nil
}

const ack = "ack "

// AppendAck appends the line that acknowledges the first n lines of a run (P14).
func AppendAck(dst []byte, n uint64) []byte {
	return append(strconv.AppendUint(append(dst, ack...), n, 10), '\n')
}

// ParseAck reads an ack line, without its line end.
func ParseAck(line string) (n uint64, ok bool) {
	digits, ok := strings.CutPrefix(line, ack)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil
}
