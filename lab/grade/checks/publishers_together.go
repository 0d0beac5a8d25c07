package checks

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"

	"pubsublab/lab/grade/harness"
)

// publishersTogether is the check publishers-together:
//
//	publisher 1 ──m1 ... m25──▶ server
//	   ...          at the same time       ──all 100──▶ each subscriber
//	publisher 4 ──m1 ... m25──▶ server
//
// Each on a line of its own, where messages come on lines.
var publishersTogether = Check{
	ID:    "publishers-together",
	Title: "publishers can publish at the same time",
	From:  "A5, A7",
	Needs: []string{"all-receive-all", "nothing-lost", "pair-together"},
	Runs:  3,
	First: true,
	Run:   runPublishersTogether,
}

func runPublishersTogether(ctx context.Context, g *Suite) (*harness.Finding, error) {
	const publishers = 4
	r, subscribers, all, f, err := g.Fixture(ctx, "together", 2, publishers)
	if f != nil || err != nil {
		return f, err
	}
	defer r.Close()
	each := r.Count(100) / publishers
	var messages []harness.Message
	plans := make([][]harness.Message, len(all))
	for i, p := range all {
		for range each {
			m := p.Next("")
			plans[i] = append(plans[i], m)
			messages = append(messages, m)
		}
	}
	var talking sync.WaitGroup
	for _, plan := range plans {
		talking.Go(func() {
			for _, m := range plan {
				if r.Say(ctx, m) != nil { // what cannot be sent is lost, and judged as that
					return
				}
			}
		})
	}
	talking.Wait()
	s, m, lost := r.FirstMissing(ctx, subscribers, messages)
	if !lost {
		return mixed(r, subscribers, messages), nil
	}
	f = &harness.Finding{
		What:    fmt.Sprintf("%d publishers sent %d messages each at the same time, and %s did not receive one of %s.", publishers, each, s.Name, m.From.Name),
		Cause:   "Threads change or use something together without a lock (a buffer, a variable, the list of subscribers), or two of them write to one socket at once.",
		Excerpt: r.Excerpt([]*harness.Participant{m.From, s}, []string{m.Token}, harness.MissingStep(s, m)),
	}
	if t := s.Terminal(); t != nil {
		if _, down := t.Carried(m.Token); down {
			f.What = fmt.Sprintf("%d publishers sent %d messages each at the same time, and %s did not show one of %s.", publishers, each, s.Name, m.From.Name)
			f.Cause = oneOfARead
		}
	}
	if !r.Running() {
		f.Excerpt = append(f.Excerpt, r.Ended()...)
	}
	return f, nil
}

// mixed is that parts of two messages came on one line, where those that were said one at a time came
// on lines of their own.
func mixed(r *harness.ServerRun, subscribers []*harness.Participant, together []harness.Message) *harness.Finding {
	from := map[string]*harness.Participant{}
	for _, m := range together {
		from[m.Token] = m.From
	}
	for _, s := range subscribers {
		line, token := mixedLine(s.Received.Bytes(), from)
		if line == "" {
			continue
		}
		wrong := harness.Step{At: r.Now(), Kind: harness.Wrong, From: harness.ServerName, To: s.Name, Data: []byte(line)}
		return &harness.Finding{
			What:    fmt.Sprintf("Publishers sent at the same time, and %s received parts of two messages on one line: %q.", s.Name, line),
			Cause:   "Two threads write to one socket at once, each message in several parts: make one text of it, and send that with one call, under a lock.",
			Excerpt: append(r.Excerpt([]*harness.Participant{from[token], s}, []string{token}), wrong),
		}
	}
	return nil
}

// mixedLine is a line on which there are two messages of different participants, or twice what stands
// before one, and the last message on it. It is empty where there is none, or where the first message
// of all, beside which nobody said anything, is not alone on its line.
func mixedLine(data []byte, from map[string]*harness.Participant) (found, token string) {
	begun, usual := false, ""
	for line := range bytes.Lines(data) {
		all := harness.Occurrences(line)
		if len(all) == 0 {
			continue
		}
		first, last := all[0], all[len(all)-1]
		before := lead(line, first.Start)
		if !begun {
			if len(all) > 1 {
				return "", ""
			}
			begun, usual = true, before
		}
		if from[last.Token] != nil && (from[first.Token] != from[last.Token] || usual != "" && strings.Count(before, usual) > 1) {
			return string(bytes.TrimSpace(line)), last.Token
		}
	}
	return "", ""
}
