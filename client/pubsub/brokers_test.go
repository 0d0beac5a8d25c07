package pubsub

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/client/internal/fake"
	"pubsublab/e2e/wait"
	"pubsublab/protocol"
)

func TestParseAddrs(t *testing.T) {
	for list, want := range map[string][]string{
		"a:1":                       {"a:1"},
		"a:1,b:65535":               {"a:1", "b:65535"},
		" a:1 ,\tb:1":               {"a:1", "b:1"},
		"[::1]:5000,127.0.0.1:5000": {"[::1]:5000", "127.0.0.1:5000"},
	} {
		got, err := ParseAddrs(list)
		assert.NoError(t, err, list)
		assert.Equal(t, want, got, list)
	}
	for list, wrong := range map[string]string{
		"":            `bad address "": it is empty`,
		"a:1,":        `bad address "" in "a:1,": it is empty`,
		"a:1,,b:1":    `bad address "" in "a:1,,b:1": it is empty`,
		"a":           `bad address "a": missing port in address`,
		"a:1,b":       `bad address "b" in "a:1,b": missing port in address`,
		"a:":          `bad address "a:": port "" is not a number from 1 to 65535`,
		"a:0":         `bad address "a:0": port "0" is not a number from 1 to 65535`,
		"a:http":      `bad address "a:http": port "http" is not a number from 1 to 65535`,
		"a:65536":     `bad address "a:65536": port "65536" is not a number from 1 to 65535`,
		":1":          `bad address ":1": it has no host`,
		"::1:5000":    `bad address "::1:5000": too many colons in address`,
		"a:1,b:1,a:1": `bad address "a:1" in "a:1,b:1,a:1": it is there twice`,
	} {
		_, err := ParseAddrs(list)
		assert.EqualError(t, err, wrong+", expected HOST:PORT[,HOST:PORT...]")
	}
	_, err := DialPublisher(t.Context(), "a:1,b", Config{})
	assert.ErrorContains(t, err, `bad address "b"`)
	_, err = DialSubscriber(t.Context(), "a:1,b", Config{})
	assert.ErrorContains(t, err, `bad address "b"`)
}

// accepts is the connection to a server that registers a subscriber.
func accepts() net.Conn {
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		buf := make([]byte, 1000)
		server.Read(buf)
		server.Write([]byte(protocol.Prompt + "registered as SUBSCRIBER name=a next=1\n"))
		server.Read(buf)
	}()
	return client
}

// silent is the connection to a server that is frozen.
func silent(t *testing.T) net.Conn {
	client, server := net.Pipe()
	t.Cleanup(func() { server.Close() })
	return client
}

func TestBrokersAreTriedInTheirOrderWithAPauseBehindTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		firstPause = 100 * time.Millisecond
		defer func() { firstPause = time.Millisecond }()
		log, out := testLog()
		var tried []string
		var at []time.Time
		start, last := time.Now(), time.Duration(0)
		_, err := DialSubscriber(t.Context(), "a:1, b:2, c:3", Config{GiveUp: 2 * time.Second, Logger: log,
			Dial: func(_ context.Context, _, addr string) (net.Conn, error) {
				tried, at = append(tried, addr), append(at, time.Now())
				last = time.Since(start)
				return nil, fmt.Errorf("%w by %s", syscall.ECONNREFUSED, addr)
			}})
		rounds := len(tried) / 3
		assert.Equal(t, slices.Repeat([]string{"a:1", "b:2", "c:3"}, rounds), tried)
		assert.GreaterOrEqual(t, rounds, 4)
		assert.LessOrEqual(t, rounds, 8)
		assert.Equal(t, 2*time.Second, last, "the last round comes when the time is up")
		for i := range at[1:] {
			pause := at[i+1].Sub(at[i])
			assert.Equal(t, (i+1)%3 == 0, pause > 0, "a pause of %v before attempt %d", pause, i+2)
		}
		assert.Regexp(t, `^gave up after \S+: a:1: connection refused by a:1; b:2: connection refused by b:2; c:3: connection refused by c:3$`, err)
		assert.ErrorIs(t, err, syscall.ECONNREFUSED)
		assert.Equal(t, "level=WARN msg=\"no connection yet, trying again\" for=2s err=\"a:1: connection refused by a:1\"\n", out.String())
	})
}

func TestEachBrokerIsTriedOnceWhateverGiveUpIs(t *testing.T) {
	for _, giveUp := range []time.Duration{-1, time.Nanosecond} {
		synctest.Test(t, func(t *testing.T) {
			var tried []string
			_, err := DialSubscriber(t.Context(), "a:1,b:2", Config{GiveUp: giveUp,
				Dial: func(ctx context.Context, _, addr string) (net.Conn, error) {
					tried = append(tried, addr)
					<-ctx.Done()
					return nil, ctx.Err()
				}})
			assert.Equal(t, []string{"a:1", "b:2"}, tried)
			var all BrokersError
			require.ErrorAs(t, err, &all)
			assert.Equal(t, BrokersError{&BrokerError{"a:1", context.DeadlineExceeded}, &BrokerError{"b:2", context.DeadlineExceeded}}, all)
		})
	}
}

