package terminal

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// pressed is what keys do, in words: text as it is, all else in brackets.
func pressed(t *testing.T, chunks []string, stale bool) string {
	names := map[action]string{
		ignored: "", entered: "enter", left: "left", right: "right", wordLeft: "word left", wordRight: "word right", home: "home", end: "end",
		previous: "up", next: "down", eraseLeft: "backspace", eraseRight: "delete", eraseWord: "erase word", eraseToStart: "erase to start",
		eraseToEnd: "erase to end", endOfInput: "end of input", interrupt: "interrupt", redraw: "redraw", stopProgram: "stop",
		pasteBegins: "paste", pasteEnds: "pasted",
	}
	var b strings.Builder
	var data []byte
	pasting := false
	for i, chunk := range chunks {
		data = append(data, chunk...)
		for len(data) > 0 {
			complete := stale && i == len(chunks)-1
			do, text, n := scan(data, complete)
			if pasting {
				do, text, n = scanPaste(data, complete)
			}
			if n == 0 {
				break
			}
			data = data[n:]
			switch pasting = pasting && do != pasteEnds || do == pasteBegins; {
			case do == typed:
				b.Write(text)
			case names[do] != "":
				b.WriteString("<" + names[do] + ">")
			default:
				assert.Equal(t, ignored, do)
			}
		}
	}
	assert.Empty(t, data, "is not used")
	return b.String()
}

var keyTests = map[string]string{
	"hello\r":                                        "hello<enter>",
	"a\nb\r\n":                                       "a<enter>b<enter>",
	"tab\tulator":                                    "tab\tulator",
	"世界 👩\u200d🍳 e\u0301":                            "世界 👩\u200d🍳 e\u0301",
	"Latin \xe9 1":                                   "Latin \xe9 1",
	"\x1b[H\x1bOH\x1b[1~\x1b[7~\x01":                 "<home><home><home><home><home>",
	"\x1b[F\x1bOF\x1b[4~\x1b[8~\x05":                 "<end><end><end><end><end>",
	"\x1b[A\x1bOA\x10\x1b[B\x1bOB\x0e":               "<up><up><up><down><down><down>",
	"\x1b[D\x1bOD\x02\x1b[C\x1bOC\x06":               "<left><left><left><right><right><right>",
	"\x1b[1;5D\x1b[1;3D\x1bb\x1b[1;5C\x1b[1;3C\x1bf": "<word left><word left><word left><word right><word right><word right>",
	"\x7f\x08\x1b[3~\x17\x1b\x7f\x15\x0b":            "<backspace><backspace><delete><erase word><erase word><erase to start><erase to end>",
	"\x04\x03\x0c\x1a":                               "<end of input><interrupt><redraw><stop>",
	"a\x1b[15~b\x1b[1;2Pc\x1b[<0;1;1Md\x00\x07\x1be\x1b[\x01f": "abcd<home>f", // keys that do nothing, and a broken sequence

	"\x1b[200~one\rtwo\t\x1b[A\x03\r\n\n\x1b[201~x\r": "<paste>one<enter>two\t\x1b[A\x03<enter><enter><pasted>x<enter>",
	"\x1b[200~\x1b[201\x1b[2\r\x1b[201~":              "<paste>\x1b[201\x1b[2<enter><pasted>",
	"\x1b[200~世界\x00\xff\x1b[201~\x1b[200~\x1b[201~":  "<paste>世界\x00\xff<pasted><paste><pasted>",
}

func TestKeys(t *testing.T) {
	for keys, want := range keyTests {
		assert.Equal(t, want, pressed(t, []string{keys}, false), "%q", keys)
	}
}

// How a network tears what is typed changes nothing.
func TestKeysComeInPieces(t *testing.T) {
	for keys, want := range keyTests {
		want = strings.ReplaceAll(want, "\r\n", "\n")
		if strings.Contains(keys, "b\r\n") { // Enter and Ctrl+J, where they do not come together
			continue
		}
		for i := range keys {
			assert.Equal(t, want, pressed(t, []string{keys[:i], keys[i:]}, false), "%q and %q", keys[:i], keys[i:])
		}
		assert.Equal(t, want, pressed(t, strings.Split(keys, ""), false), "%q byte for byte", keys)
	}
}

func TestKeysThatAreNeverComplete(t *testing.T) {
	for keys, want := range map[string]string{
		"a\x1b":                 "a",
		"a\x1b[1;":              "a",
		"\xe4\xb8":              "\xe4\xb8",
		"\x1b[200~a\r":          "<paste>a<enter>",
		"\x1b[200~a\x1b[20":     "<paste>a\x1b[20",
		"\x1b[200~\xe4\xb8\x1b": "<paste>\xe4\xb8\x1b",
	} {
		assert.Equal(t, want, pressed(t, []string{keys}, true), "%q", keys)
	}
}
