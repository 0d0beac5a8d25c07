package term

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

// TestVisible compares every character there is with the list that server, client and lab share.
func TestVisible(t *testing.T) {
	list, err := os.ReadFile("../../../protocol/testdata/hidden.txt")
	require.NoError(t, err)
	listed := map[rune]bool{}
	var shown int
	for line := range strings.Lines(string(list)) {
		var first, last rune
		line, isShown := strings.CutPrefix(line, "shown ")
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
		case r < 0x80:
			want = fmt.Sprintf(`\x%02x`, r)
		case r < 0x10000:
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
	assert.Equal(t, `grün \x1b[2J`, Visible("grün \x1b[2J"), "an escape sequence")
	assert.Equal(t, `user \u202e resu`, Visible("user \u202e resu"), "a text turned round")
	assert.Equal(t, `\xff\xed\xa0\x80 � \`, Visible("\xff\xed\xa0\x80 � \\"), "not UTF-8, but a replacement character that was sent")
	assert.Equal(t, `one\x0atwo`+"\t", Visible("one\ntwo\t"))
	assert.Equal(t, "one\ntwo\\x0d\n", VisibleLines("one\ntwo\r\n"))
}
