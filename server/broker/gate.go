package broker

import (
	"crypto/sha256"
	"crypto/subtle"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

const (
	// An address may fail so often at once, and then once in so many seconds.
	failureBurst   = 10
	failureSeconds = 6
	// maxFailing is of how many addresses failures are remembered.
	maxFailing = 1 << 14
)

// gate lets clients in that know a token (P18).
type gate struct {
	tokens [][sha256.Size]byte // none: everybody may come in

	mu      sync.Mutex
	failing *simplelru.LRU[string, *rate.Limiter] // by address
}

func newGate(tokens []string) *gate {
	failing, err := simplelru.NewLRU[string, *rate.Limiter](maxFailing, nil)
	if err != nil {
		panic(err) // only for a size below 1
	}
	g := &gate{failing: failing}
	for _, token := range tokens {
		g.tokens = append(g.tokens, sha256.Sum256([]byte(token)))
	}
	return g
}

// check tells whether a client at that address may come in with that token. The
// time it takes tells nothing about the tokens: it compares digests, all of
// them. An address that guesses is not listened to for a while, right or wrong.
func (g *gate) check(host, token string) error {
	if len(g.tokens) == 0 {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	failures, known := g.failing.Get(host)
	if known && failures.Tokens() < 1 {
		return &mistake{"too many wrong tokens from your address, try again later"}
	}
	digest := sha256.Sum256([]byte(token))
	right := 0
	for _, t := range g.tokens {
		right |= subtle.ConstantTimeCompare(digest[:], t[:])
	}
	if right == 1 {
		return nil
	}
	if !known {
		failures = rate.NewLimiter(rate.Limit(1.0/failureSeconds), failureBurst)
		g.failing.Add(host, failures)
	}
	failures.Allow()
	if token == "" {
		return &mistake{"this server wants a token, expected token=... in the role line"}
	}
	return &mistake{"wrong token"}
}