func TestASilentBrokerDoesNotHoldUpForLong(t *testing.T) {
	for name, hangs := range map[string]func(*testing.T, context.Context) (net.Conn, error){
		"cut off": func(_ *testing.T, ctx context.Context) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
		"frozen": func(t *testing.T, _ context.Context) (net.Conn, error) { return silent(t), nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				s, err := DialSubscriber(t.Context(), "a:1,b:2", Config{Dial: func(ctx context.Context, _, addr string) (net.Conn, error) {
					if addr == "a:1" {
						return hangs(t, ctx)
					}
					return accepts(), nil
				}})
				require.NoError(t, err)
				assert.Equal(t, attemptTimeout, time.Since(start))
				s.Close()
			})
		})
	}
}

// Where all are slow, as over a bad line or while the stream has no leader, they must get the time
// that they need.
func TestSlowBrokersGetMoreTimeLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var took []time.Duration
		DialSubscriber(t.Context(), "a:1,b:2", Config{GiveUp: 35 * time.Second,
			Dial: func(ctx context.Context, _, addr string) (net.Conn, error) {
				start := time.Now()
				<-ctx.Done()
				took = append(took, time.Since(start))
				return nil, ctx.Err()
			}})
		s := time.Second
		assert.Equal(t, []time.Duration{3 * s, 3 * s, 6 * s, 6 * s, 12 * s, 12 * s}, took)
	})
}

// both are two scripted brokers, and their addresses.
func both(a, b *fake.Server) string { return a.Addr + "," + b.Addr }

func TestPublisherGoesOnAtAnotherBroker(t *testing.T) {
	log, out := testLog()
	var run string
	a := fake.New(t, func(p *fake.Peer) {
		run = p.Accept(" next=1 journal=j").Run
		p.Want(numbered(1, 3)...)
		p.Send("ack 2\n")
		p.Conn.CloseWrite()
		io.Copy(io.Discard, p.R)
	}, func(p *fake.Peer) {
		assert.Equal(t, run, p.Accept(" next=5 journal=j").Run)
		p.Want("line 5", "line 6")
		p.Send("ack 6\n")
		p.Want("terminate")
	})
	b := fake.New(t, func(p *fake.Peer) {
		assert.Equal(t, run, p.Accept(" next=4 journal=j").Run)
		p.Want("line 4")
		p.Conn.CloseWrite()
		io.Copy(io.Discard, p.R)
	})
	p, err := DialPublisher(t.Context(), both(a, b), Config{Name: "a", Logger: log})
	require.NoError(t, err)
	publish(t, p, numbered(1, 6)...)
	require.NoError(t, p.Close(t.Context()))
	assert.Equal(t, Stats{Published: 6, Acked: 6}, p.Stats())
	assert.Equal(t, `level=INFO msg=connected to=A
level=WARN msg="connection lost, trying again" for=30s err="A: EOF"
level=INFO msg="connected again" to=B
level=WARN msg="connection lost, trying again" for=30s err="B: EOF"
level=INFO msg="connected again" to=A
`, strings.NewReplacer(a.Addr, "A", b.Addr, "B").Replace(out.String()))
}

func TestSubscriberGoesOnAtAnotherBroker(t *testing.T) {
	joined := "#joined\t" + stamp + "\tPUBLISHER\tb\t"
	a := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=5 journal=j")
		p.Send("5\t" + stamp + "\ta\t\tfive\n" + joined + "\n6\t")
	})
	b := fake.New(t, func(p *fake.Peer) {
		assert.EqualValues(t, 6, p.Accept(" next=6 journal=j").From.Position())
		p.Send(joined + "\n6\t" + stamp + "\ta\t\tsix\n")
		p.Want("terminate")
	})
	s, err := DialSubscriber(t.Context(), both(a, b), Config{})
	require.NoError(t, err)
	wantItems(t, s, "five", joined, "six")
	s.Close()
}

