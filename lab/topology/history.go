package topology

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"pubsublab/lab/history"
)

// History collects, for the checker, what the publishers' scripts hold and what the subscribers'
// transcripts hold. Call it once the subscribers have ended. A publisher's lines count as surely
// accepted where it ended with exit code 0, and a subscriber as having stayed to the end likewise;
// a torn last line is forgiven to a subscriber that did not. A publisher without a --name is an
// error: nobody could tell whose its lines are.
func (d *Deployment) History() (history.History, error) {
	var h history.History
	for _, n := range d.Nodes() {
		switch n.Spec.Role {
		case Publisher:
			name, ok := n.Spec.Flag("name")
			if !ok {
				return h, fmt.Errorf("publisher %s has no --name by which its lines could be told", n.Spec.Name)
			}
			lines, err := n.Spec.Lines()
			if err != nil {
				return h, err
			}
			p := history.Publisher{Name: name, Topic: n.Spec.Topic(), Sent: lines}
			if n.succeeded() {
				p.Acked = len(lines)
			}
			h.Publishers = append(h.Publishers, p)
		case Subscriber:
			received, err := n.received()
			if err != nil {
				return h, fmt.Errorf("the transcript of %s: %w", n.Spec.Name, err)
			}
			from, _ := n.Spec.Flag("from")
			h.Subscribers = append(h.Subscribers, history.Subscriber{
				Name: n.Spec.Name, Filter: n.Spec.Topic(), FromFirst: from == "first", ToEnd: n.succeeded(), Received: received,
			})
		}
	}
	return h, nil
}

func (n *Node) received() ([]history.Message, error) {
	file, err := os.Open(n.Transcript())
	if errors.Is(err, fs.ErrNotExist) && !n.succeeded() {
		return nil, nil // it ended before it received anything
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	transcript, err := history.Read(file, history.TSV)
	if errors.Is(err, io.ErrUnexpectedEOF) && !n.succeeded() {
		err = nil
	}
	return transcript.Messages, err
}

// succeeded reports whether the node has ended with exit code 0.
func (n *Node) succeeded() bool {
	if !n.ended() {
		return false
	}
	code, err := n.Wait(context.Background())
	return code == 0 && err == nil
}

// Format is how a subscriber shows what it receives: its --format, or plain. Its transcript is tsv,
// whatever it shows.
func (s *Spec) Format() history.Format {
	if format, ok := s.Flag("format"); ok {
		return history.Format(format)
	}
	return history.Plain
}

// Topic is a publisher's topic or a subscriber's filter: its --topic, or the argument after its
// role, or "".
func (s *Spec) Topic() string {
	if topic, ok := s.Flag("topic"); ok {
		return topic
	}
	role := slices.IndexFunc(s.Args, func(arg string) bool {
		return strings.EqualFold(arg, string(Publisher)) || strings.EqualFold(arg, string(Subscriber))
	})
	if role >= 0 && role+1 < len(s.Args) {
		return s.Args[role+1]
	}
	return ""
}
