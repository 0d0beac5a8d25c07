package harness

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// TokenShape matches a token, the random part of a message: m, the number of who sent it, a word of
// the run, the number of the message of this sender, and a full stop, so that it is found in any
// decoration, and a merged, cut or altered one is noticed.
var TokenShape = regexp.MustCompile(`(?i)m[0-9]+-[a-z2-9]{6}-[0-9]{3,}\.`)

const wordLetters = "abcdefghjkmnpqrstvwxyz23456789"

// Message is one that a participant sent.
type Message struct {
	Token string
	Text  string // all of it, beginning with the token
	From  *Participant
	At    time.Time
}

func token(sender int, word string, number int) string {
	return fmt.Sprintf("m%d-%s-%03d.", sender, word, number)
}

// Tokens are those of messages, in their order.
func Tokens(messages []Message) []string {
	tokens := make([]string, len(messages))
	for i, m := range messages {
		tokens[i] = m.Token
	}
	return tokens
}

// Occurrence is a token in what somebody received.
type Occurrence struct {
	Token      string // in lower case
	Raw        string
	Start, End int // in what was received
	After      int // the end of the token before it, or 0
	Before     int // the start of the token behind it, or the end
	At         time.Time
	Decoration string // what stands around it, most often before it: "[FROM 127.0.0.1:4711] :"
}

// Occurrences are the tokens in data, in order.
func Occurrences(data []byte) []Occurrence {
	var found []Occurrence
	for _, place := range TokenShape.FindAllIndex(data, -1) {
		raw := string(data[place[0]:place[1]])
		found = append(found, Occurrence{Token: strings.ToLower(raw), Raw: raw, Start: place[0], End: place[1]})
	}
	for i := range found {
		s := &found[i]
		if i > 0 {
			s.After = found[i-1].End
		}
		s.Before = len(data)
		if i+1 < len(found) {
			s.Before = found[i+1].Start
		}
		s.Decoration = decoration(data[s.After:s.Start], data[s.End:s.Before])
	}
	return found
}

// decoration is what the server added to a message: before it on its line, behind it, or on the
// line before.
func decoration(before, behind []byte) string {
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	if text := bytes.TrimSpace(line); len(text) > 0 {
		return string(text)
	}
	rest, _, whole := bytes.Cut(behind, []byte("\n"))
	if text := bytes.TrimSpace(rest); len(text) > 0 && whole {
		return string(text)
	}
	lines := bytes.Split(bytes.TrimSpace(before), []byte("\n"))
	return string(bytes.TrimSpace(lines[len(lines)-1]))
}

// Merged reports whether a server took two messages, sent with end between them, for one: it
// decorated the first and left the second as it came.
func Merged(data []byte, first, second, end string) bool {
	at := bytes.Index(data, []byte(first))
	if at < 0 {
		return false
	}
	rest := data[at+len(first):]
	place := bytes.Index(rest, []byte(second))
	if place < 0 {
		return false
	}
	if end == "" {
		return place == 0
	}
	between := rest[:place]
	line := data[:at][bytes.LastIndexByte(data[:at], '\n')+1:]
	return len(bytes.TrimSpace(between)) == 0 && len(bytes.TrimSpace(line)) > 0
}

// Lower is data with ASCII letters in lower case. Unlike bytes.ToLower it keeps every byte in its
// place, whatever the submission sent.
func Lower(data []byte) []byte {
	low := bytes.Clone(data)
	for i, b := range low {
		if 'A' <= b && b <= 'Z' {
			low[i] = b - 'A' + 'a'
		}
	}
	return low
}

// ContainsFold looks for a token, which is in lower case.
func ContainsFold(data []byte, token string) bool {
	return bytes.Contains(data, []byte(token)) || bytes.Contains(Lower(data), []byte(token))
}
