package checks

import (
	"bytes"
	"context"
	"regexp"

	"pubsublab/lab/grade/harness"
)

// terminateIsNoMessage is the check terminate-is-no-message:
//
//	publisher ──m, terminate──▶ server ──m──▶ subscriber      and nothing more
var terminateIsNoMessage = Check{
	ID:     "terminate-is-no-message",
	Title:  "subscribers do not receive the word terminate",
	From:   "A4",
	Needs:  []string{"server-delivers"},
	Socket: true,
	Run:    runTerminateIsNoMessage,
}

// asMessage is where a word was received with the same before it on its line as messages have, numbers
// aside, or -1: a server may well say that somebody has left, and how.
func asMessage(data, word []byte) int {
	leads := leadsOf(data)
	for at := 0; ; at += len(word) {
		next := bytes.Index(harness.Lower(data[at:]), word)
		if next < 0 {
			return -1
		}
		if at += next; leads[lead(data, at)] {
			return at
		}
	}
}

var numbers = regexp.MustCompile(`[0-9]+`)

// leadsOf are what stands before messages.
func leadsOf(data []byte) map[string]bool {
	leads := map[string]bool{}
	for _, s := range harness.Occurrences(data) {
		leads[lead(data, s.Start)] = true
	}
	return leads
}

// lead is what stands before a place on its line, behind the message before it.
func lead(data []byte, at int) string {
	start := bytes.LastIndexByte(data[:at], '\n') + 1
	if found := harness.Occurrences(data[start:at]); len(found) > 0 {
		start += found[len(found)-1].End
	}
	return string(numbers.ReplaceAll(data[start:at], []byte("#")))
}

func runTerminateIsNoMessage(ctx context.Context, g *Suite) (*harness.Finding, error) {
	r, subscribers, publishers, f, err := g.Fixture(ctx, "terminate", 1, 1)
	if f != nil || err != nil {
		return f, err
	}
	defer r.Close()
	p, s := publishers[0], subscribers[0]
	messages, err := goodbye(ctx, r, p)
	if err != nil {
		return r.Unreachable("while a publisher spoke"), nil
	}
	r.Await(ctx, subscribers, messages)
	r.Settle(ctx)
	data := s.Received.Bytes()
	at := asMessage(data, []byte("terminate"))
	if at < 0 {
		return nil, nil
	}
	start := bytes.LastIndexByte(data[:at], '\n') + 1
	wrong := harness.Step{At: s.Received.At(at).Sub(r.Began), Kind: harness.Wrong, From: harness.ServerName, To: s.Name, Data: harness.Cut(data[start:], []string{"terminate"})}
	return &harness.Finding{
		What:    "A publisher said terminate, and " + s.Name + " received that as a message.",
		Cause:   "The server passes a message on before it looks whether it is terminate.",
		Excerpt: r.Excerpt([]*harness.Participant{p, s}, []string{"terminate"}, wrong),
	}, nil
}
