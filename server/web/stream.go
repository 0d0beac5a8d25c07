package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"pubsublab/protocol"
	"pubsublab/server/broker"
)

// parameters returns the query of a request, without its token. Each is one of those that are known.
func (s *side) parameters(r *http.Request, known ...string) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, s.wrong(protocol.Errorf("the query cannot be read: %s", protocol.Quoted(err.Error())))
	}
	query.Del("token")
	for name := range query {
		if !slices.Contains(known, name) {
			return nil, s.wrong(protocol.Errorf("unknown parameter %s, expected %s or token", protocol.Quoted(name), strings.Join(known, ", ")))
		}
	}
	return query, nil
}

// subscribe makes the connection a subscriber's: what a role line would say is in the query.
func (s *side) subscribe(w http.ResponseWriter, r *http.Request) error {
	query, err := s.parameters(r, "topic", "from", "name", "format")
	if err != nil {
		return err
	}
	format := protocol.SSE
	if f := query.Get("format"); f == "" || f == format.String() {
		query.Del("format")
	} else if format, err = protocol.ParseFormat(f); err != nil {
		return s.wrong(fmt.Errorf("%w or sse", err))
	}
	hello, err := protocol.ParseQuery(protocol.Subscriber, query)
	if err != nil {
		return s.wrong(err)
	}
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		if hello.From, err = protocol.ParseLastEventID(id); err != nil {
			return s.wrong(err)
		}
	}
	hello.Format, hello.Token = format, tokenOf(r)
	h := w.Header()
	h.Set("Content-Type", map[protocol.Format]string{
		protocol.SSE: "text/event-stream", protocol.JSON: "application/jsonl", protocol.TSV: "text/tab-separated-values; charset=utf-8",
	}[format])
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "text/plain; charset=utf-8")
	}
	if r.Method == http.MethodHead {
		return nil
	}
	h.Set("X-Accel-Buffering", "no") // a proxy is to pass on each line as it comes
	h.Set("Connection", "close")
	return linkOf(r).Subscribe(hello, func() (head, rest []byte, err error) {
		_, in, err := http.NewResponseController(w).Hijack() // the Link has the connection
		if err != nil {
			return nil, nil, err
		}
		rest, _ = in.Reader.Peek(in.Reader.Buffered())
		var text strings.Builder
		text.WriteString("HTTP/1.1 200 OK\r\n")
		h.Write(&text)
		return []byte(text.String() + "\r\n"), rest, nil
	})
}

// publish takes the lines of the body.
func (s *side) publish(w http.ResponseWriter, r *http.Request) error {
	query, err := s.parameters(r, "topic", "name", "run", "first")
	if err != nil {
		return err
	}
	first := uint64(1)
	if query.Has("first") != query.Has("run") {
		return s.wrong(errors.New("run= and first= go together: first= is the number in the run of the body's first line"))
	}
	if text := query.Get("first"); query.Has("first") {
		if first, err = strconv.ParseUint(text, 10, 63); err != nil || first == 0 {
			return s.wrong(protocol.Errorf("bad first %s, expected the number of a line, from 1 up", protocol.Quoted(text)))
		}
		query.Del("first")
	}
	hello, err := protocol.ParseQuery(protocol.Publisher, query)
	if err != nil {
		return s.wrong(err)
	}
	hello.Token = tokenOf(r)
	receipt, err := linkOf(r).Publish(hello, first, r.Body)
	if err != nil {
		status := statusOf(err)
		s.Log.Info("lines refused", "addr", r.RemoteAddr, "status", status, "error", err.Error())
		answer(w, status, struct {
			Error string `json:"error"`
			broker.Receipt
		}{err.Error(), receipt})
		return nil
	}
	answer(w, http.StatusOK, receipt)
	return nil
}
