// Package term is what the lab's commands show on a terminal.
package term

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible returns text, one line of it, with everything escaped that a terminal would obey, hide or
// show in another order than it is in: the characters of protocol/testdata/hidden.txt, which says
// how, and bytes that are not UTF-8. Tabs stay; line feeds do not.
func Visible(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r == utf8.RuneError || hidden(r) }) {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case r == '\t' || !hidden(r):
			b.WriteRune(r)
		case r < utf8.RuneSelf:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}

// VisibleLines is [Visible] for a text of several lines: its line feeds stay.
func VisibleLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = Visible(lines[i])
	}
	return strings.Join(lines, "\n")
}

// hidden reports whether r is a control or format character, or one that is drawn as nothing. Two
// kinds are drawn after all: format characters that go around digits, and the two that choose
// between an emoji's pictures.
func hidden(r rune) bool {
	if r == 0xfe0e || r == 0xfe0f || unicode.Is(unicode.Prepended_Concatenation_Mark, r) {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp,
		unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Noncharacter_Code_Point)
}
