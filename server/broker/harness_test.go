package broker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a broker with an in-memory listener, in a synctest bubble.
type rig struct {
	t        *testing.T
	broker   *Broker
	listener *memListener
	log      *logBuffer
	served   chan error
	clients  int
}

// inBubble runs a test against a broker; virtual time makes silence provable.
func inBubble(t *testing.T, cfg Config, test func(b *rig)) {
	t.Helper()
	withHistory(t, 64<<20, cfg, test)
}

// withHistory is inBubble with so many bytes of history.
func withHistory(t *testing.T, bytes int, cfg Config, test func(b *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		if cfg.Journal == nil {
			cfg.Journal = journal.NewMemory(bytes)
		}
		b := &rig{t: t, listener: newMemListener(), log: &logBuffer{}, served: make(chan error, 1)}
		cfg.Log = slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		b.broker = New(cfg)
		go func() { b.served <- b.broker.Serve(b.listener) }()
		defer func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			b.broker.Shutdown(ctx)
			assert.ErrorIs(t, <-b.served, ErrClosed)
		}()
		test(b)
	})
}

// testClient is a client's end of a connection.
type testClient struct {
	*memConn
	t    *testing.T
	name string // its address
}

const roomy = 1 << 20 // bytes of buffer that no test fills by accident

// connect dials, and takes the prompt (P1).
func (b *rig) connect(buffer int) *testClient {
	b.t.Helper()
	b.clients++
	name := fmt.Sprintf("10.0.0.%d:999", b.clients)
	conn, err := b.listener.dial(name, buffer)
	require.NoError(b.t, err)
	p := &testClient{conn, b.t, name}
	p.want(protocol.Prompt, "P1: the prompt")
	return p
}

// join connects and registers, and takes the welcome.
func (b *rig) join(role string) *testClient { return b.joinWith(role, roomy) }

func (b *rig) joinWith(role string, buffer int) *testClient {
	b.t.Helper()
	p := b.connect(buffer)
	p.send(role + "\n")
	synctest.Wait()
	line, rest, ok := strings.Cut(p.buffered(), "\n")
	require.True(b.t, ok, "P4: one line accepts %q", role)
	require.Regexp(b.t, "^registered as ", line)
	p.in.do(func() { p.in.buf = append([]byte(rest), p.in.buf...) })
	return p
}

func (p *testClient) send(s string) {
	p.t.Helper()
	_, err := io.WriteString(p.memConn, s)
	require.NoError(p.t, err)
}

// want takes all that arrives before everything falls silent, which must be exactly this.
func (p *testClient) want(text string, why string, args ...any) {
	p.t.Helper()
	synctest.Wait()
	require.Equal(p.t, text, p.buffered(), append([]any{why}, args...)...)
}

// wantClosed takes what arrives, which must be exactly this and then the end.
func (p *testClient) wantClosed(text string, why string) {
	p.t.Helper()
	p.want(text, why)
	require.True(p.t, p.ended(), why+": then closed")
}

func (p *testClient) wantOpen(why string) {
	p.t.Helper()
	synctest.Wait()
	require.False(p.t, p.ended(), why)
}

// welcome is the line that accepts a client (P4).
func (b *rig) welcome(role protocol.Role, name string, publishers, subscribers int, next uint64) string {
	return protocol.Welcome{
		Role: role, Name: name, Publishers: publishers, Subscribers: subscribers, Next: next,
		Journal: b.broker.journal.ID(),
	}.String() + "\n"
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
