package terminal

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// action is what a key does.
type action int

const (
	ignored action = iota
	typed          // text
	entered
	left
	right
	wordLeft
	wordRight
	home
	end
	previous // line of the history
	next
	eraseLeft
	eraseRight
	eraseWord
	eraseToStart
	eraseToEnd
	endOfInput // on an empty line; erases to the right in another
	interrupt  // where the system makes no signal of it
	redraw
	stopProgram
	pasteBegins
	pasteEnds
)

const pasteEnd = "\x1b[201~"

var controls = map[byte]action{
	'\r': entered, '\n': entered, 0x7f: eraseLeft, 'H' - '@': eraseLeft, 'W' - '@': eraseWord, 'U' - '@': eraseToStart,
	'K' - '@': eraseToEnd, 'A' - '@': home, 'E' - '@': end, 'B' - '@': left, 'F' - '@': right, 'P' - '@': previous,
	'N' - '@': next, 'D' - '@': endOfInput, 'C' - '@': interrupt, 'L' - '@': redraw, 'Z' - '@': stopProgram,
}

// escapes are what terminals send behind an escape character. Home and End have three spellings
// each: of xterm, of the Linux console and tmux, of rxvt.
var escapes = map[string]action{
	"[A": previous, "[B": next, "[C": right, "[D": left, "OA": previous, "OB": next, "OC": right, "OD": left,
	"[H": home, "OH": home, "[1~": home, "[7~": home, "[F": end, "OF": end, "[4~": end, "[8~": end,
	"[3~": eraseRight, "[1;5C": wordRight, "[1;5D": wordLeft, "[1;3C": wordRight, "[1;3D": wordLeft, "f": wordRight, "b": wordLeft,
	"\x7f": eraseWord, "[200~": pasteBegins, "[201~": pasteEnds,
}

// scan returns what the first key in data does, the text where it is typed, and how many bytes it
// is. 0 is an incomplete one; where complete, no more is to come of it.
func scan(data []byte, complete bool) (do action, text []byte, n int) {
	switch c := data[0]; {
	case c == 0x1b:
		n = escapeLen(data)
		if n == 0 && complete {
			return ignored, nil, len(data)
		}
		if n == 0 {
			return ignored, nil, 0
		}
		return escapes[string(data[1:n])], nil, n
	case c == '\r' && len(data) > 1 && data[1] == '\n': // as Windows ends a line that is pasted
		return entered, nil, 2
	case c < ' ' && c != '\t' || c == 0x7f:
		return controls[c], nil, 1
	}
	n = bytes.IndexFunc(data, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
	if n < 0 {
		n = len(data)
	}
	if !complete { // a character may be torn at the end
		n = whole(data[:n])
	}
	return typed, data[:n], n
}

// whole returns how much of data is not a torn character at its end.
func whole(data []byte) int {
	for i := 1; i < utf8.UTFMax && i <= len(data); i++ {
		if c := data[len(data)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(data[len(data)-i:]) {
				return len(data) - i
			}
			break
		}
	}
	return len(data)
}

// escapeLen returns how many bytes the escape sequence is at the beginning of data, 0 for an
// incomplete one.
func escapeLen(data []byte) int {
	if len(data) < 2 {
		return 0
	}
	switch data[1] {
	case 'O': // SS3 and a character
		if len(data) < 3 {
			return 0
		}
		return 3
	case '[': // CSI, parameters and a final byte
		for i, c := range data[2:] {
			if c >= '@' && c <= '~' {
				return i + 3
			} else if c < ' ' || c > '~' { // a broken one
				return i + 2
			}
		}
		return 0
	}
	return 2
}

// scanPaste is scan within a paste, where every character is text but line ends and the mark behind
// it.
func scanPaste(data []byte, complete bool) (do action, text []byte, n int) {
	switch {
	case bytes.HasPrefix(data, []byte(pasteEnd)):
		return pasteEnds, nil, len(pasteEnd)
	case bytes.HasPrefix(data, []byte("\r\n")):
		return entered, nil, 2
	case len(data) == 1 && data[0] == '\r' && !complete:
		return ignored, nil, 0 // its \n may be under way
	case data[0] == '\r' || data[0] == '\n':
		return entered, nil, 1
	}
	n = len(data)
	if i := bytes.IndexAny(data, "\r\n"); i >= 0 {
		n = i
	}
	if i := bytes.Index(data[:n], []byte(pasteEnd)); i >= 0 {
		return typed, data[:i], i
	}
	if n < len(data) || complete {
		return typed, data[:n], n
	}
	if i := bytes.LastIndexByte(data, 0x1b); i >= 0 && strings.HasPrefix(pasteEnd, string(data[i:])) {
		n = i // the mark is torn
	}
	n = whole(data[:n])
	return typed, data[:n], n
}
