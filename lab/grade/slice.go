package grade

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// How participants are called in slices. Publishers and subscribers have numbers.
const serverName = "server"

const (
	sliceLimit = 16  // steps
	dataLimit  = 160 // bytes of a step
)

// slice is the part of the conversation that is about some tokens, among some peers: who they are, and where the tokens
// went. more are steps that did not happen and should have, and remarks; those without a time come last.
func (r *room) slice(peers []*peer, tokens []string, more ...Step) []Step {
	var steps []Step
	var last time.Duration
	for i, p := range peers {
		if slices.Contains(peers[:i], p) {
			continue // it is involved twice
		}
		steps = append(steps, p.story(r.began, tokens)...)
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
	return inOrder(steps)
}

// inOrder sorts steps by time, and leaves the middle out where there are too many.
func inOrder(steps []Step) []Step {
	slices.SortStableFunc(steps, func(a, b Step) int { return int(a.At - b.At) })
	over := len(steps) - sliceLimit
	if over <= 0 {
		return steps
	}
	note := Step{At: steps[sliceLimit/2].At, Kind: Notes, From: serverName, Data: []byte(fmt.Sprintf("%d steps are left out", over))}
	return slices.Concat(steps[:sliceLimit/2], []Step{note}, steps[sliceLimit/2+over:])
}

// story is what one peer did and received that has to do with the tokens, and how it came in and left.
func (p *peer) story(began time.Time, tokens []string) []Step {
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
		s.Data = excerpt(s.Data, tokens)
		told = append(told, s)
	}
	data := p.in.Bytes()
	for _, s := range p.seen() {
		if slices.Contains(tokens, s.token) {
			told = append(told, Step{At: s.at.Sub(began), Kind: Sends, From: serverName, To: p.name, Data: around(data, s)})
		}
	}
	return told
}

func anyIn(data []byte, tokens []string) bool {
	return slices.ContainsFunc(tokens, func(t string) bool { return containsFold(data, t) })
}

// containsFold looks for a token, which is in lower case.
func containsFold(data []byte, token string) bool {
	return bytes.Contains(data, []byte(token)) || bytes.Contains(lower(data), []byte(token))
}

// excerpt cuts data to what can be read, around the first of the tokens.
func excerpt(data []byte, tokens []string) []byte {
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

// around is a token with its decoration: its line, without what belongs to the tokens next to it.
func around(data []byte, s sighting) []byte {
	line := data[s.after:s.before]
	at := s.start - s.after
	start := bytes.LastIndexByte(line[:at], '\n') + 1
	if end := bytes.IndexByte(line[at:], '\n'); end >= 0 {
		line = line[:at+end]
	}
	return excerpt(line[start:], []string{s.raw})
}

// printed are the last lines of a program's output since an offset, as one step.
func printed(name string, output []byte, at time.Duration) []Step {
	const lines = 6
	text := strings.TrimRight(string(output), "\n")
	all := strings.Split(text, "\n")
	text = strings.Join(all[max(0, len(all)-lines):], "\n")
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return []Step{{At: at, Kind: Prints, From: name, Data: []byte(text[max(0, len(text)-3*dataLimit):])}}
}
