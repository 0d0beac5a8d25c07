package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// secrets are the certificates and tokens in their files. They are read again when the files
// change, and on SIGHUP. When they cannot be used then, the log says so and the old ones stay. The
// methods are for one goroutine; connections use current on others.
type secrets struct {
	s   *serve
	log *slog.Logger

	tls    atomic.Pointer[tls.Config] // nil for plain text
	tokens []string                   // none for no token file

	taking sync.Mutex    // held by the one connection that looks at the files
	taken  []os.FileInfo // the files as they were when a connection read them; guarded by taking

	certificates []pemCertificate
	told         map[string]time.Time // when what is wrong with a certificate was logged
	loaded       []os.FileInfo        // the files as they were when they were read
	seen         []os.FileInfo        // the files as they were a moment ago
}

// Kubernetes and certbot change several files, one after another.
const (
	lookInterval = time.Second    // at the files: they are read when they have not changed for as long
	tellInterval = 24 * time.Hour // of what stays wrong with a certificate
)

func (s *serve) readSecrets(log *slog.Logger) (*secrets, error) {
	x := &secrets{s: s, log: log, told: map[string]time.Time{}}
	x.loaded = x.look()
	x.seen, x.taken = x.loaded, x.loaded
	if err := x.readTLS(); err != nil {
		return nil, err
	}
	if s.TokenFile != "" {
		tokens, err := readTokens(s.TokenFile)
		if err != nil {
			return nil, err
		}
		x.tokens = tokens
	}
	x.tellCertificates(time.Now())
	x.tellShortTokens()
	return x, nil
}

// config returns what a listener needs, nil for plain text.
func (x *secrets) config() *tls.Config {
	if x.tls.Load() == nil {
		return nil
	}
	return &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return x.current(), nil }}
}

// current returns what a new connection gets: a certificate that has changed a
// moment ago already, if it can be used. If not, it may be one of which only a part
// is there, and watch tells what is wrong once it rests. Connections do not wait
// for each other's look at the files.
func (x *secrets) current() *tls.Config {
	if x.taking.TryLock() {
		defer x.taking.Unlock()
		if infos := x.look(); !sameFiles(infos, x.taken) {
			x.taken = infos
			if config, _, err := x.s.loadTLS(); err == nil {
				x.tls.Store(config)
			}
		}
	}
	return x.tls.Load()
}

func (x *secrets) readTLS() error {
	if x.s.TLSCert == "" {
		return nil
	}
	config, certificates, err := x.s.loadTLS()
	if err != nil {
		return err
	}
	x.tls.Store(config)
	x.certificates = certificates
	return nil
}

func (x *secrets) files() (files []string) {
	for _, file := range []string{x.s.TLSCert, x.s.TLSKey, x.s.TLSClientCA, x.s.TokenFile} {
		if file != "" {
			files = append(files, file)
		}
	}
	return files
}

// look returns what can be known of the files without reading them. It follows links, which is how
// Kubernetes and certbot change them.
func (x *secrets) look() (infos []os.FileInfo) {
	for _, file := range x.files() {
		info, err := os.Stat(file)
		if err != nil {
			info = nil
		}
		infos = append(infos, info)
	}
	return infos
}

func sameFiles(a, b []os.FileInfo) bool {
	return slices.EqualFunc(a, b, func(a, b os.FileInfo) bool {
		if a == nil || b == nil {
			return a == nil && b == nil
		}
		return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
	})
}

// watch reads the files again until ctx ends. replace is called with new tokens.
func (x *secrets) watch(ctx context.Context, hangup <-chan os.Signal, replace func(tokens []string)) {
	var ticks <-chan time.Time
	if len(x.files()) > 0 {
		ticker := time.NewTicker(lookInterval)
		defer ticker.Stop()
		ticks = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			x.loaded = x.look()
			x.seen = x.loaded
			if len(x.loaded) == 0 {
				x.log.Info("SIGHUP: there are no certificates or tokens to read again")
				continue
			}
			x.readAgain(replace)
		case now := <-ticks:
			infos := x.look()
			resting := sameFiles(infos, x.seen)
			x.seen = infos
			if resting && !sameFiles(infos, x.loaded) {
				x.loaded = infos
				x.readAgain(replace)
			}
			x.tellCertificates(now)
		}
	}
}

func (x *secrets) readAgain(replace func(tokens []string)) {
	const failed = "cannot use what has changed, going on with the old one"
	if err := x.readTLS(); err != nil {
		x.log.Error(failed, "error", err)
	} else if x.s.TLSCert != "" {
		x.log.Info("certificates read again", "expires", x.certificates[0].NotAfter.UTC().Format(time.RFC3339))
	}
	if x.s.TokenFile == "" {
		return
	}
	tokens, err := readTokens(x.s.TokenFile)
	if err != nil {
		x.log.Error(failed, "error", err)
		return
	}
	x.log.Info("tokens read again", "tokens", len(tokens))
	if !slices.Equal(tokens, x.tokens) {
		x.tokens = tokens
		replace(tokens)
		x.tellShortTokens()
	}
}

// tellCertificates logs what is wrong with certificates, or soon will be: when that begins, and
// again each day.
func (x *secrets) tellCertificates(now time.Time) {
	for _, c := range x.certificates {
		trouble := c.trouble(now)
		key := trouble + c.file + string(c.Raw)
		if trouble == "" || now.Sub(x.told[key]) < tellInterval {
			continue
		}
		x.told[key] = now
		level := slog.LevelError
		if now.After(c.NotBefore) && now.Before(c.NotAfter) {
			level = slog.LevelWarn
		}
		x.log.Log(context.Background(), level, trouble, "file", c.file, "subject", c.Subject.String(),
			"from", c.NotBefore.UTC().Format(time.RFC3339), "to", c.NotAfter.UTC().Format(time.RFC3339))
	}
}

// shortToken is below what a patient attacker with many connections cannot guess.
const shortToken = 16

func (x *secrets) tellShortTokens() {
	short := 0
	for _, token := range x.tokens {
		if len(token) < shortToken {
			short++
		}
	}
	if short > 0 {
		x.log.Warn("tokens of fewer than 16 characters can be guessed", "tokens", short)
	}
}
