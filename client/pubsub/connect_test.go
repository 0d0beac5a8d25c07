package pubsub

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/client/internal/fake"
	"pubsublab/protocol"
)

// testLog returns a logger, and what it wrote without its times.
func testLog() (*slog.Logger, *bytes.Buffer) {
	var out bytes.Buffer
	return slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "after" {
			return slog.Attr{}
		}
		return a
	}})), &out
}

func TestDialTriesUntilGiveUpAndSaysSoOnce(t *testing.T) {
	for giveUp, want := range map[time.Duration]struct {
		within          time.Duration
		atLeast, atMost int
		log             string
	}{
		0:               {30 * time.Second, 10, 25, "level=WARN msg=\"no connection yet, trying again\" for=30s err=\"connection refused\"\n"},
		2 * time.Second: {2 * time.Second, 4, 8, "level=WARN msg=\"no connection yet, trying again\" for=2s err=\"connection refused\"\n"},
		-1:              {0, 1, 1, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			tries := 0
			var last time.Duration // when it tried for the last time
			log, out := testLog()
			start := time.Now()
			firstPause = 100 * time.Millisecond
			_, err := DialPublisher(t.Context(), "nowhere:1", Config{GiveUp: giveUp, Logger: log,
				Dial: func(_ context.Context, network, addr string) (net.Conn, error) {
					tries++
					last = time.Since(start)
					assert.Equal(t, "tcp nowhere:1", network+" "+addr)
					return nil, syscall.ECONNREFUSED
				}})
			firstPause = time.Millisecond
			assert.ErrorIs(t, err, syscall.ECONNREFUSED)
			assert.Equal(t, want.within, time.Since(start), "give up %v", giveUp)
			assert.Equal(t, want.within, last, "the last try, give up %v", giveUp)
			assert.GreaterOrEqual(t, tries, want.atLeast, "give up %v", giveUp)
			assert.LessOrEqual(t, tries, want.atMost, "give up %v", giveUp)
			assert.Equal(t, want.log, out.String())
		})
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, why)
		defer cancel()
		_, err := DialSubscriber(ctx, "nowhere:1", Config{Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, syscall.ECONNREFUSED
		}})
		assert.ErrorIs(t, err, why)
	})
}

func TestDialWaitsForASilentServerForABoundedTime(t *testing.T) {
	silent := func(t *testing.T) Config {
		return Config{GiveUp: -1, Dial: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			t.Cleanup(func() { server.Close() })
			return client, nil
		}}
	}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := DialSubscriber(t.Context(), "silent:1", silent(t))
		var timeout net.Error
		require.ErrorAs(t, err, &timeout)
		assert.True(t, timeout.Timeout())
		assert.Equal(t, handshakeTimeout, time.Since(start))
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := DialSubscriber(ctx, "silent:1", silent(t))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(start))
	})
}

func TestDialDoesNotAskTwice(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"a server that refuses":       {protocol.Prompt + "error: bad name\n" + protocol.Prompt, "the server refused: bad name"},
		"a server that wants a token": {protocol.Prompt + "error: wrong token\n", "the server refused: wrong token"},
		"another kind of server":      {"SSH-2.0-OpenSSH_9.6\r\n", `not a Pub/Sub Lab server: unexpected answer "SSH-2.0-OpenSSH_9.6", expected "registered as " and a role`},
		"a server that is confused":   {protocol.Prompt + "registered as SUBSCRIBER name=a\n", "not a Pub/Sub Lab server: asked to be a PUBLISHER, registered as SUBSCRIBER"},
		"a server that cannot number": {protocol.Prompt + "registered as PUBLISHER name=a next=x\n", `not a Pub/Sub Lab server: bad "next=x" in "registered as PUBLISHER name=a next=x", expected a number`},
	} {
		t.Run(name, func(t *testing.T) {
			f := fake.New(t, func(p *fake.Peer) {
				p.Line()
				p.Send(c.answer)
				p.Line()
			}, func(*fake.Peer) { t.Error("asked twice") })
			_, err := DialPublisher(t.Context(), f.Addr, Config{})
			assert.EqualError(t, err, c.want)
		})
	}
}

