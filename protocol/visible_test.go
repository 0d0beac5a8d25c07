package protocol

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

// TestVisible compares every character there is with the list.
func TestVisible(t *testing.T) {
	list, err := os.ReadFile("testdata/hidden.txt")
	require.NoError(t, err)
	listed := map[rune]bool{}
	var shown int
	for line := range strings.Lines(string(list)) {
		line, isShown := strings.CutPrefix(line, "shown ")
		var first, last rune
		if n, _ := fmt.Sscanf(line, "%X..%X", &first, &last); n == 1 {
			last = first
		} else if n != 2 {
			continue
		}
		for r := first; r <= last; r++ {
			if isShown {
				shown++
				assert.False(t, listed[r], "%U is both", r)
			} else {
				listed[r] = true
			}
		}
	}
	require.Greater(t, len(listed), 4000, "the list cannot be read")
	require.Greater(t, shown, 100, "the list cannot be read")
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		want := string(r)
		switch {
		case !listed[r] || r == '\t':
		case r < utf8.RuneSelf:
			want = fmt.Sprintf(`\x%02x`, r)
		case r <= 0xffff:
			want = fmt.Sprintf(`\u%04x`, r)
		default:
			want = fmt.Sprintf(`\U%08x`, r)
		}
		if got := Visible(string(r)); got != want {
			t.Errorf("%U: expected %q, got %q", r, want, got)
		}
	}
}

func TestVisibleText(t *testing.T) {
	for in, want := range map[string]string{
		"": "",
		"plain, ünï 🧅 Żurek чубрица \t tab": "plain, ünï 🧅 Żurek чубрица \t tab",
		"\x1b]0;title\x07":               `\x1b]0;title\x07`,
		"back\bspace\r\n":                `back\x08space\x0d\x0a`,
		"\u202eabc\u202c \ufff9":         `\u202eabc\u202c \ufff9`,
		"tag \U000e0041":                 `tag \U000e0041`,
		"not \xff\x9b\xed\xa0\x80 UTF-8": `not \xff\x9b\xed\xa0\x80 UTF-8`,
		"\ufffd was sent \\":             "\ufffd was sent \\",
	} {
		assert.Equal(t, want, Visible(in), "%q", in)
		assert.Equal(t, "> "+want, string(AppendVisible([]byte("> "), []byte(in))), "%q", in)
	}
	assert.Equal(t, "one\ntwo\\x0d\n", VisibleLines("one\ntwo\r\n"))
}
