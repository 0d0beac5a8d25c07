// Package protocol is the line codec of Pub/Sub Lab and its limits, for both sides. It never sees a
// connection: it parses bytes and appends bytes. The rules P1 to P18 that the comments cite are
// listed in docs/protocol.md.
package protocol

import (
	"strings"
	"time"
)

const (
	// HealthCheck is said instead of a role (P2), in any case, and answered with Healthy or an
	// error.
	HealthCheck = "HEALTH"
	Healthy     = "healthy"
	// Prompt is what the server sends on connect, and again after a mistake (P1, P2).
	Prompt = "Enter your role (PUBLISHER/SUBSCRIBER) : "
	// Terminate is the line that ends a session (P7).
	Terminate = "terminate"
	// ErrorPrefix begins every line with which the server refuses something.
	ErrorPrefix = "error: "
	// MaxLine is the longest message in bytes, its line end not counted (P6).
	MaxLine = 65536
	// MaxRoleLine is the longest role line in bytes, its line end not counted (P2).
	MaxRoleLine = 1024
	// MaxName is the longest client name in bytes (P5).
	MaxName = 64
	// MaxTopic is the longest topic or filter in bytes (P11).
	MaxTopic = 256
	// MaxTokens is how many tokens a topic or filter can have (P11): matching takes longer with
	// each.
	MaxTokens = 16
	// MaxRun is the longest run identifier in bytes (P15).
	MaxRun = 64
	// MaxToken is the longest token in bytes (P18).
	MaxToken = 256
	// MaxMistakes is how many bad role lines close a connection (P2).
	MaxMistakes = 3
	// RoleTimeout is how long a client may take over each role line (P2).
	RoleTimeout = 10 * time.Second
	// UnframedSilence is the silence after a bare role word that makes a session unframed (P3).
	UnframedSilence = 200 * time.Millisecond
)

// Role is what a client registered as. The zero value is no role.
type Role uint8

const (
	Publisher Role = iota + 1
	Subscriber
)

// String returns the role's word as the protocol spells it.
func (r Role) String() string {
	switch r {
	case Publisher:
		return "PUBLISHER"
	case Subscriber:
		return "SUBSCRIBER"
	}
	return "NO-ROLE"
}

// ParseRole reads a role word in any case (P2).
func ParseRole(s string) (Role, error) {
	switch {
	case strings.EqualFold(s, "PUBLISHER"):
		return Publisher, nil
	case strings.EqualFold(s, "SUBSCRIBER"):
		return Subscriber, nil
	}
	return 0, Errorf("unknown role %s, expected PUBLISHER or SUBSCRIBER", Quoted(s))
}

// Format is how a subscriber wants its lines (P13). The zero value is Plain.
type Format uint8

const (
	Plain Format = iota
	Stamped
	TSV
	JSON
	SSE // server-sent events: what browsers get, over HTTP only; no role line asks for it
)

var formatNames = [...]string{"plain", "stamped", "tsv", "json", "sse"}

// String returns the format's word as the protocol spells it.
func (f Format) String() string { return formatNames[f] }

// ParseFormat reads a format's word.
func ParseFormat(s string) (Format, error) {
	for i, name := range formatNames[:SSE] {
		if s == name {
			return Format(i), nil
		}
	}
	return 0, Errorf("unknown format %s, expected %s", Quoted(s), strings.Join(formatNames[:SSE], ", "))
}

// UnmarshalText reads a format's word, for flags.
func (f *Format) UnmarshalText(text []byte) (err error) {
	*f, err = ParseFormat(string(text))
	return err
}

// Events reports whether the format carries joins and departures besides messages (P13).
func (f Format) Events() bool { return f == TSV || f == JSON || f == SSE }

// Terminator is what each message and each event ends with, and what no message or event holds before
// its end.
func (f Format) Terminator() string {
	if f == SSE {
		return "\n\n"
	}
	return "\n"
}

// CheckName returns what is wrong with a client's name, if anything (P5).
func CheckName(s string) error {
	if s == "" || len(s) > MaxName || strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-')
	}) {
		return Errorf("bad name %s, expected 1 to %d of A-Z a-z 0-9 . _ -", Quoted(s), MaxName)
	}
	return nil
}
