package pubsub

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/client/internal/fake"
	"pubsublab/e2e/wait"
	"pubsublab/protocol"
)

// dialPublisher makes a Publisher that ends with the test.
func dialPublisher(t *testing.T, f *fake.Server, cfg Config) *Publisher {
	t.Helper()
	p, err := DialPublisher(t.Context(), f.Addr, cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		p.Close(ctx)
	})
	return p
}

func publish(t *testing.T, p *Publisher, lines ...string) {
	t.Helper()
	for _, line := range lines {
		require.NoError(t, p.Publish(t.Context(), line))
	}
}

func TestPublisherSendsAndIsAcknowledged(t *testing.T) {
	f := fake.New(t, func(p *fake.Peer) {
		h := p.Accept(" next=1")
		assert.Equal(t, "a", h.Name)
		assert.Equal(t, "sea.light", h.Topic)
		assert.True(t, h.Ack)
		assert.NotEmpty(t, h.Run)
		p.Want("one", "", "drei\r")
		p.Send("ack 2\nack 3\n")
		p.Want("terminate")
	})
	p := dialPublisher(t, f, Config{Name: "a", Topic: "sea.light"})
	assert.Equal(t, protocol.Welcome{Role: protocol.Publisher, Name: "a", Publishers: 1, Subscribers: 1, Next: 1}, p.Welcome())
	publish(t, p, "one", "", "drei\r")
	require.NoError(t, p.Flush(t.Context()))
	assert.Equal(t, Stats{Published: 3, Acked: 3}, p.Stats())
	require.NoError(t, p.Close(t.Context()))
	require.NoError(t, p.Close(t.Context()), "a second Close")
	assert.ErrorIs(t, p.Publish(t.Context(), "late"), ErrClosed)
	assert.NoError(t, p.Flush(t.Context()))
}

func TestPublisherRefusesWhatIsNoMessage(t *testing.T) {
	f := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Want("fine")
		p.Send("ack 1\n")
		p.Want("terminate")
	})
	p := dialPublisher(t, f, Config{Name: "a"})
	for _, line := range []string{"two\nlines", "nul\x00", "\xff", " terminate ", strings.Repeat("x", protocol.MaxLine+1)} {
		assert.Error(t, p.Publish(t.Context(), line), "%.20q", line)
	}
	publish(t, p, "fine")
	require.NoError(t, p.Close(t.Context()))
	assert.EqualValues(t, 1, p.Stats().Published)
}

// The connection is cut in the middle of a line, of an ack, and after a reading that nobody heard
// of. The server tells what it has.
func TestPublisherSendsAgainExactlyWhatIsMissing(t *testing.T) {
	var run string
	resume := func(p *fake.Peer, next int) {
		h := p.Accept(fmt.Sprintf(" next=%d", next))
		assert.Equal(t, run, h.Run, "connection %d: the run", p.Number)
	}
	f := fake.New(t, func(p *fake.Peer) {
		run = p.Accept(" next=1").Run
		p.Want(numbered(1, 3)...)
		p.Send("ack 2\n")
		p.R.Discard(len("lin")) // of the fourth
		p.Reset()
	}, func(p *fake.Peer) {
		resume(p, 4)
		p.Want(numbered(4, 6)...)
		p.Send("ack 5\nac")
		p.Reset()
	}, func(p *fake.Peer) {
		resume(p, 7)
		p.Want(numbered(7, 8)...)
		p.Conn.CloseWrite() // an end instead of a broken connection
		p.Want(numbered(9, 10)...)
	}, func(p *fake.Peer) {
		resume(p, 9)
		p.Want(numbered(9, 10)...)
		p.Want("terminate")
		p.Reset() // acknowledged or not, the client cannot know
	}, func(p *fake.Peer) {
		resume(p, 11)
		p.Want("terminate")
	})
	p := dialPublisher(t, f, Config{Name: "a"})
	publish(t, p, numbered(1, 10)...)
	require.NoError(t, p.Close(t.Context()))
	assert.Equal(t, Stats{Published: 10, Acked: 10}, p.Stats())
}

func TestPublisherGoesOnAtARestartedServer(t *testing.T) {
	var rejected []Rejected
	f := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1 journal=one")
		p.Want("line 1", "line 2", "line 3")
		p.Send("ack 2\n")
		p.Want("line 4")
		p.Reset()
	}, func(p *fake.Peer) {
		p.Accept(" next=1 journal=two")
		p.Want("line 3", "line 4", "line 5")
		p.Send("error: line 3 is odd\nack 2\n")
		p.Reset()
	}, func(p *fake.Peer) {
		p.Accept(" next=3 journal=two")
		p.Want("line 5")
		p.Send("error: line 3 is odd\nack 3\n")
		p.Want("terminate")
	})
	p := dialPublisher(t, f, Config{Name: "a", Rejected: func(r Rejected) { rejected = append(rejected, r) }})
	publish(t, p, "line 1", "line 2", "line 3")
	wait.Until(t, func() bool { return p.Stats().Acked == 2 }, "two lines are acknowledged")
	publish(t, p, "line 4", "line 5")
	require.NoError(t, p.Close(t.Context()))
	assert.Equal(t, []Rejected{{Line: 5, Text: "line 5", Reason: "is odd"}}, rejected)
	assert.Equal(t, Stats{Published: 5, Acked: 5, Rejected: 1}, p.Stats())
}

