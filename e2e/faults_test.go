package e2e

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/history"
	"pubsublab/lab/topology"
)

// broker starts the server alone.
func broker(t *testing.T) *testbed { return brokerOn(t, engine) }

func brokerOn(t *testing.T, engine *topology.Engine) *testbed {
	topo := load(t)
	crowd(topo, 1, 1, 1)
	topo.Spec("server").SetFlag("max-clients", "20000") // its default: some tests are about many
	s := openOn(t, engine, topo)
	s.start("server")
	return s
}

// A publisher that dies in the middle of a line.
func TestPublisherDiesInTheMiddleOfALine(t *testing.T) {
	t.Parallel()
	s := broker(t)
	sub := join(t, s.Addr(), "SUBSCRIBER")
	for _, c := range []struct {
		role   string
		resets bool
		die    func(*socket)
		rest   []string
	}{
		{"PUBLISHER name=p", true, (*socket).reset, nil},
		{"PUBLISHER name=p ack=yes", true, (*socket).reset, nil},
		{"PUBLISHER name=p ack=yes", false, func(p *socket) { p.Close() }, nil},
		{"PUBLISHER name=p", false, func(p *socket) { p.Close() }, []string{"half a l"}},
	} {
		if engine.Mode() == topology.Containers && c.resets {
			t.Log("left out: a reset on the way to a container, because the engine's port proxy makes an end of input of it")
			continue
		}
		pub := join(t, s.Addr(), c.role)
		pub.send("whole\n")
		require.Equal(t, "[FROM p] : whole", sub.line())
		pub.send("half a l")
		time.Sleep(50 * time.Millisecond) // so that the broker has most likely read it
		c.die(pub)
		for _, rest := range c.rest {
			require.Equal(t, "[FROM p] : "+rest, sub.line(), "P7: at the end of input, the rest is a line")
		}
		sub.silent(100 * time.Millisecond)
	}
}

// A publisher and a subscriber killed with SIGKILL while lines flow.
func TestKilledClients(t *testing.T) {
	t.Parallel()
	topo := load(t)
	crowd(topo, 2, 2000, 2)
	for _, p := range topo.WithRole(topology.Publisher) {
		p.SetFlag("rate", "1000")
	}
	topo.Spec("publisher-2").SetScript(script("publisher-2", 50_000)) // enough to die in the middle of
	// A publisher that was killed has not finished, so nobody can wait for both
	// to: the subscribers are stopped once they have everything.
	topo.Spec("subscriber-1").UnsetFlag("publishers")
	topo.Spec("subscriber-2").UnsetFlag("publishers")
	topo.Add(topo.Spec("subscriber-1").Clone("killed"))
	s := open(t, topo)
	s.start()
	s.reach("killed", 500)
	require.NoError(t, s.Node("killed").Kill(s.ctx))
	s.reach("subscriber-1", 1000)
	require.NoError(t, s.Node("publisher-2").Kill(s.ctx))
	s.wait("publisher-1")
	all := join(t, s.Addr(), "SUBSCRIBER from=first format=tsv")
	lines, gone := 0, 0
	for gone < 2 {
		switch line := all.line(); {
		case strings.HasPrefix(line, "#left") && strings.Contains(line, "\tPUBLISHER\t"):
			gone++
		case !strings.HasPrefix(line, "#"):
			lines++
		}
	}
	for _, node := range []string{"subscriber-1", "subscriber-2"} {
		s.reach(node, lines)
		require.NoError(t, s.Node(node).Stop(s.ctx))
		s.wait(node)
	}

	h, err := s.History()
	require.NoError(t, err)
	report := history.Check(h)
	require.True(t, report.OK(), "%s", report)
	for _, sub := range h.Subscribers {
		if sub.Name == "killed" {
			require.Less(t, len(sub.Received), lines, "it did not live to the end")
			require.GreaterOrEqual(t, len(sub.Received), 500)
		} else {
			require.Greater(t, len(sub.Received), 2000, "all of one publisher and a part of the other")
			require.Less(t, len(sub.Received), 52_000, "the killed publisher did not finish")
		}
	}
}

// The broker is stopped with SIGTERM while lines are in flight: everything it
// acknowledged is delivered (P17).
func TestBrokerStopped(t *testing.T) {
	t.Parallel()
	s := broker(t)
	const publishers, subscribers = 3, 3
	acked := make([]int, publishers)
	var pubs, subs sync.WaitGroup
	received := make([][]string, subscribers)
	for i := range subscribers {
		sub := join(t, s.Addr(), "SUBSCRIBER")
		subs.Go(func() {
			received[i] = sub.rest()
			sub.Close()
		})
	}
	flowing := make(chan struct{}, publishers)
	for i := range publishers {
		pub := join(t, s.Addr(), fmt.Sprintf("PUBLISHER name=p%d ack=yes", i))
		pubs.Go(func() {
			for n := 1; ; n++ {
				if _, err := fmt.Fprintf(pub, "line %d\n", n); err != nil {
					return // the broker has closed
				}
				if n == 500 {
					flowing <- struct{}{}
				}
				if n%50 == 0 {
					time.Sleep(5 * time.Millisecond) // a pace: engines take seconds to stop a container, and all of it is judged
				}
			}
		})
		pubs.Go(func() {
			for {
				line, err := pub.r.ReadString('\n')
				if err != nil || strings.HasPrefix(line, "error: ") {
					pub.Close()
					return
				}
				if _, err := fmt.Sscanf(line, "ack %d\n", &acked[i]); !assert.NoError(t, err, line) {
					return
				}
			}
		})
	}
	for range publishers {
		<-flowing
	}
	require.NoError(t, s.Node("server").Stop(s.ctx))
	code, err := s.Node("server").Wait(s.ctx)
	require.NoError(t, err)
	require.Zero(t, code, "P17: the exit code")
	pubs.Wait()
	subs.Wait()

	var h history.History
	for i := range publishers {
		p := history.Publisher{Name: fmt.Sprintf("p%d", i), Acked: acked[i]}
		require.Positive(t, p.Acked, "lines were in flight")
		// It may have sent, and the broker taken in, more than was acknowledged.
		for n := 1; n <= p.Acked+count(received[0], "[FROM "+p.Name+"] "); n++ {
			p.Sent = append(p.Sent, fmt.Sprintf("line %d", n))
		}
		h.Publishers = append(h.Publishers, p)
	}
	for i, lines := range received {
		transcript, err := history.Read(strings.NewReader(strings.Join(lines, "\n")+"\n"), history.Plain)
		require.NoError(t, err)
		h.Subscribers = append(h.Subscribers, history.Subscriber{
			Name: fmt.Sprintf("subscriber %d", i), FromFirst: true, ToEnd: true, Received: transcript.Messages,
		})
		require.True(t, slices.Equal(received[0], lines), "P9: all received the same")
	}
	report := history.Check(h)
	require.True(t, report.OK(), "%s", report)
}

