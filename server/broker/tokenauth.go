package broker

import (
	"crypto/sha256"
	"crypto/subtle"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"pubsublab/protocol"
)

const (
	// A network may send failureBurst wrong tokens at once, and then one every failureSeconds.
	// Beyond that, every answer to it is delayed by guessDelay.
	failureBurst   = 10
	failureSeconds = 6
	guessDelay     = time.Second
	// maxFailing is the number of networks whose failures are remembered.
	maxFailing = 1 << 14
)

// digest is a hash, which stands for a token.
type digest [sha256.Size]byte

// tokenAuth lets in clients that know a token (P18). Its methods may be called concurrently.
type tokenAuth struct {
	mu      sync.Mutex
	tokens  []digest                              // none: everybody may come in
	failing *simplelru.LRU[string, *rate.Limiter] // by network
}

func newTokenAuth(tokens []string) *tokenAuth {
	failing, err := simplelru.NewLRU[string, *rate.Limiter](maxFailing, nil)
	if err != nil {
		panic(err) // only for a size below 1
	}
	a := &tokenAuth{failing: failing}
	a.set(tokens)
	return a
}

func (a *tokenAuth) set(tokens []string) {
	digests := make([]digest, len(tokens))
	for i, token := range tokens {
		digests[i] = sha256.Sum256([]byte(token))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tokens = digests
}

// check reports whether a client of that network may come in with that token, and how long its
// answer has to be delayed. The right token is always let in. Where many wrong tokens came from,
// right and wrong ones are answered after the same time, so that each guess costs that time. known
// is the token; nil where none is needed.
func (a *tokenAuth) check(network, token string) (known *digest, delay time.Duration, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case len(a.tokens) == 0:
		return nil, 0, nil
	case token == "":
		return nil, 0, &mistake{protocol.NoToken} // which is no guess
	}
	failures, ok := a.failing.Get(network)
	if ok && failures.Tokens() < 1 {
		delay = guessDelay
	}
	given := digest(sha256.Sum256([]byte(token)))
	if a.holdsLocked(&given) {
		return &given, delay, nil
	}
	if !ok {
		failures = rate.NewLimiter(rate.Limit(1.0/failureSeconds), failureBurst)
		a.failing.Add(network, failures)
	}
	failures.Allow()
	return nil, delay, &mistake{protocol.WrongToken}
}

// holds reports whether a client that check has let in would still be let in. nil is a client that
// needed no token.
func (a *tokenAuth) holds(known *digest) bool {
	if known == nil {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.holdsLocked(known)
}

// isToken reports whether a word is a token.
func (a *tokenAuth) isToken(word string) bool {
	d := digest(sha256.Sum256([]byte(word)))
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.holdsLocked(&d)
}

// holdsLocked takes the same time for any digest, so that its time shows nothing about the tokens:
// it compares digests, and always all of them.
func (a *tokenAuth) holdsLocked(d *digest) bool {
	right := 0
	for i := range a.tokens {
		right |= subtle.ConstantTimeCompare(d[:], a.tokens[i][:])
	}
	return right == 1
}
