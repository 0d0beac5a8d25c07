package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAppendVisible compares every character there is with the list that server, client and lab
// share.
func TestAppendVisible(t *testing.T) {
	list, err := os.ReadFile("../protocol/testdata/hidden.txt")
	require.NoError(t, err)
	escaped := map[rune]bool{}
	for line := range strings.Lines(string(list)) {
		var first, last rune
		if n, _ := fmt.Sscanf(line, "%X..%X", &first, &last); n == 1 {
			last = first
		} else if n != 2 {
			continue
		}
		for r := first; r <= last; r++ {
			escaped[r] = true
		}
	}
	require.Greater(t, len(escaped), 4000, "the list cannot be read")
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		want := string(r)
		switch {
		case !escaped[r] || r == '\t':
		case r < 0x80:
			want = fmt.Sprintf(`\x%02x`, r)
		case r < 0x10000:
			want = fmt.Sprintf(`\u%04x`, r)
		default:
			want = fmt.Sprintf(`\U%08x`, r)
		}
		if got := string(appendVisible(nil, []byte(string(r)))); got != want {
			t.Errorf("%U: expected %q, got %q", r, want, got)
		}
	}
}

func TestAppendVisibleText(t *testing.T) {
	for in, want := range map[string]string{
		"": "",
		"plain, ünï 🧅 Żurek чубрица \t tab": "plain, ünï 🧅 Żurek чубрица \t tab",
		"\x1b]0;title\x07":               `\x1b]0;title\x07`,
		"back\bspace\r\n":                `back\x08space\x0d\x0a`,
		"\u202eabc\u202c \ufff9":         `\u202eabc\u202c \ufff9`,
		"tag \U000e0041":                 `tag \U000e0041`,
		"not \xff\x9b\xed\xa0\x80 UTF-8": `not \xff\x9b\xed\xa0\x80 UTF-8`,
		"\ufffd was sent":                "\ufffd was sent",
	} {
		assert.Equal(t, want, string(appendVisible(nil, []byte(in))), "%q", in)
	}
}
