package protocol

import (
	"slices"
	"strings"
)

// Texts with which a server refuses a client, behind ErrorPrefix.
const (
	// TakenOver is for a client whose name another connection took (P5). The client must not come
	// back by itself, or the two would take the name from each other for ever.
	TakenOver = "another connection took this name over"
	// SpeaksTLS is for a client that does not, where the server does (P18).
	SpeaksTLS = "this server speaks TLS"
	// WrongToken and NoToken are for a client that may not come in (P18).
	WrongToken = "wrong token"
	NoToken    = "this server wants a token, expected token=... in the role line"
	// TokenGone is for a client whose token was taken off the list (P18), and TokenMisplaced for
	// one that gives a token where others would see it.
	TokenGone      = "your token is no longer one of this server's"
	TokenMisplaced = "a token stands where others can see it, expected it behind token= only"

	// All below may be otherwise for the same client a little later.

	// Full is for one client too many (P18).
	Full = "the server is full, " + tryLater
	// ManyFromAddress is for one connection too many of an address (P18).
	ManyFromAddress = "too many connections from your address"
	// ManyWrongTokens was for an address that had to wait, whatever its token. A server of today
	// lets the right token in (P18).
	ManyWrongTokens = "too many wrong tokens from your address, " + tryLater
	// ShuttingDown is the last word of a server that ends (P17).
	ShuttingDown = "the server is shutting down"
	// NoRole is for a client that did not give a role in time (P2).
	NoRole = "no role given in time, expected PUBLISHER or SUBSCRIBER"
	// OpenRoleLine is for a role line that began, and did not end in time (P2).
	OpenRoleLine = "the role line did not end in time, expected LF at its end"
	// TornRoleLine is for a role line that was held up behind its role word (P3).
	TornRoleLine = "the role line came in pieces with a pause behind the role, expected it at once"

	tryLater = "try again later"
)

var temporary = []string{ManyFromAddress, ShuttingDown, NoRole, OpenRoleLine, TornRoleLine}

// Refusal is an "error: ..." line of the server, as an error of the client.
type Refusal struct{ Text string }

func (r *Refusal) Error() string { return "the server refused: " + r.Text }

// Temporary reports whether the refusal may pass by itself, so that it is useful to ask again. Of
// texts that it does not know, that is so of those that end in "try again later".
func (r *Refusal) Temporary() bool {
	return slices.Contains(temporary, r.Text) || strings.HasSuffix(r.Text, tryLater)
}
