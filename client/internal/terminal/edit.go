package terminal

import (
	"bytes"
	"io"
)

// take uses what is in data, up to the end of a line. ok is false where that is still to come.
func (t *Terminal) take() (line string, err error, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.edit {
		return t.takeCooked()
	}
	changed := false
	for len(t.data) > 0 {
		do, text, n := scan(t.data, t.stale)
		if t.pasting {
			do, text, n = scanPaste(t.data, t.stale)
		}
		if n == 0 {
			break
		}
		changed = true
		t.data = t.data[n:]
		switch do {
		case entered:
			line, err = t.enterLine()
			return line, err, true
		case interrupt:
			return "", io.EOF, true
		case endOfInput:
			if len(t.line.text) == 0 {
				return "", io.EOF, true
			}
		}
		t.do(do, text)
	}
	if changed && !t.pasting { // else there is more to come, and often a lot
		t.draw()
	}
	return "", nil, false
}

// takeCooked is take for a terminal that edits lines itself.
func (t *Terminal) takeCooked() (line string, err error, ok bool) {
	text, rest, ok := bytes.Cut(t.data, []byte{'\n'})
	if !ok && (t.ended == nil || len(text) == 0) {
		return "", nil, false
	}
	t.data = rest
	if len(text) >= mostCooked {
		return "", ErrCutOff, true
	}
	return string(text), nil, true
}

// enterLine ends a line, and leaves it on the screen. A pasted line end parts the line at the
// cursor: what is behind it goes behind the paste.
func (t *Terminal) enterLine() (string, error) {
	rest := ""
	if t.pasting {
		rest = string(t.line.text[t.line.cursor:])
		t.line.text = t.line.text[:t.line.cursor]
	}
	text, tooLong := string(t.line.text), t.line.tooLong
	if t.raw && t.asking {
		t.hide()
		io.WriteString(t.screen, t.prompt+t.line.all(mostRows*t.tty.columns())+"\n")
	}
	t.line.set(rest)
	t.line.cursor = 0
	t.view = view{}
	t.at = len(t.history)
	if tooLong {
		return "", ErrTooLong
	}
	return text, nil
}

func (t *Terminal) do(do action, text []byte) {
	l := &t.line
	switch do {
	case typed:
		l.insert(text)
	case pasteBegins:
		t.pasting = true
	case pasteEnds:
		t.pasting = false
	case left:
		l.cursor = l.back()
	case right:
		l.cursor = l.forward()
	case wordLeft:
		l.cursor = l.backWord()
	case wordRight:
		l.cursor = l.forwardWord()
	case home:
		l.cursor = 0
	case end:
		l.cursor = len(l.text)
	case eraseLeft:
		l.cut(l.back(), l.cursor)
	case eraseRight, endOfInput:
		l.cut(l.cursor, l.forward())
	case eraseWord:
		l.cut(l.backWord(), l.cursor)
	case eraseToStart:
		l.cut(0, l.cursor)
	case eraseToEnd:
		l.cut(l.cursor, len(l.text))
	case previous:
		t.recall(t.at - 1)
	case next:
		t.recall(t.at + 1)
	case stopProgram:
		t.stop()
	case redraw:
		io.WriteString(t.screen, "\x1b[H\x1b[2J")
	}
}

// recall shows a line of the history, or the new one behind them.
func (t *Terminal) recall(at int) {
	if at < 0 || at > len(t.history) || at == t.at {
		return
	}
	if t.at == len(t.history) {
		t.draft = string(t.line.text)
	}
	if t.at = at; at == len(t.history) {
		t.line.set(t.draft)
	} else {
		t.line.set(t.history[at])
	}
}
