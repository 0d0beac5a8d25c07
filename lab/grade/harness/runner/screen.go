package runner

import (
	"bytes"
	"io"
)

// screen passes on what a program writes without the escape sequences by which it colours it and
// moves on the terminal: its words, as a person reads them. Where it moves to another line, that is a
// carriage return. It is for one writer.
type screen struct {
	to    io.Writer
	state escape
}

// escape is where in an escape sequence a screen is.
type escape int

const (
	text         escape = iota
	escaped             // behind ESC
	intermediate        // behind ESC and one of " " to "/"
	control             // behind ESC [
	command             // behind ESC ] or the like, which ends with BEL or ESC \
	commandEnds         // the same, behind ESC
)

const esc, bell = 0x1b, 0x07

// moves are the ends of sequences that move to another line.
var moves = []byte("ABEFHdf")

// Write never fails if what it passes on to does not.
func (s *screen) Write(data []byte) (int, error) {
	words := make([]byte, 0, len(data))
	for _, b := range data {
		if s.state == text && b != esc || b == '\n' {
			words = append(words, b)
		} else if s.state == control && bytes.IndexByte(moves, b) >= 0 {
			words = append(words, '\r')
		}
		s.state = s.state.after(b)
	}
	if len(words) > 0 {
		if _, err := s.to.Write(words); err != nil {
			return 0, err
		}
	}
	return len(data), nil
}

// after is the state behind one more byte. The end of a line ends everything.
func (e escape) after(b byte) escape {
	switch {
	case b == '\n':
		return text
	case e == command && b == esc:
		return commandEnds
	case b == esc:
		return escaped
	case e == escaped && b == '[':
		return control
	case e == escaped && (b == ']' || b == 'P' || b == 'X' || b == '^' || b == '_'):
		return command
	case (e == escaped || e == intermediate) && b >= ' ' && b <= '/':
		return intermediate
	case e == control && b >= ' ' && b <= '?':
		return control
	case e == command && b != bell:
		return command
	}
	return text
}
