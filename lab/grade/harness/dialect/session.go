package dialect

import "time"

// Session is one run of a client of the submission, recorded: what it was told, what was typed at
// it, and what went over its connections. All times are since the same moment.
//
// To learn from, there should be at least two sessions of each role, under different topics and
// names where the client takes any. A publisher should be typed some lines of different lengths,
// one of them of more than 256 bytes, one with quotes, a backslash and letters beyond ASCII; each
// when what it sent for the last one has come, and the first when it has been silent for a while
// after its start, because what it sends before is taken for its registration. A subscriber should
// receive these lines.
type Session struct {
	Role  string  // "PUBLISHER" or "SUBSCRIBER"
	Topic string  // that it was given, "" for none
	Name  string  // that it was given, "" for none
	Typed []Typed // messages, in the order of typing: not the role, topic and name
	Conns []Conn  // in the order in which it opened them
}

// Typed is a line that was typed, without its end.
type Typed struct {
	At   time.Duration
	Text string
}

// Conn is a connection of the client's.
type Conn struct {
	At     time.Duration // when it was opened
	Local  string        // the client's address, host:port; "" where it is not known
	Server string        // the address that the client took for the server's, host:port
	Port   int           // the server's own port behind that; 0 for its main one, 1 for the one behind that
	Chunks []Chunk       // in the order of time
}

// Chunk is what was read at once.
type Chunk struct {
	At   time.Duration
	Up   bool // from the client to the server
	Data []byte
}
