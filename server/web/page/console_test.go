package page_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	webpage "pubsublab/server/web/page"
)

// A browser may give up the console's module, as it does while the machine's network changes: it is had
// when it is asked for again.
func TestConsoleIsAskedForAgain(t *testing.T) {
	b := newTab(t)
	mux := http.NewServeMux()
	mux.Handle("/", webpage.Handler(webpage.Data{Title: "A lab", Console: true}))
	var asked atomic.Int32
	mux.HandleFunc("/console.js", func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) <= 2 { // an ended connection would be tried again by the browser itself
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/javascript")
		io.WriteString(w, `export const start = (api) => api.notice("it has started", "good")`)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	b.open(s.URL).shows("#notice", "it has started")
}
