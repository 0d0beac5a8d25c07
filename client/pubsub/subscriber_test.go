package pubsub

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/client/internal/fake"
	"pubsublab/protocol"
)

func dialSubscriber(t *testing.T, f *fake.Server, cfg Config) *Subscriber {
	t.Helper()
	s, err := DialSubscriber(t.Context(), f.Addr, cfg)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

const stamp = "2026-11-22T10:15:04.123456Z"

// wantItems reads messages of these texts, events and gaps as their tsv lines.
func wantItems(t *testing.T, s *Subscriber, want ...string) {
	t.Helper()
	for _, want := range want {
		item, err := s.Next(t.Context())
		require.NoError(t, err, "waiting for %q", want)
		got := item.Line
		if item.Event != nil {
			got = string(protocol.TrimLine(protocol.TSV.AppendEvent(nil, item.Event)))
		}
		require.Equal(t, want, got)
	}
}

func TestSubscriberReceives(t *testing.T) {
	f := fake.New(t, func(p *fake.Peer) {
		h := p.Accept(" next=7")
		assert.Equal(t, "SUBSCRIBER name=s topic=sea.* from=-5 format=tsv", h.String())
		p.Send("7\t" + stamp + "\ta\tsea.light\tone\n8\t" + stamp + "\ta\tsea.light\t\ttwo\r\r\n")
		p.Send("#joined\t" + stamp + "\tPUBLISHER\tb\t\n9\t" + stamp + "\tb\t\t\n")
		p.Want("terminate")
	})
	s := dialSubscriber(t, f, Config{Name: "s", Topic: "sea.*", From: protocol.FromLast(5)})
	assert.EqualValues(t, 7, s.Welcome().Next)
	item, err := s.Next(t.Context())
	require.NoError(t, err)
	at, _ := time.Parse(time.RFC3339Nano, stamp)
	assert.Equal(t, Item{Message: protocol.Message{Pos: 7, Time: at, From: "a", Topic: "sea.light", Line: "one"}}, item)
	wantItems(t, s, "\ttwo\r", "#joined\t"+stamp+"\tPUBLISHER\tb\t", "")
	s.Close()
	s.Close()
	_, err = s.Next(t.Context())
	assert.ErrorIs(t, err, ErrClosed)
	assert.False(t, s.Buffered())
}

func TestSubscriberAll(t *testing.T) {
	f := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Send("1\t" + stamp + "\ta\t\tone\n2\t" + stamp + "\ta\t\ttwo\n3\t" + stamp + "\ta\t\tthree\n")
		p.Want("terminate")
	})
	s := dialSubscriber(t, f, Config{})
	for item, err := range s.All(t.Context()) {
		require.NoError(t, err)
		assert.Equal(t, "one", item.Line)
		break
	}
	var lines []string
	for item, err := range s.All(t.Context()) {
		require.NoError(t, err)
		lines = append(lines, item.Line)
		if item.Pos == 3 {
			s.Close()
		}
	}
	assert.Equal(t, []string{"two", "three"}, lines)
}

func TestSubscriberCanBeInterruptedInTheMiddleOfALine(t *testing.T) {
	rest := make(chan string)
	f := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Send("1\t" + stamp + "\ta\t\tone\n2\t" + stamp + "\ta")
		p.Send(<-rest)
		p.Line()
	})
	s := dialSubscriber(t, f, Config{})
	wantItems(t, s, "one")
	assert.False(t, s.Buffered())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := s.Next(ctx)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = s.Next(ctx)
	assert.ErrorIs(t, err, context.DeadlineExceeded, "again")
	rest <- "\t\ttwo\n"
	wantItems(t, s, "two")
}

func TestSubscriberCloseWakesNext(t *testing.T) {
	f := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Want("terminate")
	})
	s := dialSubscriber(t, f, Config{})
	time.AfterFunc(20*time.Millisecond, s.Close)
	_, err := s.Next(t.Context())
	assert.ErrorIs(t, err, ErrClosed)
}

func TestSubscriberCloseEndsAReconnection(t *testing.T) {
	f := fake.New(t, func(p *fake.Peer) { p.Accept(" next=1") })
	s := dialSubscriber(t, f, Config{GiveUp: time.Hour})
	time.AfterFunc(200*time.Millisecond, s.Close)
	_, err := s.Next(t.Context())
	assert.ErrorIs(t, err, ErrClosed)
}

func TestSubscriberGoesOnWhereItWas(t *testing.T) {
	joined := "#joined\t" + stamp + "\tPUBLISHER\tb\t"
	leaves := "#left\t" + stamp + "\tPUBLISHER\tb\t\t5\teof"
	from := func(p *fake.Peer, next string, want protocol.From) {
		assert.Equal(t, want, p.Accept(next).From, "connection %d: from", p.Number)
	}
	f := fake.New(t, func(p *fake.Peer) {
		from(p, " next=5", protocol.From{})
		p.Send(joined + "\n" + leaves + "\n")
		p.Reset()
	}, func(p *fake.Peer) { // nothing but events had come, and they come again
		from(p, " next=5", protocol.FromPosition(5))
		p.Send(joined + "\n" + leaves + "\n" + joined + "\n5\t" + stamp + "\ta\t\tfive\n" + joined + "\n" + leaves + "\n6\t")
	}, func(p *fake.Peer) { // cut in a line; only one of the events comes again
		from(p, " next=6", protocol.FromPosition(6))
		p.Send(leaves + "\n7\t" + stamp + "\ta\t\tseven\n")
	}, func(p *fake.Peer) { // history does not reach back
		from(p, " next=11", protocol.FromPosition(8))
		p.Send("#gap\t3\n")
	}, func(p *fake.Peer) { // cut behind the gap, which must not be told twice
		from(p, " next=11", protocol.FromPosition(11))
		p.Send("11\t" + stamp + "\ta\t\televen\n")
		p.Want("terminate")
	})
	s := dialSubscriber(t, f, Config{})
	wantItems(t, s, joined, leaves, joined, "five", joined, leaves, leaves, "seven", "#gap\t3", "eleven")
	s.Close()
}

