package web

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/server/broker"
	"pubsublab/server/journal"
)

// Connections over HTTP count as all do (P18). A limit is no fault, so who asks how the broker is
// gets an answer all the same.
func TestLimits(t *testing.T) {
	for name, c := range map[string]struct {
		cfg broker.Config
		why string
	}{
		"all":        {broker.Config{MaxClients: 1}, "the server is full, try again later"},
		"an address": {broker.Config{MaxPerAddress: 1}, "too many connections from your address"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, c.cfg, func(r *rig) {
				s := r.subscribe("/subscribe")
				s.take()
				for range 100 {
					status, text := r.get("/connz")
					require.Equal(r, 503, status)
					require.JSONEq(r, fmt.Sprintf(`{"error":%q}`, c.why), text)
				}
				for _, target := range []string{"/healthz", "/healthz?live"} {
					response := r.do("GET", target, nil)
					require.True(r, response.Close, "it makes room for the next one")
					status, text := read(r.T, response)
					require.Equal(r, 200, status, target)
					require.JSONEq(r, `{"status":"healthy"}`, text)
				}
				for range 50 { // who say nothing
					_, err := r.dial(r.Context(), "", "")
					require.NoError(r, err)
				}
				time.Sleep(2 * time.Second)
				status, _ := r.get("/healthz?live")
				require.Equal(r, 200, status, "they have made room")
				s.body.Close()
				synctest.Wait()
				status, _ = r.get("/connz")
				require.Equal(r, 200, status, "there is room again")
			})
		})
	}
	inBubble(t, broker.Config{MaxClients: 1, Journal: sick{journal.NewMemory(journal.MinHistory)}}, func(r *rig) {
		_, err := r.dial(r.Context(), "", "")
		require.NoError(r, err)
		synctest.Wait()
		status, text := r.get("/healthz")
		require.Equal(r, 503, status)
		require.JSONEq(r, `{"error":"no disk"}`, text, "a limit does not hide it")
	})
}

// With TLS, a limit is told in it.
func TestLimitsWithTLS(t *testing.T) {
	known := httptest.NewTLSServer(nil) // for its certificate
	known.Close()
	client := known.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	client.ServerName = "example.com"
	onLoopback(t, broker.Config{MaxClients: 1, TLS: &tls.Config{Certificates: known.TLS.Certificates}}, client, func(r *rig) {
		stream := r.do("GET", "/subscribe", nil)
		defer stream.Body.Close()
		ask := func(target string) (int, string) {
			request, err := http.NewRequestWithContext(t.Context(), "GET", "https://example.com"+target, nil)
			require.NoError(t, err)
			conn, err := r.dial(t.Context(), "", "")
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, request.Write(conn))
			response, err := http.ReadResponse(bufio.NewReader(conn), request)
			require.NoError(t, err)
			return read(t, response)
		}
		status, text := ask("/connz")
		require.Equal(t, 503, status)
		require.JSONEq(t, `{"error":"the server is full, try again later"}`, text)
		status, _ = ask("/healthz?live")
		require.Equal(t, 200, status)
	})
}

// sick is a journal that is not well.
type sick struct{ journal.Journal }

func (sick) Health() error { return errors.New("no disk") }

// A listener that runs out of something goes on when that has passed.
func TestAcceptingPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		short := &shortOf{Listener: p, errors: []error{syscall.EMFILE, syscall.ENOBUFS, syscall.EPROTO, syscall.ECONNABORTED}}
		against(t, broker.Config{}, short, p.dial, func(r *rig) {
			status, _ := r.get("/healthz")
			require.Equal(r, 200, status)
			require.Equal(r, 4, strings.Count(r.log.String(), `level=ERROR msg="cannot accept connections for now"`))
		})
	})
}

// shortOf is a listener that fails at first.
type shortOf struct {
	net.Listener
	errors []error
}

func (l *shortOf) Accept() (net.Conn, error) {
	if len(l.errors) > 0 {
		err := l.errors[0]
		l.errors = l.errors[1:]
		return nil, &net.OpError{Op: "accept", Err: err}
	}
	return l.Listener.Accept()
}

// With tokens, who shows none gives way to others at its address, and who shows a right one stays.
func TestMaxPerAddressLetsTokensIn(t *testing.T) {
	inBubble(t, broker.Config{MaxPerAddress: 2, Tokens: []string{"sesame"}}, func(r *rig) {
		var silent []net.Conn
		for range 2 {
			conn, err := r.dial(r.Context(), "", "")
			require.NoError(r, err)
			silent = append(silent, conn)
		}
		synctest.Wait()
		for n := range 5 {
			s := r.subscribe(fmt.Sprint("/subscribe?name=s", n), "Authorization", "Bearer sesame")
			require.Contains(r, s.take(), "event: registered", "P18: however many there are")
		}
		_, err := silent[0].Read(make([]byte, 1))
		require.ErrorIs(r, err, io.EOF, "the oldest of those that have shown no token goes")
		for range 5 {
			status, _ := r.get("/connz", "Authorization", "Bearer guess")
			require.Equal(r, 401, status)
		}
		require.Len(r, r.connzWith("Authorization", "Bearer sesame").Connections, 5)
	})
}
