package protocol

import (
	"fmt"
	"strings"
)

// quoted is the other side's own words in an error. They are shown escaped, and short enough that
// the error stays one readable line.
type quoted string

func quote(s string) quoted { return quoted(s) }

func (q quoted) String() string {
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

func errorf(format string, args ...any) error { return &quotingError{format: format, args: args} }

func (e *quotingError) Error() string { return fmt.Sprintf(e.format, e.args...) }

// Redact returns the text of an error of ParseHello without the client's own words, one of which
// may be a token in the wrong place (P18). It names the number of the wrong word instead.
func Redact(err error) string {
	e, ok := err.(*quotingError)
	if !ok {
		return err.Error()
	}
	redacted := *e
	redacted.args = nil
	for _, arg := range e.args {
		if _, ok := arg.(quoted); ok {
			arg = `"…"`
		}
		redacted.args = append(redacted.args, arg)
	}
	if e.word == 0 {
		return redacted.Error()
	}
	return fmt.Sprintf("word %d of the role line: %s", e.word, redacted.Error())
}

// at says which word of the role line an error is about.
func at(word int, err error) error {
	if e, ok := err.(*quotingError); ok {
		e.word = word
	}
	return err
}
