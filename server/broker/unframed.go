package broker

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"pubsublab/protocol"
)

// typedSilence is the silence after which a role word that came in more than one read counts as
// complete (P3).
const typedSilence = 2 * time.Second

var errTorn = &mistake{protocol.TornRoleLine}

// newDecoder returns the decoder of what a client sends behind its role line, of which rest has
// come. Behind a role word that came alone, rest is white space: it is returned as tail, for
// afterRoleWord.
func newDecoder(maxLine int, rest []byte, unframed bool) (d *protocol.Decoder, tail string) {
	if !unframed {
		return protocol.NewDecoder(maxLine, rest), ""
	}
	d = protocol.NewDecoder(maxLine, nil)
	d.SetUnframed()
	return d, string(rest)
}

// afterRoleWord reads the first input of a client that sent its role word alone and fell silent
// (P3). It is the first message, or the rest of the role line, which was held up or is typed key by
// key; that must not be taken for a message. tail is the white space behind the role word. What may
// still become the rest of a role line is waited for until timeout; 0 is for ever. Behind a word
// that was typed key by key, it is always waited for. Then white space alone is a message, and the
// beginning of a key is not. errTorn reports the rest of a role line.
func (s *session) afterRoleWord(d *protocol.Decoder, tail string, timeout time.Duration) error {
	room := d.Space()
	n := copy(room, tail)
	for read := 0; ; {
		more, err := s.conn.Read(room[n:])
		n, read = n+more, read+more
		torn, open := restOfRoleLine(room[:n], s.typed)
		switch {
		case torn, open && errors.Is(err, os.ErrDeadlineExceeded) && len(bytes.TrimSpace(room[:n])) > 0 && s.ctx.Err() == nil:
			return errTorn
		case read == 0 && err != nil:
			return s.cause(err)
		case open && n < len(room) && err == nil:
			if timeout > 0 && !s.typed {
				if err := s.readUntil(time.Now().Add(timeout)); err != nil {
					return err
				}
			}
			continue
		case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded):
			return s.cause(err)
		}
		skip := len(tail)
		if space := n - len(bytes.TrimLeft(room[:n], " \t")); space < n && (room[space] == '\r' || room[space] == '\n') {
			skip = space // the end of the role line
		}
		d.Fill(copy(room, room[skip:n]))
		return s.readUntil(time.Time{})
	}
}

// restOfRoleLine reports whether text, which follows a role word, was torn off its role line: it is
// white space and a key that role lines have or, where the word was typed key by key, anything.
// open reports whether more text is needed to know.
func restOfRoleLine(text []byte, typed bool) (torn, open bool) {
	word := bytes.TrimLeft(text, " \t")
	switch {
	case len(word) == len(text) || len(word) > 0 && (word[0] == '\r' || word[0] == '\n'):
		return false, false // a message, or the end of the role line
	case typed:
		return len(word) > 0, len(word) == 0
	}
	for _, key := range protocol.HelloKeys {
		key += "="
		if len(word) >= len(key) && strings.EqualFold(string(word[:len(key)]), key) {
			return true, false
		}
		open = open || len(word) < len(key) && strings.EqualFold(string(word), key[:len(word)])
	}
	return false, open
}

// stripTelnet removes the commands that telnet clients send at the beginning of a session: IAC, a
// command, and its arguments (RFC 854). No UTF-8 text holds an IAC. An incomplete command stays,
// and so does everything behind the first line.
func stripTelnet(text []byte) []byte {
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return append(stripTelnet(text[:i]), text[i:]...)
	}
	const (
		iac, sb, se = 255, 250, 240
		will, dont  = 251, 254
	)
	from := 0
	for {
		i := bytes.IndexByte(text[from:], iac)
		if i < 0 || from+i+1 >= len(text) {
			return text
		}
		i += from
		end := i + 2
		switch command := text[i+1]; {
		case command == sb:
			end = bytes.Index(text[i:], []byte{iac, se})
			if end < 0 {
				return text
			}
			end += i + 2
		case command >= will && command <= dont:
			end++
		}
		if end > len(text) {
			return text
		}
		text = append(text[:i], text[end:]...)
		from = i
	}
}
