package main

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// appendVisible appends text, one line of it, with everything escaped that a terminal would obey,
// hide or show in another order than it is in: the characters of protocol/testdata/hidden.txt,
// which says how, and bytes that are not UTF-8. Tabs stay.
func appendVisible(dst, text []byte) []byte {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r >= ' ' && r <= '~': // nearly all there is
			dst = append(dst, text[0])
		case r == utf8.RuneError && n == 1, r < utf8.RuneSelf && r != '\t':
			dst = fmt.Appendf(dst, `\x%02x`, text[0])
		case r == '\t' || !hidden(r):
			dst = append(dst, text[:n]...)
		case r <= 0xffff:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			dst = fmt.Appendf(dst, `\U%08x`, r)
		}
		text = text[n:]
	}
	return dst
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
