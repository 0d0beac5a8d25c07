package console

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"pubsublab/lab/topology"
	"pubsublab/server/web/page"
)

//go:embed console.js
var script []byte

//go:embed console.css
var style []byte

// newToken is what lets a page act: nobody guesses it.
func newToken() string { return strings.ToLower(rand.Text()) }

// Handler serves the page, what it shows, and what it does. What the broker's own page asks its
// broker goes to the first broker that runs.
func (c *Console) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /", page.Handler(page.Data{Title: c.config.Title, Console: true}))
	mux.HandleFunc("GET /console.js", asset("text/javascript; charset=utf-8", script))
	mux.HandleFunc("GET /console.css", asset("text/css; charset=utf-8", style))
	mux.HandleFunc("GET /console/state", c.serveState)
	mux.HandleFunc("POST /console/do", c.serveDo)
	mux.HandleFunc("GET /connz", c.serveConnz)
	mux.HandleFunc("GET /subscribe", c.toBroker)
	mux.HandleFunc("GET /healthz", c.toBroker)
	mux.HandleFunc("GET /metrics", c.toBroker)
	mux.HandleFunc("POST /publish", c.toBroker)
	return guard(mux)
}

// guard keeps pages of others away that know or guess where the console is. One whose own name was
// made to lead here is found out by that name; browsers say of all others where they are from.
func guard(next http.Handler) http.Handler {
	next = http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.Host
		if host, _, err := net.SplitHostPort(name); err == nil {
			name = host
		}
		if net.ParseIP(strings.Trim(name, "[]")) == nil && !strings.EqualFold(name, "localhost") {
			refuse(w, http.StatusForbidden, fmt.Errorf("the console is not known as %q, expected an address or localhost", name))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func asset(kind string, content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(content) // who does not take it has gone
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // likewise
}

func refuse(w http.ResponseWriter, status int, err error) {
	answer(w, status, map[string]string{"error": err.Error()})
}

func (c *Console) serveState(w http.ResponseWriter, _ *http.Request) {
	s := c.state()
	answer(w, http.StatusOK, s)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.polled = time.Now()
	if s.Verdict != nil && !closed(c.told) {
		close(c.told)
	}
}

// order is what a page asks for.
type order struct {
	Do       string  `json:"do"` // kill, restart, freeze, thaw, cut, reconnect; add, pace, keep, scenario, stop
	Node     string  `json:"node"`
	Role     string  `json:"role"`
	Scenario string  `json:"scenario"`
	Guess    guess   `json:"guess"` // "": none
	Pace     float64 `json:"pace"`
	Keep     bool    `json:"keep"`
}

// mostOrder is how many bytes an order has at most.
const mostOrder = 4 << 10

// serveDo does what the page asks for, once it has shown the token.
func (c *Console) serveDo(w http.ResponseWriter, r *http.Request) {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || subtle.ConstantTimeCompare([]byte(given), []byte(c.token)) != 1 {
		refuse(w, http.StatusUnauthorized, errors.New("the token is missing or wrong: open the address that lab up has printed"))
		return
	}
	var o order
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostOrder)).Decode(&o); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	// Whoever closes the page in the middle does not leave half an action.
	done, err := c.do(context.WithoutCancel(r.Context()), o)
	switch {
	case errors.Is(err, errEnding):
		refuse(w, http.StatusServiceUnavailable, err)
	case err != nil:
		refuse(w, http.StatusConflict, err)
	default:
		answer(w, http.StatusOK, map[string]string{"done": done})
	}
}

// mostPace is the fastest pace, in lines a second of each publisher.
const mostPace = 1000

// do carries out an order, and says what was done.
func (c *Console) do(ctx context.Context, o order) (string, error) {
	if o.Guess != "" && !slices.Contains(guesses, o.Guess) {
		return "", fmt.Errorf("guess %q: expected one of %q", o.Guess, guesses)
	}
	switch o.Do {
	case kill, restart, freeze, thaw, cut, reconnect:
		n := c.find(o.Node)
		if n == nil {
			return "", fmt.Errorf("there is no node %q", o.Node)
		}
		if slices.Contains(faults, o.Do) {
			return o.Do + " " + o.Node, c.strike(ctx, n, o.Do, o.Guess)
		}
		return o.Do + " " + o.Node, c.act(ctx, n, o.Do)
	case "add":
		role := topology.Role(o.Role)
		if !isRole(role) {
			return "", fmt.Errorf("role %q: expected subscriber or publisher", o.Role)
		}
		return c.add(ctx, role)
	case "pace":
		if !(o.Pace >= 0 && o.Pace <= mostPace) {
			return "", fmt.Errorf("pace %v: expected 0 to %d lines a second", o.Pace, mostPace)
		}
		c.setPace(o.Pace)
		return "the pace is set", nil
	case "keep":
		return "noted", c.setKeep(o.Keep)
	case "scenario":
		return "it begins", c.start(o.Scenario, o.Guess)
	case "stop":
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.scenario != nil {
			c.scenario.stop()
		}
		return "it ends", nil
	}
	return "", fmt.Errorf("do %q: nobody knows how", o.Do)
}

func (c *Console) setKeep(keep bool) error {
	c.mu.Lock()
	if c.ending {
		c.mu.Unlock()
		return errEnding
	}
	c.keep = keep
	c.mu.Unlock()
	if c.config.Kept != nil {
		c.config.Kept()
	}
	return nil
}
