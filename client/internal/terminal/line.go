package terminal

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// tabWidth is how many columns there are from one tab stop to the next.
const tabWidth = 8

// cell is what a person takes for one character.
type cell struct {
	start, end int // in the line's text, bytes
	width      int // columns that it is drawn in
}

// line is one line that is being edited: its text, byte for byte, and the cursor. It knows no
// terminal.
type line struct {
	text    []byte
	cursor  int  // in text, always between two cells
	tooLong bool // more was typed than is kept
	most    int  // bytes of text that are kept
	escape  func(dst, text []byte) []byte
}

// insert types text at the cursor.
func (l *line) insert(text []byte) {
	if room := l.most - len(l.text); len(text) > room {
		l.tooLong = true
		text = text[:max(room, 0)]
	}
	if l.cursor == len(l.text) {
		l.text = append(l.text, text...)
	} else {
		l.text = bytes.Join([][]byte{l.text[:l.cursor], text, l.text[l.cursor:]}, nil)
	}
	l.cursor += len(text)
}

// set makes another text of it, with the cursor behind it.
func (l *line) set(text string) { l.text, l.cursor, l.tooLong = []byte(text), len(text), false }

// cells returns the line's cells. A tab reaches to the next tab stop, counted from the line's
// beginning.
func (l *line) cells() []cell {
	cells := make([]cell, 0, len(l.text))
	column := 0
	for g, at := displaywidth.BytesGraphemes(l.text), 0; g.Next(); {
		text, width := g.Value(), 1
		if text[0] == '\t' {
			width = tabWidth - column%tabWidth
		} else if len(text) > 1 || text[0] < ' ' || text[0] > '~' {
			width = l.width(text, g.Width())
		}
		cells = append(cells, cell{at, at + len(text), width})
		at, column = at+len(text), column+width
	}
	return cells
}

// width returns how wide a cell is drawn that is so wide by itself.
func (l *line) width(text []byte, width int) int {
	if shown := l.shown(text); !bytes.Equal(shown, text) {
		return len(shown)
	}
	return width
}

// shown returns what is drawn for a cell, unless it is a tab.
func (l *line) shown(text []byte) []byte {
	if bytes.Contains(text, []byte("\u200d")) && displaywidth.Bytes(text) == 2 {
		return text // an emoji of several, which a joiner holds together
	}
	return l.escape(nil, text)
}

// draw appends what is drawn for a cell.
func (l *line) draw(dst []byte, c cell) []byte {
	text := l.text[c.start:c.end]
	if text[0] == '\t' {
		return append(dst, strings.Repeat(" ", c.width)...)
	}
	return append(dst, l.shown(text)...)
}

// back returns where the cell before the cursor begins, forward where the one at the cursor ends.
func (l *line) back() int {
	for _, c := range l.cells() {
		if c.end >= l.cursor {
			return c.start
		}
	}
	return 0
}

func (l *line) forward() int {
	for _, c := range l.cells() {
		if c.start >= l.cursor {
			return c.end
		}
	}
	return len(l.text)
}

// backWord returns where the word before the cursor begins, forwardWord where the next one ends.
func (l *line) backWord() int {
	return bytes.LastIndexAny(bytes.TrimRight(l.text[:l.cursor], " \t"), " \t") + 1
}

func (l *line) forwardWord() int {
	rest := bytes.TrimLeft(l.text[l.cursor:], " \t")
	if i := bytes.IndexAny(rest, " \t"); i >= 0 {
		rest = rest[:i]
		return len(l.text) - len(bytes.TrimLeft(l.text[l.cursor:], " \t")) + len(rest)
	}
	return len(l.text)
}

// cut deletes what is between two places, and leaves the cursor there.
func (l *line) cut(from, to int) {
	l.text = append(l.text[:from:from], l.text[to:]...)
	l.cursor = from
}

// view is the part of a line that fits a row of a screen.
type view struct {
	before, after string // what is drawn before and behind the cursor
	left          int    // the column of the line that is the first one of the row
	column        int    // of the cursor in the row
	width         int    // of all of it
}

// window returns the part of the line around the cursor that fits so many columns, beginning at
// left if possible. Where there is more, it says < and >.
func (l *line) window(columns, left int) view {
	cells := l.cells()
	total, cursor := 0, 0
	for _, c := range cells {
		if c.start < l.cursor {
			cursor += c.width
		}
		total += c.width
	}
	if total < columns {
		left = 0
	} else {
		columns -= 2 // for < and >
		if cursor < left || cursor >= left+columns {
			left = max(cursor-columns/2, 0)
		}
	}
	v := view{left: left}
	var before, after []byte
	if left > 0 {
		before = append(before, '<')
		v.column, v.width = 1, 1
	}
	column := 0
	for _, c := range cells {
		if column >= left && column+c.width <= left+columns {
			if c.start < l.cursor {
				before = l.draw(before, c)
				v.column += c.width
			} else {
				after = l.draw(after, c)
			}
			v.width += c.width
		}
		column += c.width
	}
	if total > left+columns {
		after = append(after, '>')
		v.width++
	}
	v.before, v.after = string(before), string(after)
	return v
}

// all returns the whole line as it is drawn, cut off where it is longer than so many columns.
func (l *line) all(columns int) string {
	var shown []byte
	width := 0
	for _, c := range l.cells() {
		if width += c.width; width > columns {
			return fmt.Sprintf("%s… (%d bytes)", shown, len(l.text))
		}
		shown = l.draw(shown, c)
	}
	return string(shown)
}
