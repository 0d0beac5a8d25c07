package protocol

import (
	"errors"
	"fmt"
	"strings"
)

// Quoted is the other side's own words in an error. They are shown escaped, and short enough that
// the error stays one readable line.
type Quoted string

// String returns the words as they are shown.
func (q Quoted) String() string {
	const most = 60
	s := string(q)
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}

// quotingError is an error that repeats words of the other side.
type quotingError struct {
	format string
	args   []any
	word   int // the number of the word of the role line that is wrong, from 1; 0 for not known
}

// Errorf is fmt.Errorf for an error in which Redact finds what is Quoted. It wraps nothing.
func Errorf(format string, args ...any) error { return &quotingError{format: format, args: args} }

func (e *quotingError) Error() string { return fmt.Sprintf(e.format, e.args...) }

// Redact returns the text of an error without the client's own words, one of which may be a token
// in the wrong place (P18): of one of ParseHello, ParseQuery or Errorf, or of one that wraps such
// an error. Of a role line, it names the number of the wrong word instead.
func Redact(err error) string {
	var e *quotingError
	if !errors.As(err, &e) {
		return err.Error()
	}
	redacted := *e
	redacted.args = nil
	for _, arg := range e.args {
		if _, ok := arg.(Quoted); ok {
			arg = `"…"`
		}
		redacted.args = append(redacted.args, arg)
	}
	text := strings.Replace(err.Error(), e.Error(), redacted.Error(), 1)
	if e.word == 0 {
		return text
	}
	return fmt.Sprintf("word %d of the role line: %s", e.word, text)
}

// at says which word of the role line an error is about.
func at(word int, err error) error {
	if e, ok := err.(*quotingError); ok {
		e.word = word
	}
	return err
}
