// Package web is the broker's HTTP side: for browsers, curl and monitoring. It follows the rules of the
// lines (P1 to P18) by being the same broker: a stream is a subscriber, a post is a publisher, and
// nothing here is a second implementation of a rule.
package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"pubsublab/protocol"
	"pubsublab/server/broker"
	"pubsublab/server/web/page"
)

// Config says what the HTTP side is of.
type Config struct {
	// Broker is what it shows. Its Shutdown ends Serve.
	Broker *broker.Broker
	// URL is where browsers find it: its name is good besides those that always are; see guard.
	URL *url.URL
	// TLS is whether the Broker speaks it.
	TLS bool
	// About is what /connz tells of the broker besides its Stats.
	About About
	// Log is told who was refused, and why; nil is nowhere.
	Log *slog.Logger
}

// About is what a broker is.
type About struct {
	Name    string    // a host name
	Version string    // as in --version
	Listen  string    // where it accepts lines
	Journal string    // "memory", "disk" or "jetstream"
	Peers   []string  // hosts of the NATS servers
	Started time.Time // when it was
}

// Serve answers requests of whoever connects to l, until the broker shuts down, and then returns
// broker.ErrClosed, or until l breaks.
func Serve(l net.Listener, cfg Config) error {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true) // a stream takes its connection, which the others of HTTP/2 would share
	server := &http.Server{
		Handler:           newHandler(cfg),
		Protocols:         &protocols,
		ReadHeaderTimeout: protocol.RoleTimeout,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, linkKey{}, broker.LinkOf(c))
		},
	}
	return server.Serve(cfg.Broker.Listener(l))
}

type linkKey struct{}

// side is the HTTP side. It is only read.
type side struct {
	Config
	mux *http.ServeMux
}

func newHandler(cfg Config) http.Handler {
	s := &side{cfg, http.NewServeMux()}
	for pattern, serve := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /subscribe": s.authorized(s.subscribe),
		"POST /publish":  s.authorized(s.publish),
		"GET /connz":     s.authorized(s.connz),
		"GET /metrics":   s.authorized(s.metrics),
		"GET /healthz":   s.healthz,
	} {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := serve(w, r); err != nil {
				s.refuse(w, r, err)
			}
		})
	}
	pages := page.Handler(page.Data{Title: "Pub/Sub Lab: " + cfg.About.Name})
	for _, name := range append([]string{"{$}"}, page.Files...) {
		s.mux.Handle("GET /"+name, pages)
	}
	return s.guard(s.mux)
}

// problem is an answer that is not the one that was asked for.
type problem struct {
	status int
	text   string
}

func (p *problem) Error() string { return p.text }

func (s *side) wrong(err error) error { return &problem{http.StatusBadRequest, s.Broker.Words(err)} }

// statusOf returns the status that goes with an error of the broker.
func statusOf(err error) int {
	var p *problem
	if errors.As(err, &p) {
		return p.status
	}
	if errors.Is(err, broker.ErrAhead) {
		return http.StatusConflict
	}
	switch err.Error() {
	case protocol.NoToken, protocol.WrongToken, protocol.TokenGone:
		return http.StatusUnauthorized
	case protocol.TokenMisplaced:
		return http.StatusBadRequest
	case protocol.TakenOver:
		return http.StatusConflict
	}
	return http.StatusServiceUnavailable
}

// refuse answers a request with what is wrong.
func (s *side) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, text := statusOf(err), err.Error()
	where := "…" // what is not served may hold anything, a token too
	if _, pattern := s.mux.Handler(r); pattern != "" {
		_, where, _ = strings.Cut(pattern, " ")
	}
	s.Log.Info("request refused", "addr", r.RemoteAddr, "path", where, "status", status, "error", text)
	switch status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	}
	if text == protocol.NoToken {
		text = "this server wants a token, expected the header Authorization: Bearer TOKEN, or token=TOKEN in the query"
	}
	answer(w, status, map[string]string{"error": text})
}

// answer sends JSON.
func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(toJSON(body), '\n'))
}

func toJSON(x any) []byte {
	text, err := json.Marshal(x)
	if err != nil {
		panic(err) // only for what is no JSON
	}
	return text
}

// authorized lets only those in that know a token, where the broker has some (P18).
func (s *side) authorized(serve func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := linkOf(r).Authorize(tokenOf(r)); err != nil {
			return err
		}
		return serve(w, r)
	}
}

func linkOf(r *http.Request) *broker.Link { return r.Context().Value(linkKey{}).(*broker.Link) }

// tokenOf returns the token that came with a request; "" for none.
func tokenOf(r *http.Request) string {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return r.URL.Query().Get("token")
}

// healthz reports whether the broker is ready (P2); with the parameter live, that it is there. It needs
// no token, like the check over a line.
func (s *side) healthz(w http.ResponseWriter, r *http.Request) error {
	sync := s.Broker.Sync()
	if !r.URL.Query().Has("live") {
		if err := s.Broker.Health(r.Context()); err != nil {
			return err
		}
	}
	body := map[string]string{"status": protocol.Healthy}
	if sync != "" {
		body["sync"] = sync
	}
	answer(w, http.StatusOK, body)
	return nil
}
