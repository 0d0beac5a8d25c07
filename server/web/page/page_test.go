package page

import (
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func get(h http.Handler, path, etag string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("If-None-Match", etag)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestHandlerServesThePageAndItsFiles(t *testing.T) {
	h := Handler(Data{})
	for path, kind := range map[string]string{
		"/": "text/html", "/app.js": "text/javascript", "/style.css": "text/css", "/icon.svg": "image/svg+xml",
	} {
		w := get(h, path, "")
		assert.Equal(t, http.StatusOK, w.Code, path)
		assert.Contains(t, w.Header().Get("Content-Type"), kind, path)
		assert.Equal(t, policy, w.Header().Get("Content-Security-Policy"), path)
		assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"), path)
		assert.Equal(t, http.StatusNotModified, get(h, path, w.Header().Get("ETag")).Code, path)
	}
	assert.Equal(t, http.StatusNotFound, get(h, "/page.go", "").Code)
}

// A title is text wherever it stands, whatever it is made of.
func TestTitleStaysText(t *testing.T) {
	const hostile = `</title><script>alert(1)</script>" onload='x' &amp; $1 {{.Title}} {{if .Console}}{{end}}`
	for _, console := range []bool{false, true} {
		plain, attacked := get(Handler(Data{Title: "T", Console: console}), "/", ""), get(Handler(Data{Title: hostile, Console: console}), "/", "")
		want := strings.NewReplacer(">T<", ">"+html.EscapeString(hostile)+"<").Replace(plain.Body.String())
		assert.Equal(t, want, attacked.Body.String())
		assert.Equal(t, 2, strings.Count(want, "&lt;script&gt;"), "in the tab and on the page")
	}
}

// The policy would keep a browser from what this forbids, without a word to who looks at the page.
func TestNothingIsInlineOrFromElsewhere(t *testing.T) {
	forbidden := regexp.MustCompile(`(?i)\sstyle=|\son[a-z]+=|<style|<script[^>]*>[^<]|(src|href)="[a-z]+:|//[a-z]`)
	for _, console := range []bool{false, true} {
		assert.NotRegexp(t, forbidden, get(Handler(Data{Console: console}), "/", "").Body.String())
	}
}

func TestConsoleIsLoadedWhereThereIsOne(t *testing.T) {
	assert.NotContains(t, get(Handler(Data{}), "/", "").Body.String(), "console.")
	with := get(Handler(Data{Console: true}), "/", "").Body.String()
	assert.Contains(t, with, `<meta name="console" content="console.js">`)
	assert.Contains(t, with, `href="console.css"`)
}
