package grade

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// A token is the random part of a message: m, the number of who sent it, a word of the run, the number of the message
// of this sender, and a full stop, so that it is found in any decoration, and a merged, cut or altered one is noticed.
var tokenShape = regexp.MustCompile(`(?i)m[0-9]+-[a-z2-9]{6}-[0-9]{3,}\.`)

const wordLetters = "abcdefghjkmnpqrstvwxyz23456789"

// message is one that a peer of the grader's sent.
type message struct {
	token string
	text  string // all of it, beginning with the token
	from  *peer
	at    time.Time
}

func token(sender int, word string, number int) string {
	return fmt.Sprintf("m%d-%s-%03d.", sender, word, number)
}

// sighting is a token in what somebody received.
type sighting struct {
	token      string // in lower case
	raw        string
	start, end int // in the tape
	after      int // the end of the token before it, or 0
	before     int // the start of the token behind it, or the end
	at         time.Time
	decoration string // what stands around it, most often before it: "[FROM 127.0.0.1:4711] :"
}

// sightings are the tokens in data, in order.
func sightings(data []byte) []sighting {
	var found []sighting
	for _, place := range tokenShape.FindAllIndex(data, -1) {
		raw := string(data[place[0]:place[1]])
		found = append(found, sighting{token: strings.ToLower(raw), raw: raw, start: place[0], end: place[1]})
	}
	for i := range found {
		s := &found[i]
		if i > 0 {
			s.after = found[i-1].end
		}
		s.before = len(data)
		if i+1 < len(found) {
			s.before = found[i+1].start
		}
		s.decoration = decoration(data[s.after:s.start], data[s.end:s.before])
	}
	return found
}

// decoration is what the server added to a message: before it on its line, behind it, or on the line before.
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

// merged says whether a server took two messages, sent with end between them, for one: it decorated the first and left
// the second as it came.
func merged(data []byte, first, second, end string) bool {
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

// lower is data with ASCII letters in lower case. Unlike bytes.ToLower it keeps every byte in its place, whatever the
// submission sent.
func lower(data []byte) []byte {
	low := bytes.Clone(data)
	for i, b := range low {
		if 'A' <= b && b <= 'Z' {
			low[i] = b - 'A' + 'a'
		}
	}
	return low
}
