// Package page is the page that a broker shows to browsers, and that the lab's console shows with
// the lab behind it. It imports nothing of the broker: the page must load while no broker answers.
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html"
	"net/http"
	"regexp"
	"time"
)

//go:embed index.html app.js style.css icon.svg
var files embed.FS

// Files are the files beside the page.
var Files = []string{"app.js", "style.css", "icon.svg"}

// policy lets the page load its own files and talk to its own server, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

// Data is what the page is made of.
type Data struct {
	// Title heads the page and names its tab.
	Title string
	// Console makes the page load console.js, a module whose function start gets what the page
	// offers, and console.css. Both lie beside the page; Handler does not serve them.
	Console bool
}

// Handler serves the page at / and its files beside it. They hold nothing of anyone, so that no
// token is asked for them. It may be used concurrently.
func Handler(data Data) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", file("index.html", index(data)))
	for _, name := range Files {
		content, err := files.ReadFile(name)
		if err != nil {
			panic(err)
		}
		mux.Handle("GET /"+name, file(name, content))
	}
	return mux
}

var consolePart = regexp.MustCompile(`(?s)\s*{{if \.Console}}(.*?){{end}}`)

// index fills in the page, in the words of html/template. That itself would be half a megabyte for two
// places, and make the server's image 12.13 MB, of the 12 that it may have.
func index(data Data) []byte {
	page, err := files.ReadFile("index.html")
	if err != nil {
		panic(err)
	}
	part := ""
	if data.Console {
		part = "$1"
	}
	page = consolePart.ReplaceAll(page, []byte(part))
	return bytes.ReplaceAll(page, []byte("{{.Title}}"), []byte(html.EscapeString(data.Title)))
}

// file serves content, which a browser asks for each time, and gets when it is another.
func file(name string, content []byte) http.Handler {
	sum := sha256.Sum256(content)
	etag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-cache")
		h.Set("Content-Security-Policy", policy)
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("ETag", etag)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	})
}