func TestBrokersThatDoNotShareAJournalAreNamed(t *testing.T) {
	log, out := testLog()
	drop := func(p *fake.Peer) { p.Accept(" next=7 journal=one") }
	a := fake.New(t, drop)
	b := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=7 journal=two")
		p.Line()
	}, func(p *fake.Peer) {
		assert.True(t, p.Accept(" next=1 journal=two").From.First())
		p.Send("1\t" + stamp + "\ta\t\tone of the other\n")
		p.Want("terminate")
	})
	s, err := DialSubscriber(t.Context(), both(a, b), Config{Logger: log})
	require.NoError(t, err)
	wantItems(t, s, "#gap\t0", "one of the other")
	s.Close()
	assert.Contains(t, out.String(), b.Addr+" does not share the journal of "+a.Addr+", reading the new one from the beginning")

	a = fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1 journal=one")
		p.Want("one")
		p.Send("ack 1\n")
	})
	b = fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1 journal=two")
		p.Want("terminate")
	})
	p, err := DialPublisher(t.Context(), both(a, b), Config{Name: "a", Logger: log})
	require.NoError(t, err)
	publish(t, p, "one")
	wait.Until(t, func() bool { return p.at() == b.Addr }, "it goes on at the other broker")
	require.NoError(t, p.Close(t.Context()))
	assert.Contains(t, out.String(), b.Addr+" does not share the journal of "+a.Addr+": subscribers miss what they had not read of it")
}

func (p *Publisher) at() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.addr
}

func TestARefusalIsFinalWhenItIsOfAllBrokers(t *testing.T) {
	refuses := func(p *fake.Peer) {
		p.Line()
		p.Send(protocol.Prompt + "error: wrong token\n")
		p.Line()
	}
	other := func(p *fake.Peer) {
		p.Line()
		p.Send("SSH-2.0-OpenSSH_9.6\r\n")
		p.Line()
	}
	welcomes := func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Want("terminate")
	}
	t.Run("all", func(t *testing.T) {
		a, b := fake.New(t, refuses), fake.New(t, other)
		_, err := DialSubscriber(t.Context(), both(a, b), Config{})
		assert.EqualError(t, err, a.Addr+": the server refused: wrong token; "+
			b.Addr+`: not a Pub/Sub Lab server: unexpected answer "SSH-2.0-OpenSSH_9.6", expected "registered as " and a role`)
		assert.ErrorAs(t, err, new(*protocol.Refusal))
		assert.ErrorIs(t, err, ErrNotAServer)
	})
	t.Run("one of them", func(t *testing.T) {
		s, err := DialSubscriber(t.Context(), both(fake.New(t, refuses), fake.New(t, welcomes)), Config{})
		require.NoError(t, err)
		s.Close()
	})
	t.Run("the other one is away for now", func(t *testing.T) {
		a := fake.New(t, refuses, func(*fake.Peer) { t.Error("a wrong token was tried again") })
		b := fake.New(t, func(p *fake.Peer) { p.Reset() }, welcomes)
		s, err := DialSubscriber(t.Context(), both(a, b), Config{})
		require.NoError(t, err)
		s.Close()
	})
	t.Run("all speak nonsense once they are trusted", func(t *testing.T) {
		nonsense := func(p *fake.Peer) {
			p.Accept(" next=1")
			p.Send("gibberish\n")
			p.Line()
		}
		a, b := fake.New(t, nonsense), fake.New(t, nonsense)
		s, err := DialSubscriber(t.Context(), both(a, b), Config{})
		require.NoError(t, err)
		_, err = s.Next(t.Context())
		assert.ErrorIs(t, err, ErrNotAServer)
		assert.ErrorContains(t, err, a.Addr)
		assert.ErrorContains(t, err, b.Addr)
	})
}

func TestATakenNameIsNotTakenBackAtAnotherBroker(t *testing.T) {
	hangUp := func(p *fake.Peer) { p.Line() } // as far as the client can tell, it was not heard
	taken := func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Send("error: " + protocol.TakenOver + "\n")
	}
	t.Run("by another client", func(t *testing.T) {
		a, b := fake.New(t, hangUp), fake.New(t, taken) // the stale connection is at the other broker
		s, err := DialSubscriber(t.Context(), both(a, b), Config{Name: "a"})
		require.NoError(t, err)
		_, err = s.Next(t.Context())
		assert.EqualError(t, err, b.Addr+": the server refused: "+protocol.TakenOver)
	})
	t.Run("unless by the client itself", func(t *testing.T) {
		a := fake.New(t, hangUp, taken)
		b := fake.New(t, func(p *fake.Peer) { p.Reset() }, func(p *fake.Peer) {
			p.Accept(" next=1")
			p.Discard()
		})
		p, err := DialPublisher(t.Context(), both(a, b), Config{Name: "a"})
		require.NoError(t, err)
		publish(t, p, "one")
		assert.NoError(t, p.Close(t.Context()))
	})
}

func TestEachBrokerIsTrustedByItsOwnName(t *testing.T) {
	var names []string
	var running sync.WaitGroup
	_, err := DialSubscriber(t.Context(), "one.example:1,two.example:1", Config{GiveUp: -1, TLS: &tls.Config{},
		Dial: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			running.Go(func() {
				defer server.Close()
				tls.Server(server, &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
					names = append(names, hello.ServerName)
					return nil, errors.New("enough")
				}}).Handshake()
			})
			return client, nil
		}})
	running.Wait()
	assert.Error(t, err)
	assert.Equal(t, []string{"one.example", "two.example"}, names)
}
