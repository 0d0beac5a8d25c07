package web

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"path"
	"strings"
)

// guard keeps foreign pages away from a broker that their reader can reach. A browser says in Host by
// which name it reached the broker, and in Origin and Sec-Fetch-Site which page asks; programs say
// nothing of the latter.
//
// By the name, a page is found out whose own name was made to lead here (DNS rebinding). Good is what
// no stranger can have such a name server for: an address, localhost, a name without a dot, and that of
// Config.URL. With TLS any name is good: the certificate has proven it.
func (s *side) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		if linkOf(r).Refused() {
			h.Set("Connection", "close")
		}
		if err := s.stranger(r); err != nil {
			s.refuse(w, r, err)
			return
		}
		if path.Clean("/"+r.URL.Path) != r.URL.Path { // a redirect would repeat the query, and a token in it
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// stranger returns why a request is not from a program, or a page of this very server.
func (s *side) stranger(r *http.Request) error {
	if !s.TLS && !s.knows(r.Host) {
		return &problem{http.StatusForbidden, fmt.Sprintf("this server is not known as %q, expected an address, localhost, "+
			"a name without a dot, or that of --http-url", short(r.Host))}
	}
	scheme := "http://"
	if s.TLS {
		scheme = "https://"
	}
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	// Who follows a link comes from elsewhere, and may: that page learns nothing.
	visit := r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.URL.Path == "/" && r.Method == http.MethodGet
	own := origin == "" || origin == scheme+r.Host || origin == s.URL.Scheme+"://"+s.URL.Host
	foreign := !own || site != "" && site != "same-origin" && site != "none"
	if foreign && !visit {
		return &problem{http.StatusForbidden, fmt.Sprintf("a page of another server asks (%q), expected one of this server", short(origin+site))}
	}
	return nil
}

// knows reports whether browsers may reach the broker by the name in a Host header.
func (s *side) knows(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return name != "" && !strings.Contains(name, ".") || strings.HasSuffix(name, ".localhost") || strings.EqualFold(name, s.URL.Hostname())
}

func short(s string) string { return s[:min(len(s), 60)] }
