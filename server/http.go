package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"pubsublab/server/broker"
	"pubsublab/server/journal/jetstream"
	"pubsublab/server/web"
)

// listenHTTP opens the port for HTTP; nil where none is asked for.
func (s *serve) listenHTTP() (net.Listener, error) {
	if s.HTTP == "" {
		return nil, nil
	}
	l, err := s.listenOn(s.HTTP)
	if err != nil {
		return nil, fmt.Errorf("--http %s: %w", s.HTTP, err)
	}
	return l, nil
}

// serveHTTP serves HTTP until the broker shuts down. lines is where it accepts lines.
func (s *serve) serveHTTP(l net.Listener, b *broker.Broker, lines net.Addr, log *slog.Logger) error {
	page := s.pageAt(l.Addr())
	log.Info("the page is open", "page", page.String())
	name, _ := os.Hostname() // or none
	return web.Serve(l, web.Config{
		Broker: b, URL: page, TLS: s.TLSCert != "", Log: log,
		About: web.About{
			Name: name, Version: version(), Listen: lines.String(), Journal: s.journalKind(), Peers: s.peers(), Started: time.Now(),
		},
	})
}

// pageAt returns where a person finds the page of that listener.
func (s *serve) pageAt(addr net.Addr) *url.URL {
	if s.HTTPURL.Host != "" {
		return s.HTTPURL.JoinPath("/")
	}
	host, port, _ := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	page := &url.URL{Scheme: "http", Host: net.JoinHostPort(host, port), Path: "/"}
	if s.TLSCert != "" {
		page.Scheme = "https"
	}
	return page
}

// journalKind returns which journal keeps the order.
func (o *journalOptions) journalKind() string {
	switch {
	case o.Journal == "memory":
		return "memory"
	case o.onDisk():
		return "disk"
	}
	return "jetstream"
}

// peers returns the NATS servers that keep the order; none where no one does.
func (o *journalOptions) peers() []string {
	if o.journalKind() != "jetstream" {
		return nil
	}
	hosts, err := jetstream.Hosts(o.Journal)
	if err != nil {
		return nil // which the journal reports
	}
	return strings.Split(hosts, ",")
}
