package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"pubsublab/server/broker"
	"pubsublab/server/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pipes is a listener in memory, so that time in a bubble is virtual.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{Port: 80} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	server, client := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// rig is a broker's HTTP side, and a browser.
type rig struct {
	*testing.T
	broker *broker.Broker
	client *http.Client
	dial   dialer
	log    *bytes.Buffer // read it when all is quiet
}

type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// inBubble runs a test against the HTTP side of a broker.
func inBubble(t *testing.T, cfg broker.Config, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		against(t, cfg, p, p.dial, test)
	})
}

// onLoopback runs a test against one that is reached over TCP, or TLS with secure.
func onLoopback(t *testing.T, cfg broker.Config, secure *tls.Config, test func(r *rig)) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	against(t, cfg, l, func(ctx context.Context, _, _ string) (net.Conn, error) {
		if secure != nil {
			return (&tls.Dialer{Config: secure}).DialContext(ctx, "tcp", l.Addr().String())
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
	}, test)
}

func against(t *testing.T, cfg broker.Config, l net.Listener, dial dialer, test func(r *rig)) {
	r := &rig{T: t, dial: dial, log: &bytes.Buffer{}}
	cfg.Log = slog.New(slog.NewTextHandler(r.log, nil))
	if cfg.Journal == nil {
		cfg.Journal = journal.NewMemory(journal.MinHistory)
	}
	r.broker = broker.New(cfg)
	transport := &http.Transport{DialContext: dial}
	r.client = &http.Client{Transport: transport}
	served := make(chan error, 1)
	go func() {
		served <- Serve(l, Config{
			Broker: r.broker, URL: &url.URL{Scheme: "https", Host: "broker.example.org"}, TLS: cfg.TLS != nil, Log: cfg.Log,
			About: About{Name: "here", Version: "v1", Listen: "[::]:5000", Journal: "memory", Started: time.Now()},
		})
	}()
	defer func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		assert.NoError(t, r.broker.Shutdown(ctx))
		assert.ErrorIs(t, <-served, broker.ErrClosed)
	}()
	test(r)
}

// do sends a request with these headers, in pairs.
func (r *rig) do(method, target string, body io.Reader, headers ...string) *http.Response {
	r.Helper()
	request, err := http.NewRequestWithContext(r.Context(), method, "http://localhost"+target, body)
	require.NoError(r, err)
	for i := 0; i < len(headers); i += 2 {
		if request.Header.Set(headers[i], headers[i+1]); headers[i] == "Host" {
			request.Host = headers[i+1]
		}
	}
	response, err := r.client.Do(request)
	require.NoError(r, err)
	return response
}

// get returns the status and the text of an answer.
func (r *rig) get(target string, headers ...string) (status int, text string) {
	r.Helper()
	return read(r.T, r.do("GET", target, nil, headers...))
}

func read(t *testing.T, response *http.Response) (status int, text string) {
	t.Helper()
	all, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode, strings.TrimSpace(string(all))
}

// post publishes a body, and returns the status and the answer.
func (r *rig) post(target, body string) (status int, answer string) {
	r.Helper()
	return read(r.T, r.do("POST", target, strings.NewReader(body)))
}

// connzAnswer is what /connz says.
type connzAnswer struct {
	Brokers     []connzBroker `json:"brokers"`
	Connections []connzClient `json:"connections"`
}

func (r *rig) connz() connzAnswer {
	r.Helper()
	return r.connzWith()
}

// connzWith is connz with these headers.
func (r *rig) connzWith(headers ...string) (x connzAnswer) {
	r.Helper()
	status, text := r.get("/connz", headers...)
	require.Equal(r, 200, status)
	require.NoError(r, json.Unmarshal([]byte(text), &x))
	return x
}

// stream is a subscription.
type stream struct {
	t    *testing.T
	body io.Closer

	mu    sync.Mutex
	text  bytes.Buffer
	ended bool
}

// subscribe begins a stream, and reads on in the background.
func (r *rig) subscribe(target string, headers ...string) *stream {
	r.Helper()
	response := r.do("GET", target, nil, headers...)
	require.Equal(r, 200, response.StatusCode)
	s := &stream{t: r.T, body: response.Body}
	r.Cleanup(func() { s.body.Close() })
	go func() {
		var piece [4096]byte
		for {
			n, err := response.Body.Read(piece[:])
			s.mu.Lock()
			s.text.Write(piece[:n])
			s.ended = err != nil
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

// take returns what has come until everything fell silent.
func (s *stream) take() string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.text.String()
	s.text.Reset()
	return text
}

// want takes what has come, which must be this.
func (s *stream) want(text, why string) {
	s.t.Helper()
	require.Equal(s.t, text, s.take(), why)
}

// wantEnd takes what has come, which must be this and the end.
func (s *stream) wantEnd(text, why string) {
	s.t.Helper()
	s.want(text, why)
	require.True(s.t, s.ended, why)
}