// A subscription that began behind some events, with the next message, goes on at that message, and
// the server sends them first.
func TestSubscriberIsNotToldWhatWasBeforeIt(t *testing.T) {
	joined := func(second int, name string) string {
		return fmt.Sprintf("#joined\t2026-11-22T10:15:%02d.000000Z\tPUBLISHER\t%s\t", second, name)
	}
	f := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=5")
		p.Send(joined(4, "b") + "\n" + joined(4, "c") + "\n")
	}, func(p *fake.Peer) {
		p.Accept(" next=5")
		p.Send(joined(3, "a") + "\n" + joined(3, "self") + "\n" + joined(4, "b") + "\n" + joined(4, "c") + "\n" + joined(4, "d") + "\n")
	}, func(p *fake.Peer) { // a broker that has not read all of it yet
		p.Accept(" next=5")
		p.Send(joined(3, "self") + "\n" + joined(4, "b") + "\n")
	}, func(p *fake.Peer) {
		p.Accept(" next=5")
		p.Send(joined(4, "b") + "\n" + joined(4, "c") + "\n" + joined(4, "d") + "\n" + joined(5, "e") + "\n5\t" + stamp + "\ta\t\tfive\n")
		p.Want("terminate")
	})
	s := dialSubscriber(t, f, Config{})
	wantItems(t, s, joined(4, "b"), joined(4, "c"), joined(4, "d"), joined(5, "e"), "five")
	s.Close()
}

// A connection that breaks behind the gap of what is no longer kept has not moved the subscriber on
// (P12).
func TestSubscriberLeavesNothingOutBehindAGap(t *testing.T) {
	f := fake.New(t, func(p *fake.Peer) {
		assert.Equal(t, protocol.FromPosition(5), p.Accept(" next=100").From)
		p.Send("#gap\t95\n")
	}, func(p *fake.Peer) {
		assert.Equal(t, protocol.FromPosition(100), p.Accept(" next=100").From)
		p.Send("100\t" + stamp + "\ta\t\thundred\n")
		p.Line()
	})
	s := dialSubscriber(t, f, Config{From: protocol.FromPosition(5)})
	wantItems(t, s, "#gap\t95", "hundred")
}

func TestSubscriberReadsTheNewHistoryOfARestartedServer(t *testing.T) {
	for name, welcome := range map[string]string{
		"whose next position is lower": " next=2",
		"that says so":                 " next=9 journal=two",
	} {
		t.Run(name, func(t *testing.T) {
			f := fake.New(t, func(p *fake.Peer) {
				p.Accept(" next=7 journal=one")
				p.Send("7\t" + stamp + "\ta\t\tseven\n")
			}, func(p *fake.Peer) {
				assert.EqualValues(t, 8, p.Accept(welcome).From.Position())
				p.Send("9\t" + stamp + "\ta\t\tnot this way\n")
				p.Line()
			}, func(p *fake.Peer) {
				assert.True(t, p.Accept(" next=1 journal=two").From.First())
				p.Send("1\t" + stamp + "\ta\t\tnew one\n")
			}, func(p *fake.Peer) {
				assert.EqualValues(t, 2, p.Accept(" next=2 journal=two").From.Position())
				p.Send("2\t" + stamp + "\ta\t\tnew two\n")
				p.Want("terminate")
			})
			s := dialSubscriber(t, f, Config{})
			wantItems(t, s, "seven", "#gap\t0", "new one", "new two")
			s.Close()
		})
	}
}

func TestSubscriberEnds(t *testing.T) {
	for name, c := range map[string]struct {
		sent string
		want string
	}{
		"when its name is taken":       {"error: " + protocol.TakenOver + "\n", "the server refused: " + protocol.TakenOver},
		"on what it cannot understand": {"gibberish\n", `not a Pub/Sub Lab server: bad tsv line "gibberish", expected POSITION TIME NAME TOPIC LINE with tabs between`},
		"on an endless line":           {string(make([]byte, subscriberBuffer+1)), "not a Pub/Sub Lab server: it sent a line of more than 262144 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			f := fake.New(t, func(p *fake.Peer) {
				p.Accept(" next=1")
				p.Send(c.sent)
				io.Copy(io.Discard, p.R)
			}, func(*fake.Peer) { t.Error("it came back") })
			s := dialSubscriber(t, f, Config{})
			_, err := s.Next(t.Context())
			assert.EqualError(t, err, c.want)
			_, err = s.Next(t.Context())
			assert.EqualError(t, err, c.want, "again")
		})
	}
}

func TestSubscriberGivesUp(t *testing.T) {
	f := fake.New(t, func(p *fake.Peer) { p.Accept(" next=1") })
	s := dialSubscriber(t, f, Config{GiveUp: -1})
	_, err := s.Next(t.Context())
	assert.ErrorIs(t, err, io.EOF)
	s.Close()
}
