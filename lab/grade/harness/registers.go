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
	Poll(limited, func() bool { return len(t.relay.connections()) > 0 || t.Program.Output.Ended() })
	for _, c := range t.relay.connections() {
		soon, cancel := context.WithTimeout(context.Background(), registers)
		if c.Up.Wait(soon, func(data []byte) bool { return len(data) > 0 }) {
			c.Up.Quiet(soon, apart)
		}
		cancel()
	}
}
