package history

import (
	"fmt"
	"testing"
)

// large is a correct history: the publishers take turns, and every subscriber receives everything.
func large(publishers, lines, subscribers int) History {
	var h History
	for p := range publishers {
		pub := Publisher{Name: fmt.Sprintf("pub-%d", p), Acked: lines}
		for i := range lines {
			pub.Sent = append(pub.Sent, fmt.Sprintf("line %d of publisher %d, as long as a sentence that somebody types", i, p))
		}
		h.Publishers = append(h.Publishers, pub)
	}
	for n := range subscribers {
		s := Subscriber{Name: fmt.Sprintf("sub-%d", n), FromFirst: true, ToEnd: true}
		for i := range lines {
			for _, pub := range h.Publishers {
				s.Received = append(s.Received, Message{From: pub.Name, Line: pub.Sent[i]})
			}
		}
		h.Subscribers = append(h.Subscribers, s)
	}
	return h
}

func BenchmarkCheck(b *testing.B) {
	h := large(5, 200_000, 5)
	faulty := map[string]func(r []Message) []Message{
		"correct": func(r []Message) []Message { return r },
		"late":    func(r []Message) []Message { return r[len(r)/2:] },
		"every third line lost": func(r []Message) []Message {
			var kept []Message
			for i, m := range r {
				if i%3 != 0 {
					kept = append(kept, m)
				}
			}
			return kept
		},
		"other order": func(r []Message) []Message {
			var kept []Message
			for _, pub := range h.Publishers {
				for _, m := range r {
					if m.From == pub.Name {
						kept = append(kept, m)
					}
				}
			}
			return kept
		},
		"all altered": func(r []Message) []Message {
			var kept []Message
			for _, m := range r {
				m.Line += "!"
				kept = append(kept, m)
			}
			return kept
		},
	}
	for name, change := range faulty {
		b.Run(name, func(b *testing.B) {
			h := History{Publishers: h.Publishers, Subscribers: append([]Subscriber(nil), h.Subscribers...)}
			last := &h.Subscribers[len(h.Subscribers)-1]
			last.Received = change(last.Received)
			last.FromFirst = name != "late"
			for b.Loop() {
				if Check(h).OK() != (name == "correct" || name == "late") {
					b.Fatal(Check(h))
				}
			}
			b.ReportMetric(float64(5*1_000_000*b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}
