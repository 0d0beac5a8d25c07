// Package report keeps what remains of a run of a topology: run.json, which is judged again by
// lab check, and report.html, one page that needs no other file and no network. It is told what
// happened, and connects to nothing.
package report

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"pubsublab/lab/history"
)

// The files of a run, in its folder.
const (
	RunFile  = "run.json"
	PageFile = "report.html"
)

// version is that of the form of run.json, which docs/runs.md describes.
const version = 2

// maxBytes is about how large a run.json gets, unless its lines are mostly escaped. What is longer
// is cut to a window.
const maxBytes = 16 << 20

// A Run is one run of a topology: what was sent and received, what happened meanwhile, and what was
// said of it. All times are in microseconds since 1970.
type Run struct {
	Title   string  `json:"title"`   // what ran: a compose file, a test
	Runtime string  `json:"runtime"` // what nodes were: containers or processes
	Began   int64   `json:"began"`
	Ended   int64   `json:"ended"`
	Nodes   []Node  `json:"nodes"` // in the order in which a line passes them
	Events  []Event `json:"events"`
	Verdict Verdict `json:"verdict"`
	Cut     *Cut    `json:"cut,omitempty"` // nil: all of it is there

	history.History
}

// A Node is a node of the topology.
type Node struct {
	Name string `json:"name"`
	Role string `json:"role"`         // broker, stream, publisher or subscriber
	As   string `json:"as,omitempty"` // of a publisher: its name as subscribers see it
}

// An Event is something that happened to a node, or to all where Node is empty.
type Event struct {
	At   int64  `json:"at"`
	Kind Kind   `json:"kind"`
	Node string `json:"node,omitempty"`
	Text string `json:"text"` // a predicate: "was killed by SIGKILL"
}

// Kind is what an Event is.
type Kind string

// The kinds of events.
const (
	Fault Kind = "fault" // what somebody did to a node, or what it did itself and should not have
	End   Kind = "end"   // a node ended as it should
	Died  Kind = "died"  // a node ended that should not have: a fault as well
	Back  Kind = "back"  // a node that had ended runs again
	Told  Kind = "told"  // what the lab said
)

// fault reports whether a diagram is drawn around it.
func (e Event) fault() bool { return e.Kind == Fault || e.Kind == Died }

// A Verdict is what was said of the run when it had ended.
type Verdict struct {
	Level    string   `json:"level"` // good, warn or bad
	Headline string   `json:"headline"`
	Notes    []string `json:"notes,omitempty"`
}

// A Cut says that only a window of a large run is kept: the lines that got their places between two
// times. What was sent and received outside of it is missing.
type Cut struct {
	From     int64 `json:"from"`
	To       int64 `json:"to"`
	Received int   `json:"received"` // messages that all subscribers together received, in the whole run
}

// kept is the form of a run in a file.
type kept struct {
	Version int `json:"version"`
	Run
}

// base64Mark begins a line that is kept as base64: JSON holds nothing that is no UTF-8.
const base64Mark = "base64:"

func encodeLine(s string) string {
	if utf8.ValidString(s) && !strings.HasPrefix(s, base64Mark) {
		return s
	}
	return base64Mark + base64.StdEncoding.EncodeToString([]byte(s))
}

func decodeLine(s string) string {
	if kept, marked := strings.CutPrefix(s, base64Mark); marked {
		if line, err := base64.StdEncoding.DecodeString(kept); err == nil {
			return string(line)
		}
	}
	return s
}

// mapLines returns a history with its lines changed, and leaves the one it is given as it was.
func mapLines(h history.History, change func(string) string) history.History {
	h.Publishers, h.Subscribers = slices.Clone(h.Publishers), slices.Clone(h.Subscribers)
	for i := range h.Publishers {
		p := &h.Publishers[i]
		p.Sent = slices.Clone(p.Sent)
		for k, line := range p.Sent {
			p.Sent[k] = change(line)
		}
	}
	for i := range h.Subscribers {
		s := &h.Subscribers[i]
		s.Received = slices.Clone(s.Received)
		for k, m := range s.Received {
			s.Received[k].Line = change(m.Line)
		}
	}
	return h
}

// Write keeps a run in a folder, which it makes: run.json and report.html. A run that is too large
// is cut.
func Write(folder string, r Run) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	r = r.cut(maxBytes)
	page, err := r.page()
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, PageFile), page, 0o644)
	}
	if err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(folder, RunFile))
	if err != nil {
		return err
	}
	return errors.Join(save(file, r), file.Close())
}

// save writes a run as JSON.
func save(w io.Writer, r Run) error {
	r.History = mapLines(r.History, encodeLine)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	return encoder.Encode(kept{version, r})
}

// Load reads a run.json. An error says what was expected.
func Load(r io.Reader) (Run, error) {
	var k kept
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&k); err != nil {
		return Run{}, fmt.Errorf("expected a run as lab up keeps it: %w", err)
	}
	if k.Version != version {
		return Run{}, fmt.Errorf("the run is of version %d, expected %d", k.Version, version)
	}
	names := map[string]bool{}
	for _, p := range k.Publishers {
		if names[p.Name] {
			return Run{}, fmt.Errorf("two publishers are named %q, expected one of a name", p.Name)
		}
		names[p.Name] = true
	}
	k.History = mapLines(k.History, decodeLine)
	return k.Run, nil
}

// since is a time of the run for people: how long after its beginning.
func (r *Run) since(at int64) time.Duration {
	return time.Duration(max(0, at-r.Began)) * time.Microsecond
}
