package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hiddenRunes reads the shared list: what must be escaped, and what must not.
func hiddenRunes(t *testing.T) (hidden, shown []rune) {
	text, err := os.ReadFile("../protocol/testdata/hidden.txt")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		match := regexp.MustCompile(`^(shown )?([0-9A-F]{4,6})(?:\.\.([0-9A-F]{4,6}))?`).FindStringSubmatch(line)
		if match == nil {
			continue
		}
		from, err := strconv.ParseInt(match[2], 16, 32)
		require.NoError(t, err)
		to := from
		if match[3] != "" {
			to, err = strconv.ParseInt(match[3], 16, 32)
			require.NoError(t, err)
		}
		for r := rune(from); r <= rune(to); r++ {
			if match[1] == "" {
				hidden = append(hidden, r)
			} else {
				shown = append(shown, r)
			}
		}
	}
	require.Greater(t, len(hidden), 3000)
	require.Greater(t, len(shown), 6000)
	return hidden, shown
}

func TestVisible(t *testing.T) {
	hidden, shown := hiddenRunes(t)
	for _, r := range hidden {
		want := fmt.Sprintf(`\U%08x`, r)
		switch {
		case r == '\t':
			want = "\t"
		case r < 0x80:
			want = fmt.Sprintf(`\x%02x`, r)
		case r < 0x10000:
			want = fmt.Sprintf(`\u%04x`, r)
		}
		assert.Equal(t, "a"+want+"z", visible("a"+string(r)+"z"))
	}
	for _, r := range shown {
		assert.Equal(t, "a"+string(r), visible("a"+string(r)))
	}
	require.Equal(t, `\xff \xed\xa0\x80 \`, visible("\xff \xed\xa0\x80 \\"))
}
