package terminal

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// escape escapes what is below a space.
func escape(dst, text []byte) []byte {
	for _, c := range text {
		if c < ' ' {
			dst = fmt.Appendf(dst, `\x%02x`, c)
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

func newLine(text string) *line {
	l := &line{most: 1000, escape: escape}
	l.insert([]byte(text))
	return l
}

// marked is the text with a | at the cursor.
func (l *line) marked() string {
	return string(l.text[:l.cursor]) + "|" + string(l.text[l.cursor:])
}

func TestTheCursorGoesByWhatAPersonSees(t *testing.T) {
	for _, character := range []string{"a", "é", "e\u0301\u0302", "世", "🧅", "👩\u200d🍳", "👍🏽", "🇩🇪", "❤\ufe0f", "\t", "\x01", "\xff"} {
		l := newLine("x" + character + "y")
		l.cursor = l.back()
		assert.Equal(t, "x"+character+"|y", l.marked())
		l.cursor = l.back()
		assert.Equal(t, "x|"+character+"y", l.marked())
		l.cursor = l.forward()
		assert.Equal(t, "x"+character+"|y", l.marked())
		l.cut(l.back(), l.cursor)
		assert.Equal(t, "x|y", l.marked(), "%q is erased as one", character)
	}
	l := newLine("")
	assert.Zero(t, l.back())
	assert.Zero(t, l.forward())
}

func TestLineGoesByWords(t *testing.T) {
	l := newLine("one  two\tthree ")
	for _, want := range []string{"one  two\t|three ", "one  |two\tthree ", "|one  two\tthree ", "|one  two\tthree "} {
		l.cursor = l.backWord()
		assert.Equal(t, want, l.marked())
	}
	for _, want := range []string{"one|  two\tthree ", "one  two|\tthree ", "one  two\tthree| ", "one  two\tthree |"} {
		l.cursor = l.forwardWord()
		assert.Equal(t, want, l.marked())
	}
	l.cut(l.backWord(), l.cursor)
	assert.Equal(t, "one  two\t|", l.marked())
}

func TestLineInsertsAtTheCursor(t *testing.T) {
	l := newLine("ad")
	l.cursor = 1
	l.insert([]byte("bc"))
	assert.Equal(t, "abc|d", l.marked())
	l.insert([]byte(strings.Repeat("x", 2000)))
	assert.True(t, l.tooLong)
	assert.Len(t, l.text, 1000)
	l.set("new")
	assert.Equal(t, "new|", l.marked())
	assert.False(t, l.tooLong)
}

func TestWindow(t *testing.T) {
	for _, c := range []struct {
		text    string
		cursor  int // from the end, characters
		columns int
		left    int
		want    string // with a | at the cursor
		at      int    // the cursor's column
	}{
		{"", 0, 10, 0, "|", 0},
		{"hello", 0, 10, 0, "hello|", 5},
		{"hello", 5, 10, 0, "|hello", 0},
		{"世界", 1, 10, 0, "世|界", 2},
		{"e\u0301x", 1, 10, 0, "e\u0301|x", 1},
		{"\tx", 1, 10, 0, "        |x", 8},
		{"ab\tx", 1, 10, 0, "ab      |x", 8},
		{"\x1bx", 1, 10, 0, `\x1b|x`, 4},
		{"👩\u200d🍳", 0, 10, 0, "👩\u200d🍳|", 2},
		{"123456789", 0, 10, 0, "123456789|", 9},
		{"1234567890", 0, 10, 0, "<7890|", 5}, // there has to be a place for the cursor
		{"123456789012345", 15, 10, 7, "|12345678>", 0},
		{"123456789012345", 10, 10, 3, "<45|678901>", 3},
		{"世界世界世界", 0, 10, 0, "<世界|", 5}, // half a character is none
		{"世界世界世界", 1, 9, 3, "<世|界", 3},
	} {
		l := newLine(c.text)
		for range c.cursor {
			l.cursor = l.back()
		}
		v := l.window(c.columns, c.left)
		assert.Equal(t, c.want, v.before+"|"+v.after, "%q, %d columns", c.text, c.columns)
		assert.Equal(t, c.at, v.column, "%q, %d columns", c.text, c.columns)
		assert.LessOrEqual(t, v.width, c.columns, "%q", c.text)
	}
}

// Wherever the cursor is, it is on the screen, and what is there fits.
func TestWindowHoldsTheCursor(t *testing.T) {
	l := newLine(strings.Repeat("世a\te\u0301🧅", 30))
	for columns := 12; columns < 60; columns += 7 {
		left := 0
		for l.cursor = len(l.text); l.cursor > 0; l.cursor = l.back() {
			v := l.window(columns, left)
			left = v.left
			assert.LessOrEqual(t, v.width, columns)
			assert.LessOrEqual(t, v.column, v.width)
			assert.Less(t, v.column, columns)
		}
	}
}

func TestAnEnteredLineIsShownWhole(t *testing.T) {
	assert.Equal(t, "a       世 \\x01", newLine("a\t世 \x01").all(20))
	assert.Equal(t, "0123456789", newLine("0123456789").all(10))
	assert.Equal(t, "012345678… (10 bytes)", newLine("0123456789").all(9))
}

func TestHistory(t *testing.T) {
	term := &Terminal{}
	term.line = *newLine("")
	for _, line := range []string{"one", "two", "two", ""} {
		term.Remember(line)
	}
	term.line.insert([]byte("draft"))
	for _, step := range []struct {
		do   action
		want string
	}{
		{previous, "two|"}, {previous, "one|"}, {previous, "one|"}, {next, "two|"}, {next, "draft|"}, {next, "draft|"},
	} {
		term.do(step.do, nil)
		assert.Equal(t, step.want, term.line.marked())
	}
	for i := range 2 * mostHistory {
		term.Remember(fmt.Sprint(i))
	}
	assert.Len(t, term.history, mostHistory)
}