func count(lines []string, prefix string) (n int) {
	for _, line := range lines {
		if strings.HasPrefix(line, prefix) {
			n++
		}
	}
	return n
}

// The longest line there may be arrives whole; a longer one is refused, and
// nothing else suffers (P6).
func TestLargeLines(t *testing.T) {
	t.Parallel()
	s := broker(t)
	sub := join(t, s.Addr(), "SUBSCRIBER")
	pub := join(t, s.Addr(), "PUBLISHER name=p ack=yes")
	longest := strings.Repeat("0123456789abcdef", 65536/16)
	pub.send(longest + "\n" + longest + "!\nafter\n")
	require.Equal(t, "[FROM p] : "+longest, sub.line())
	require.Equal(t, "[FROM p] : after", sub.line())
	var errors []string
	for line := ""; line != "ack 3"; {
		line = pub.line()
		if strings.HasPrefix(line, "error: ") {
			errors = append(errors, line)
		}
	}
	require.Equal(t, []string{"error: line 2 is longer than 65536 bytes: rejected"}, errors)
}

// A thousand connections that say nothing do not keep lines from flowing.
func TestThousandEmptyConnections(t *testing.T) {
	t.Parallel()
	topo := load(t)
	crowd(topo, 2, 1000, 2)
	topo.Spec("server").SetFlag("max-clients", "2000")
	s := open(t, topo)
	s.start("server")
	var conns []net.Conn
	for range 1000 {
		conn, err := net.Dial("tcp", s.Addr())
		require.NoError(t, err)
		conns = append(conns, conn)
	}
	s.start("subscriber-1", "subscriber-2", "publisher-1", "publisher-2")
	s.wait("publisher-1", "publisher-2", "subscriber-1", "subscriber-2")
	s.check(2000)
	for _, conn := range conns {
		conn.Close()
	}
	join(t, s.Addr(), "SUBSCRIBER").send("terminate\n")
}

// The clients of the assignment send the role and each message with no newline
// (P3), side by side with everyone else's.
func TestAssignmentClients(t *testing.T) {
	t.Parallel()
	s := broker(t)
	lines := join(t, s.Addr(), "SUBSCRIBER")
	old := dial(t, s.Addr())
	old.send("SUBSCRIBER")
	require.Regexp(t, `^registered as SUBSCRIBER `, old.line())
	pub := dial(t, s.Addr())
	pub.send("PUBLISHER")
	require.Regexp(t, `^registered as PUBLISHER `, pub.line())
	for i := range 5 {
		pub.send(fmt.Sprintf("message %d", i))
		for _, sub := range []*socket{lines, old} {
			require.Regexp(t, fmt.Sprintf(`^\[FROM [0-9.]+:\d+\] : message %d$`, i), sub.line())
		}
	}
	pub.send("terminate")
	pub.end()
	require.NoError(t, old.CloseWrite())
	old.end()
}

// What is published reaches subscribers, and no publisher.
func TestPublishersReceiveNothing(t *testing.T) {
	t.Parallel()
	s := broker(t)
	sub := join(t, s.Addr(), "SUBSCRIBER")
	quiet, loud := join(t, s.Addr(), "PUBLISHER"), join(t, s.Addr(), "PUBLISHER name=loud")
	loud.send("hello\n")
	require.Equal(t, "[FROM loud] : hello", sub.line())
	quiet.silent(100 * time.Millisecond)
	loud.silent(100 * time.Millisecond)
}

// A subscriber's terminal gets what was sent; nothing that a log shows is raw.
func TestLogEscapesControlCharacters(t *testing.T) {
	t.Parallel()
	topo := load(t)
	crowd(topo, 1, 1, 1)
	topo.Spec("server").SetFlag("echo", "true")
	topo.Spec("publisher-1").SetScript([]byte("clear\x1b[2J\n"))
	s := open(t, topo)
	s.start()
	s.wait("publisher-1", "subscriber-1")
	text, err := os.ReadFile(s.Node("subscriber-1").Transcript())
	require.NoError(t, err)
	require.Contains(t, string(text), "clear\x1b[2J\n", "a file gets the bytes as they came")
	require.NoError(t, s.Node("server").Stop(s.ctx))
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Contains(t, strings.Join(s.output["server"], "\n"), `clear\x1b[2J`)
	require.NotContains(t, strings.Join(s.output["server"], "\n"), "\x1b")
}