func TestDialChecksTheConfiguration(t *testing.T) {
	dial := func(context.Context, string, string) (net.Conn, error) {
		t.Error("it dialled")
		return nil, errors.ErrUnsupported
	}
	for _, cfg := range []Config{{Name: "a b", Dial: dial}, {Topic: "a..b", Dial: dial}} {
		_, err := DialPublisher(t.Context(), "x:1", cfg)
		assert.Error(t, err)
		_, err = DialSubscriber(t.Context(), "x:1", cfg)
		assert.Error(t, err)
	}
	_, err := DialPublisher(t.Context(), "x:1", Config{Topic: "sea.*", Dial: dial})
	assert.ErrorContains(t, err, "wildcard")
}

func TestReconnectionIsTold(t *testing.T) {
	log, out := testLog()
	f := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=7")
	}, func(p *fake.Peer) {
		p.Send("gibber")
	}, func(p *fake.Peer) {
		p.Accept(" next=3")
	}, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Line()
	})
	s := dialSubscriber(t, f, Config{Logger: log})
	item, err := s.Next(t.Context())
	require.NoError(t, err)
	assert.Equal(t, &protocol.Event{Kind: protocol.Gap}, item.Event)
	s.Close()
	assert.Equal(t, `level=WARN msg="connection lost, trying again" for=30s err=EOF
level=INFO msg="connected again" to=`+f.Addr+`
level=WARN msg="the server has lost its history, reading the new one from the beginning" had_read_up_to=6
`, out.String())
}

// A role line that is torn right behind the role word, and held up there, is taken for the word
// alone (P3).
func TestAsksAgainWhenTheServerHasNotHeardItsName(t *testing.T) {
	torn := func(p *fake.Peer) {
		p.Send(protocol.Prompt + "registered as PUBLISHER name=127.0.0.1:7 publishers=1 subscribers=0\n")
		p.Line()
	}
	f := fake.New(t, torn, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Discard()
	})
	p := dialPublisher(t, f, Config{Name: "a"})
	publish(t, p, "one")
	assert.NoError(t, p.Close(t.Context()))
}

// A connection that was given up may register late, and take the name over from the one that was
// made after it. Nobody else has it then.
func TestComesBackWhenItTookItsNameFromItself(t *testing.T) {
	hangUp := func(p *fake.Peer) { p.Line() } // as far as the client can tell, it was not heard
	taken := func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Send("error: " + protocol.TakenOver + "\n")
	}
	t.Run("publisher", func(t *testing.T) {
		f := fake.New(t, hangUp, taken, func(p *fake.Peer) {
			p.Accept(" next=1")
			p.Discard()
		})
		p := dialPublisher(t, f, Config{Name: "a"})
		publish(t, p, "one")
		assert.NoError(t, p.Close(t.Context()))
	})
	t.Run("subscriber, but not more often than that", func(t *testing.T) {
		f := fake.New(t, hangUp, taken, taken, func(*fake.Peer) { t.Error("it came back") })
		s := dialSubscriber(t, f, Config{Name: "a"})
		_, err := s.Next(t.Context())
		assert.EqualError(t, err, "the server refused: "+protocol.TakenOver)
	})
}

// A server that goes on accepting connections only to drop them must not be tried for ever, nor
// without a pause.
func TestAServerThatOnlyAcceptsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sessions := 0
		s, err := DialSubscriber(t.Context(), "x:1", Config{Dial: func(context.Context, string, string) (net.Conn, error) {
			sessions++
			client, server := net.Pipe()
			go func() {
				buf := make([]byte, 100)
				server.Read(buf)
				server.Write([]byte(protocol.Prompt + "registered as SUBSCRIBER name=a next=1\n"))
				server.Close()
			}()
			return client, nil
		}})
		require.NoError(t, err)
		start := time.Now()
		_, err = s.Next(t.Context())
		assert.ErrorContains(t, err, "gave up after")
		assert.InDelta(t, DefaultGiveUp, time.Since(start), float64(5*time.Second))
		assert.Less(t, sessions, 40)
		s.Close()
	})
}