// The server does not count rejected lines at the end of a run as being there.
func TestPublisherKeepsCountWhenAcknowledgedLinesAreAskedForAgain(t *testing.T) {
	f := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1 journal=one")
		p.Want("line 1", "line 2")
		p.Send("error: line 2 is odd\nack 2\n")
		p.Reset()
	}, func(p *fake.Peer) {
		p.Accept(" next=2 journal=one")
		p.Want("line 3")
		p.Send("ack 2\n")
		p.Want("terminate")
	})
	p := dialPublisher(t, f, Config{Name: "a"})
	publish(t, p, "line 1", "line 2")
	require.NoError(t, p.Flush(t.Context()))
	publish(t, p, "line 3")
	require.NoError(t, p.Close(t.Context()))
	assert.Equal(t, Stats{Published: 3, Acked: 3, Rejected: 1}, p.Stats())
}

func TestPublisherTellsOfRejectedLines(t *testing.T) {
	var rejected []Rejected
	f := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Want("good", "bad", "ugly", "fine")
		p.Send("error: line 2 is bad: rejected\nack 3\nerror: line 3 is late\nack 4\n")
		p.Want("terminate")
	})
	p := dialPublisher(t, f, Config{Name: "a", Rejected: func(r Rejected) { rejected = append(rejected, r) }})
	publish(t, p, "good", "bad", "ugly", "fine")
	require.NoError(t, p.Close(t.Context()))
	assert.Equal(t, Stats{Published: 4, Acked: 4, Rejected: 2}, p.Stats())
	require.Len(t, rejected, 2)
	assert.Equal(t, Rejected{Line: 2, Text: "bad", Reason: "is bad: rejected"}, rejected[0])
	assert.EqualValues(t, 3, rejected[1].Line)
}

func TestPublisherWithoutANameNeverSendsAgain(t *testing.T) {
	f := fake.New(t, func(p *fake.Peer) {
		assert.Empty(t, p.Accept("").Run)
		p.Want("one", "two", "three")
		p.Send("ack 1\n")
		p.Reset()
	})
	p := dialPublisher(t, f, Config{})
	publish(t, p, "one", "two", "three")
	var undelivered *UndeliveredError
	require.ErrorAs(t, p.Close(t.Context()), &undelivered)
	assert.Subset(t, []string{"one", "two", "three"}, undelivered.Lines)
	assert.Contains(t, undelivered.Lines, "three")
	assert.ErrorIs(t, undelivered, errUnsure)
}

func TestPublisherWithoutANameComesBackIfNothingIsUnderWay(t *testing.T) {
	f := fake.New(t, func(p *fake.Peer) {
		p.Accept("")
		p.Want("one")
		p.Send("ack 1\n")
	}, func(p *fake.Peer) {
		p.Accept("")
		p.Want("two")
		p.Send("error: line 1 is odd\nack 1\n")
		p.Want("terminate")
	})
	var rejected []Rejected
	p := dialPublisher(t, f, Config{Rejected: func(r Rejected) { rejected = append(rejected, r) }})
	first := p.Welcome().Name
	publish(t, p, "one")
	require.NoError(t, p.Flush(t.Context()))
	wait.Until(t, func() bool { return p.Welcome().Name != first }, "it is connected again")
	publish(t, p, "two")
	require.NoError(t, p.Close(t.Context()))
	assert.Equal(t, []Rejected{{Line: 2, Text: "two", Reason: "is odd"}}, rejected)
}

func TestPublisherEndsWhenItsNameIsTaken(t *testing.T) {
	f := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Want("one")
		p.Send("error: " + protocol.TakenOver + "\n")
	}, func(*fake.Peer) { t.Error("it came back") })
	p := dialPublisher(t, f, Config{Name: "a"})
	publish(t, p, "one")
	err := p.Flush(t.Context())
	var refusal *protocol.Refusal
	require.ErrorAs(t, err, &refusal)
	assert.Equal(t, err, p.Close(t.Context()))
	assert.EqualError(t, err, "1 line not acknowledged: the server refused: "+protocol.TakenOver)
}

func TestPublisherComesBackToAServerThatWasShutDown(t *testing.T) {
	f := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Want("one")
		p.Send("error: the server is shutting down\n")
	}, func(p *fake.Peer) {
		p.Send("error: " + protocol.Full + "\n")
	}, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Want("one")
		p.Send("ack 1\n")
		p.Want("terminate")
	})
	p := dialPublisher(t, f, Config{Name: "a"})
	publish(t, p, "one")
	require.NoError(t, p.Close(t.Context()))
}

