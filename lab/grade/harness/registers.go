package harness

import (
	"context"
	"time"
)

const (
	// connects is how long a client may take to connect before it is taken for one that finds the
	// server by itself.
	connects = 5 * time.Second
	// registers is how long one that is connected may take to say something by itself, before it is
	// taken for one that says nothing until it is typed a message.
	registers = 700 * time.Millisecond
	// apart keeps what it says by itself from its first message: many servers take what they read at
	// once for one thing, and a person does not type so soon.
	apart = 150 * time.Millisecond
)

// registers waits until the client has connected and said what it says by itself.
func (t *Terminal) registers() {
	limited, cancel := context.WithTimeout(context.Background(), connects)
	defer cancel()
	limited, end := t.WhileBusy(limited)
	defer end()
	Poll(limited, func() bool { return len(t.relay.connections()) > 0 || t.Program.Output.Ended() })
	for _, c := range t.relay.connections() {
		soon, cancel := context.WithTimeout(context.Background(), registers)
		if c.Up.Wait(soon, func(data []byte) bool { return len(data) > 0 }) {
			Poll(soon, func() bool { return time.Since(t.lastSaid()) >= apart })
		}
		cancel()
	}
}

// awaitThere waits until the client has said what it says by itself, or says nothing, or has ended; not for
// long.
func (t *Terminal) awaitThere() {
	const most, read, mute = 1500 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	Poll(ctx, func() bool {
		if said := t.lastSaid(); !said.IsZero() {
			return time.Since(said) >= read
		}
		all := t.relay.connections()
		return t.Program.Output.Ended() || len(all) > 0 && time.Since(all[0].At) >= mute
	})
}

// registered reports whether the client has said something by itself since it was typed something, and
// nothing more now: it asks for nothing before that.
func (t *Terminal) registered() bool {
	last := t.lastSaid()
	return last.After(t.lastTyped()) && time.Since(last) >= apart
}

// lastSaid is when the client said something to the server last; the zero time: never.
func (t *Terminal) lastSaid() (last time.Time) {
	for _, c := range t.relay.connections() {
		if at := c.Up.At(c.Up.Len() - 1); at.After(last) {
			last = at
		}
	}
	return last
}

// lastTyped is when something was typed at the client last; the zero time: never.
func (t *Terminal) lastTyped() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.typed) == 0 {
		return time.Time{}
	}
	return t.relay.server.Began.Add(t.typed[len(t.typed)-1].At)
}

// Silent reports whether the client has sent nothing since something was typed.
func (t *Terminal) Silent() bool {
	return !t.Program.Output.Ended() && !t.lastSaid().After(t.lastTyped())
}
