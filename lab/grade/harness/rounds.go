package harness

import (
	"context"
	"regexp"
	"strings"
	"time"
)

// rounds are what a client wants that asks for something before each message: for a topic, or what to do next,
// by a menu that comes back. It is guarded by the mutex of the Terminal.
type rounds struct {
	each     bool // it is known to be such a one
	menu     bool // it asked for its role by a menu, which may come back
	said     bool // it was typed a message
	answered bool // and was answered since it was typed the last one
	ready    bool // and asks for nothing more now
}

// accepts matches what a client shows that goes on as what it was told to be, before its menu comes again.
var accepts = regexp.MustCompile(`(?i)\b(?:waiting|listening|subscribed|registered|success\pL*|warte\pL*|esperando|aguardando)\b`)

// hasSaid reports whether the client was typed a message.
func (t *Terminal) hasSaid() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.said
}

// asksEach reports whether the client asks for something before each message, as far as is known.
func (t *Terminal) asksEach() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.each
}

// answers notes that the client is answered what it asks for in a text, again or for the first time.
func (t *Terminal) answers(kind, shown string, again bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if again && (kind == "topic" || t.said) {
		t.each = true
		t.relay.server.Pace.rounds.Store(inRounds)
	}
	t.menu = t.menu || kind == "role" && isMenu(shown)
	t.asked[kind] = true
	t.answered, t.ready = true, false
}

// asksNoMore notes that the client shows nothing that is to be answered.
func (t *Terminal) asksNoMore() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ready = t.answered
}

// say types a message, or several lines. A client that asks for something before each is answered first.
func (t *Terminal) say(text string) error {
	t.await(context.Background())
	lines := []string{text}
	t.findRounds()
	if t.asksEach() {
		lines = strings.Split(text, "\n")
	}
	for _, line := range lines {
		if t.asksEach() {
			t.awaitAnswered()
		}
		t.mu.Lock()
		t.said, t.answered, t.ready = true, false, false
		t.mu.Unlock()
		if err := t.enter(t.command(line), line); err != nil {
			return err
		}
	}
	return nil
}

// What is known of whether clients of the submission ask for something before each message.
const (
	unknownRounds int32 = iota
	noRounds
	inRounds
)

// findRounds waits, before the second message of the first client that was asked for what may be asked for
// again, to see whether it is. Others are known by that one.
func (t *Terminal) findRounds() {
	known := &t.relay.server.Pace.rounds
	t.mu.Lock()
	t.each = t.each || known.Load() == inRounds && (t.menu || t.asked["topic"])
	wait := known.Load() == unknownRounds && t.said && !t.each && (t.menu || t.asked["topic"])
	t.mu.Unlock()
	if !wait {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), unasked)
	defer cancel()
	if !Poll(ctx, t.asksEach) {
		known.CompareAndSwap(unknownRounds, noRounds)
	}
}

// awaitAnswered waits until a client has asked for what comes before a message, and was answered.
func (t *Terminal) awaitAnswered() {
	const most = 5 * time.Second // it may ask when the server has taken the last message
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	if Poll(ctx, func() bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		return t.ready || t.Program.Output.Ended()
	}) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.each = false // it does not ask any more
	t.relay.server.Pace.rounds.Store(noRounds)
}
