package protocol

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible returns text, one line of it, with everything escaped that a terminal would obey, hide or
// show in another order than it is in: the characters of testdata/hidden.txt, which says how, and
// bytes that are not UTF-8. Tabs stay; line feeds do not.
func Visible(text string) string { return Escape(text, Hidden) }

// VisibleLines is [Visible] for a text of several lines: its line feeds stay.
func VisibleLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = Visible(lines[i])
	}
	return strings.Join(lines, "\n")
}

// AppendVisible is [Visible] for what is appended.
func AppendVisible(dst, text []byte) []byte { return appendEscaped(dst, text, Hidden) }

// Escape is [Visible] with an opinion of its own on what has to be escaped beside bytes that are not
// UTF-8.
func Escape(text string, hidden func(rune) bool) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r == utf8.RuneError || hidden(r) }) {
		return text
	}
	return string(appendEscaped(nil, []byte(text), hidden))
}

func appendEscaped(dst, text []byte, hidden func(rune) bool) []byte {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r >= ' ' && r <= '~': // nearly all there is
			dst = append(dst, text[0])
		case r == utf8.RuneError && n == 1:
			dst = fmt.Appendf(dst, `\x%02x`, text[0])
		case r == '\t' || !hidden(r):
			dst = append(dst, text[:n]...)
		case r < utf8.RuneSelf:
			dst = fmt.Appendf(dst, `\x%02x`, r)
		case r <= 0xffff:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			dst = fmt.Appendf(dst, `\U%08x`, r)
		}
		text = text[n:]
	}
	return dst
}

// Hidden reports whether r is a control or format character, or one that is drawn as nothing. Two
// kinds are drawn after all: format characters that go around digits, and the two that choose
// between an emoji's pictures.
func Hidden(r rune) bool {
	if r < utf8.RuneSelf {
		return r < ' ' || r == 0x7f
	}
	if r == 0xfe0e || r == 0xfe0f || unicode.Is(unicode.Prepended_Concatenation_Mark, r) {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp,
		unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Noncharacter_Code_Point)
}
