package dialect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Receive is how a subscriber gets messages.
type Receive struct {
	frame string // "", "length", "block", "websocket"
	count part   // the length
	size  int    // of a block
	json  bool   // escaped strings
}

func parseReceive(text string) (Receive, error) {
	var r Receive
	for i, word := range strings.Fields(text) {
		kind, rest, _ := strings.Cut(word, ":")
		var err error
		switch {
		case word == "json" && !r.json:
			r.json = true
		case i > 0:
			err = fmt.Errorf("no %q here", word)
		case word == "text":
		case word == "websocket":
			r.frame = word
		case kind == "block":
			if r.frame, r.size, err = kind, 0, nil; err == nil {
				r.size, err = number(rest)
			}
			if err == nil && (r.size < 1 || r.size > blockLimit) {
				err = fmt.Errorf("a block of %d bytes", r.size)
			}
		case kind == "length":
			r.frame = kind
			if r.count, err = parseLength(strings.Split(rest, ":")); err == nil && (r.count.counts != "" || r.count.letters) {
				err = fmt.Errorf("it counts all bytes that follow")
			}
		default:
			err = fmt.Errorf("there is text, json, length:F, block:N, websocket")
		}
		if err != nil {
			return r, fmt.Errorf("receive: %q: %w", word, err)
		}
	}
	return r, nil
}

// String writes what a dialect's receive holds; "" for text.
func (r Receive) String() string {
	var words []string
	switch r.frame {
	case "length":
		words = append(words, strings.Trim(r.count.string(), "{}"))
	case "block":
		words = append(words, fmt.Sprintf("block:%d", r.size))
	case "websocket":
		words = append(words, r.frame)
	}
	if r.json {
		words = append(words, "json")
	}
	return strings.Join(words, " ")
}

// Decoder makes text of what a subscriber received: without frames, which end in a newline then, and
// without escapes. It is for one connection and one goroutine.
type Decoder struct {
	receive Receive
	rest    []byte // of which the end is missing
	plain   bool   // no frames came: what does is taken as it is
	greeted bool   // a WebSocket's handshake is over
}

// NewDecoder returns a decoder for one connection.
func (r Receive) NewDecoder() *Decoder { return &Decoder{receive: r, plain: r.frame == ""} }

// Decode takes what came next, and returns what is complete of it. However it is cut into pieces,
// the text is the same.
func (d *Decoder) Decode(data []byte) []byte {
	d.rest = append(d.rest, data...)
	var out []byte
	for !d.plain && len(d.rest) > 0 {
		payload, size := d.next()
		if size == 0 {
			break
		}
		d.rest = d.rest[size:]
		if payload == nil {
			continue
		}
		out = append(out, unescape(payload, d.receive.json)...)
		if !bytes.HasSuffix(payload, []byte("\n")) {
			out = append(out, '\n')
		}
	}
	if d.plain {
		end := len(d.rest)
		if d.receive.json {
			end = whole(d.rest)
		}
		out = append(out, bytes.ReplaceAll(unescape(d.rest[:end], d.receive.json), []byte{0}, []byte("\n"))...)
		d.rest = d.rest[end:]
	}
	return out
}

// next is the next frame, and its size; 0 when more has to come.
func (d *Decoder) next() (payload []byte, size int) {
	switch d.receive.frame {
	case "block":
		if len(d.rest) < d.receive.size {
			return nil, 0
		}
		block := d.rest[:d.receive.size]
		if end := bytes.IndexByte(block, 0); end >= 0 {
			block = block[:end]
		}
		return bytes.TrimRight(block, " "), d.receive.size
	case "websocket":
		if !d.greeted {
			end := bytes.Index(d.rest, []byte("\r\n\r\n"))
			if d.greeted = end >= 0; !d.greeted {
				return nil, 0
			}
			return d.rest[:end], end + 4
		}
		opcode, text, size := readFrame(d.rest)
		if opcode > 2 {
			text = nil // a ping or an end
		}
		return text, size
	}
	f, _ := parseFormat(d.receive.count.format) // it was parsed
	n, size, more, ok := f.read(d.rest)
	n -= d.receive.count.num
	switch {
	case more:
		return nil, 0
	case !ok || n < 0: // it does not keep to its own frames
		d.plain = true
		return nil, 0
	case len(d.rest) < size+n:
		return nil, 0
	}
	return d.rest[size : size+n : size+n], size + n
}

// whole is how much of data does not end within an escape, or between the two of one letter.
func whole(data []byte) int {
	for at := len(data) - 1; at >= max(0, len(data)-6); at-- {
		if !escape(data, at) {
			continue
		}
		unicode := at+1 < len(data) && data[at+1] == 'u'
		switch size := len(data) - at; {
		case at+1 < len(data) && !unicode, unicode && size >= 6 && !surrogate(data[at:]):
			return len(data)
		case size < 6 && at >= 6 && escape(data, at-6) && data[at-5] == 'u' && surrogate(data[at-6:]):
			return at - 6
		default:
			return at
		}
	}
	return len(data)
}

// escape reports whether an escape begins here: the backslash is not itself escaped.
func escape(data []byte, at int) bool {
	return data[at] == '\\' && (at+1-len(bytes.TrimRight(data[:at+1], `\`)))%2 == 1
}

// surrogate reports whether \uXXXX is the first half of a letter.
func surrogate(data []byte) bool {
	return len(data) >= 4 && (data[2] == 'd' || data[2] == 'D') && strings.ContainsRune("89abAB", rune(data[3]))
}

// unescape takes the escapes of JSON's strings away, wherever they stand.
func unescape(data []byte, escaped bool) []byte {
	if !escaped || bytes.IndexByte(data, '\\') < 0 {
		return data
	}
	var out []byte
	for len(data) > 0 {
		if data[0] != '\\' {
			out, data = append(out, data[0]), data[1:]
			continue
		}
		size := min(2, len(data))
		if size == 2 && data[1] == 'u' {
			if size = min(6, len(data)); size == 6 && surrogate(data) && len(data) >= 12 && data[6] == '\\' {
				size = 12
			}
		}
		var text string
		if json.Unmarshal([]byte(`"`+string(data[:size])+`"`), &text) != nil {
			text = string(data[:size])
		}
		out, data = append(out, text...), data[size:]
	}
	return out
}
