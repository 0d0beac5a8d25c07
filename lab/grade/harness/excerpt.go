package harness

import (
	"bytes"
	"slices"
	"strings"
	"time"
)

// ServerName is what the server is called in excerpts. Publishers and subscribers have numbers.
const ServerName = "server"

const (
	sliceLimit = 16  // steps
	dataLimit  = 160 // bytes of a step
)

// Excerpt is the part of the conversation that is about some tokens, among some participants: who
// they are, and where the tokens went. more are steps that did not happen and should have, and
// remarks; those without a time come last.
func (r *ServerRun) Excerpt(peers []*Participant, tokens []string, more ...Step) []Step {
	var steps []Step
	var last time.Duration
	for i, p := range peers {
		if slices.Contains(peers[:i], p) {
			continue // it is involved twice
		}
		steps = append(steps, p.story(r.Began, tokens)...)
	}
	for _, s := range steps {
		last = max(last, s.At)
	}
	for i, s := range more {
		if s.At == 0 {
			s.At = last + time.Duration(i+1)*time.Millisecond
		}
		steps = append(steps, s)
	}
	return InOrder(steps)
}

// InOrder sorts steps by time, and leaves the middle out where there are too many.
func InOrder(steps []Step) []Step {
	slices.SortStableFunc(steps, func(a, b Step) int { return int(a.At - b.At) })
	over := len(steps) - sliceLimit
	if over <= 0 {
		return steps
	}
	note := Step{At: steps[sliceLimit/2].At, Kind: Notes, From: ServerName, Data: []byte(Count(over, "step") + " left out")}
	return slices.Concat(steps[:sliceLimit/2], []Step{note}, steps[sliceLimit/2+over:])
}

// story is what one participant did and received that has to do with the tokens, and how it came in
// and left.
func (p *Participant) story(began time.Time, tokens []string) []Step {
	p.mu.Lock()
	steps := slices.Clone(p.steps)
	for i := range steps {
		steps[i].At = p.ats[i].Sub(began)
	}
	p.mu.Unlock()
	var told []Step
	role := false
	for _, s := range steps {
		switch {
		case s.Kind != Sends:
		case !role: // the first it sends
			role = true
		case !anyIn(s.Data, tokens):
			continue
		}
		s.Data = Cut(s.Data, tokens)
		told = append(told, s)
	}
	data := p.Received.Bytes()
	for _, s := range p.Seen() {
		if slices.Contains(tokens, s.Token) {
			told = append(told, Step{At: s.At.Sub(began), Kind: Sends, From: ServerName, To: p.Name, Data: Around(data, s)})
		}
	}
	return told
}

func anyIn(data []byte, tokens []string) bool {
	return slices.ContainsFunc(tokens, func(t string) bool { return ContainsFold(data, t) })
}

// Cut cuts data to what can be read, around the first of the tokens.
func Cut(data []byte, tokens []string) []byte {
	if len(data) <= dataLimit {
		return data
	}
	start := 0
	for _, t := range tokens {
		if at := bytes.Index(data, []byte(t)); at >= 0 {
			start = max(0, at-dataLimit/2)
			break
		}
	}
	return data[start:min(len(data), start+dataLimit)]
}

// Around is a token with its decoration: its line, without what belongs to the tokens next to it.
func Around(data []byte, s Occurrence) []byte {
	line := data[s.After:s.Before]
	at := s.Start - s.After
	start := bytes.LastIndexByte(line[:at], '\n') + 1
	if end := bytes.IndexByte(line[at:], '\n'); end >= 0 {
		line = line[:at+end]
	}
	return Cut(line[start:], []string{s.Raw})
}

// Printed are the last lines of a program's output since an offset, as one step.
func Printed(name string, output []byte, at time.Duration) []Step {
	const lines = 6
	text := strings.TrimRight(string(output), "\n")
	all := strings.Split(text, "\n")
	text = strings.Join(all[max(0, len(all)-lines):], "\n")
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return []Step{{At: at, Kind: Prints, From: name, Data: []byte(text[max(0, len(text)-3*dataLimit):])}}
}
