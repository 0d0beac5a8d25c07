package pubsub

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/client/internal/fake"
	"pubsublab/protocol"
)

// TestPublisherIsExactAtEveryByte publishes to a server that reads a random number of bytes,
// acknowledges some lines and cuts the connection, again and again: in the end it has every line
// once and in order.
func TestPublisherIsExactAtEveryByte(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 1))
			var want []string
			for i := range 300 {
				want = append(want, strings.Repeat(fmt.Sprint(i), random.IntN(4)))
			}
			var journal []string
			cut := func(p *fake.Peer) {
				p.Accept(fmt.Sprintf(" next=%d", len(journal)+1))
				read := make([]byte, random.IntN(200))
				n, _ := io.ReadFull(p.R, read)
				lines := strings.SplitAfter(string(read[:n]), "\n")
				for _, line := range lines[:len(lines)-1] { // the last one is not whole
					journal = append(journal, strings.TrimSuffix(line, "\n"))
				}
				if n := len(journal); n > 0 {
					ack := fmt.Sprintf("ack %d\n", 1+random.IntN(n))
					p.Send(ack[:random.IntN(len(ack)+1)])
				}
				if random.IntN(2) == 0 {
					p.Reset()
				}
			}
			scripts := slices.Repeat([]func(*fake.Peer){cut}, 4)
			scripts = append(scripts, func(p *fake.Peer) {
				p.Accept(fmt.Sprintf(" next=%d", len(journal)+1))
				for line := p.Line(); line != protocol.Terminate; line = p.Line() {
					journal = append(journal, line)
					p.Send(fmt.Sprintf("ack %d\n", len(journal)))
				}
			})
			p := dialPublisher(t, fake.New(t, scripts...), Config{Name: "a"})
			publish(t, p, want...)
			require.NoError(t, p.Close(t.Context()))
			assert.Equal(t, want, journal)
		})
	}
}

// TestSubscriberIsExactAtEveryByte cuts a subscription at random bytes.
func TestSubscriberIsExactAtEveryByte(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 2))
			var journal []string // messages and events, in their order
			var starts []int     // of the messages in it, by position, with the events before them
			for pos := uint64(1); pos <= 300; pos++ {
				starts = append(starts, len(journal))
				for range max(0, random.IntN(6)-3) {
					name := string('a' + rune(random.IntN(2))) // events may well be equal
					journal = append(journal, string(protocol.TSV.AppendEvent(nil, &protocol.Event{Kind: protocol.Joined, Role: protocol.Publisher, Name: name})))
				}
				journal = append(journal, string(protocol.TSV.AppendMessage(nil, &protocol.Message{Pos: pos, From: "a", Line: fmt.Sprint("line ", pos)})))
			}
			cut := func(p *fake.Peer) {
				p.Send(protocol.Prompt)
				h, _ := protocol.ParseHello(p.Line())
				pos := max(h.From.Position(), 1)
				all := strings.Join(journal[starts[pos-1]:], "")
				p.Send(fmt.Sprintf("registered as SUBSCRIBER name=s next=%d\n", pos))
				if p.Number <= 4 {
					all = all[:random.IntN(min(len(all), 3000))]
				}
				p.Send(all)
				p.Conn.CloseWrite()
				p.Line()
			}
			s := dialSubscriber(t, fake.New(t, slices.Repeat([]func(*fake.Peer){cut}, 5)...), Config{From: protocol.FromFirst()})
			var got []string
			for len(got) < len(journal) {
				item, err := s.Next(t.Context())
				require.NoError(t, err)
				if item.Event != nil {
					got = append(got, string(protocol.TSV.AppendEvent(nil, item.Event)))
				} else {
					got = append(got, string(protocol.TSV.AppendMessage(nil, &item.Message)))
				}
			}
			assert.Equal(t, journal, got)
		})
	}
}
