package topology

import (
	"bytes"
	"strings"
)

// A lineWriter cuts what is written into lines. It is not for concurrent use.
type lineWriter struct {
	line func(text string)
	rest []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	size := len(p)
	for {
		head, tail, found := bytes.Cut(p, []byte{'\n'})
		w.rest = append(w.rest, head...)
		if !found {
			return size, nil
		}
		w.flush()
		p = tail
	}
}

// flush delivers the line at hand, which may be empty.
func (w *lineWriter) flush() {
	w.line(strings.TrimSuffix(string(w.rest), "\r"))
	w.rest = w.rest[:0]
}

// end delivers an unterminated last line.
func (w *lineWriter) end() {
	if len(w.rest) > 0 {
		w.flush()
	}
}