func TestPublisherDistrustsAServerThatCannotCount(t *testing.T) {
	for name, script := range map[string][]func(*fake.Peer){
		"acks what was not sent": {func(p *fake.Peer) {
			p.Accept(" next=1")
			p.Want("one")
			p.Send("ack 2\n")
			p.Line()
		}},
		"asks for what was not sent": {func(p *fake.Peer) {
			p.Accept(" next=1")
			p.Want("one")
		}, func(p *fake.Peer) {
			p.Accept(" next=3")
			p.Line()
		}},
		"does not say where to go on": {func(p *fake.Peer) {
			p.Accept("")
			p.Line()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := dialPublisher(t, fake.New(t, script...), Config{Name: "a"})
			p.Publish(t.Context(), "one")
			assert.ErrorIs(t, p.Close(t.Context()), ErrNotAServer)
		})
	}
}

func TestPublisherWindow(t *testing.T) {
	release := make(chan string)
	f := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		for s := range release {
			p.Send(s)
		}
		p.Want("12345", "12345", "1")
	})
	p := dialPublisher(t, f, Config{Name: "a", Window: 12})
	publish(t, p, "12345", "12345") // with their line ends 12 bytes
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	assert.ErrorIs(t, p.Publish(ctx, "1"), context.DeadlineExceeded)
	assert.ErrorIs(t, p.Flush(ctx), context.DeadlineExceeded)

	release <- "ack 1\n"
	publish(t, p, "1")
	var waiting sync.WaitGroup
	for range 3 {
		waiting.Go(func() { assert.ErrorIs(t, p.Publish(t.Context(), strings.Repeat("x", 12)), ErrClosed) })
	}
	time.Sleep(10 * time.Millisecond) // so that they wait, most likely
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	var undelivered *UndeliveredError
	require.ErrorAs(t, p.Close(ctx), &undelivered)
	assert.Equal(t, []string{"12345", "1"}, undelivered.Lines)
	waiting.Wait()
	close(release)
}

func TestPublisherGivesUp(t *testing.T) {
	t.Parallel()
	f := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Want(numbered(1, 5)...)
		p.Send("ack 3\n")
		p.Reset()
	})
	p := dialPublisher(t, f, Config{Name: "a", GiveUp: 2 * time.Second})
	publish(t, p, numbered(1, 5)...)
	err := p.Flush(t.Context())
	var undelivered *UndeliveredError
	require.ErrorAs(t, err, &undelivered)
	assert.Contains(t, undelivered.Lines, "line 5")
	assert.ErrorContains(t, err, "gave up after")
	assert.Equal(t, err, p.Publish(t.Context(), "more"))
	assert.Equal(t, err, p.Close(t.Context()))
}

func TestGoroutinesMayShareOnePublisher(t *testing.T) {
	f := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Discard()
	})
	p := dialPublisher(t, f, Config{Name: "a", Window: 4096})
	var publishing sync.WaitGroup
	for g := range 4 {
		publishing.Go(func() {
			for i := range 2000 {
				if err := p.Publish(t.Context(), fmt.Sprint(g, i)); err != nil {
					t.Error(err)
					return
				}
			}
			assert.NoError(t, p.Flush(t.Context()))
		})
	}
	publishing.Wait()
	require.NoError(t, p.Close(t.Context()))
	assert.EqualValues(t, 8000, p.Stats().Acked)
}

func TestPublisherDoesNotWaitLongOnlyToSayTerminate(t *testing.T) {
	for _, name := range []string{"named", ""} {
		f := fake.New(t, func(p *fake.Peer) {
			p.Accept(" next=1")
			p.Want("one")
			p.Send("ack 1\n")
		})
		p := dialPublisher(t, f, Config{Name: name})
		publish(t, p, "one")
		require.NoError(t, p.Flush(t.Context()))
		start := time.Now()
		require.NoError(t, p.Close(t.Context()))
		assert.Less(t, time.Since(start), DefaultGiveUp/2)
	}
}

// Connections that only ever break are no outage as long as lines get through.
func TestPublisherDoesNotGiveUpWhileItMakesProgress(t *testing.T) {
	t.Parallel()
	const lines = 30
	var scripts []func(*fake.Peer)
	for n := 1; n <= lines; n++ {
		scripts = append(scripts, func(p *fake.Peer) {
			p.Accept(fmt.Sprintf(" next=%d", n))
			p.Want(fmt.Sprintf("line %d", n))
			time.Sleep(100 * time.Millisecond) // all of them take longer than it would try in vain
			p.Reset()
		})
	}
	scripts = append(scripts, func(p *fake.Peer) {
		p.Accept(fmt.Sprintf(" next=%d", lines+1))
		p.Want("terminate")
	})
	p := dialPublisher(t, fake.New(t, scripts...), Config{Name: "a", GiveUp: 2 * time.Second})
	publish(t, p, numbered(1, lines)...)
	require.NoError(t, p.Close(t.Context()))
}
