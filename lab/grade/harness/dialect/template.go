package dialect

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Template is what goes to the server, with fields.
type Template []part

// part is a piece of a template: literal bytes, or a field with options.
type part struct {
	kind    string // "" for bytes
	text    string // the bytes; the example of id and random
	format  string // an encoding, of a length, of a time, "space" of pad
	num     int    // of count, pad, connect, on; what a length counts more
	counts  string // of a length: "text", "role", "topic", "name", "body", or "" for all that follows
	letters bool   // a length counts characters
}

// fields are those that there are, and how many options each may have.
var fields = map[string]int{
	"text": 1, "role": 1, "topic": 1, "name": 1, "port": 0, "local": 0, "server": 0, "serverport": 0,
	"count": 1, "time": 1, "id": 1, "random": 1, "length": 4, "pad": 2,
	"wait": 0, "cut": 1, "connect": 1, "on": 1, "masked": 0, "hex": 1, "brace": 0,
}

var fieldShape = regexp.MustCompile(`\{([a-z]+)((?::[^{}:]*)*)\}`)

// Parse reads the notation of the package's documentation.
func Parse(text string) (Template, error) {
	var t Template
	for text != "" {
		at := fieldShape.FindStringSubmatchIndex(text)
		if at == nil {
			break
		}
		name := text[at[2]:at[3]]
		most, ok := fields[name]
		if !ok { // it only looks like one
			t = t.literal(text[:at[1]])
			text = text[at[1]:]
			continue
		}
		t = t.literal(text[:at[0]])
		options := strings.Split(text[at[4]:at[5]], ":")[1:]
		if at[4] == at[5] {
			options = nil
		}
		if len(options) > most {
			return nil, fmt.Errorf("%s: at most %d options", text[at[0]:at[1]], most)
		}
		p, err := parsePart(name, options)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", text[at[0]:at[1]], err)
		}
		if p.kind == "" {
			t = t.literal(p.text)
		} else {
			t = append(t, p)
		}
		text = text[at[1]:]
	}
	return t.literal(text), nil
}

// literal appends bytes.
func (t Template) literal(text string) Template {
	if text == "" {
		return t
	}
	if n := len(t); n > 0 && t[n-1].kind == "" {
		t = slices.Clone(t)
		t[n-1].text += text
		return t
	}
	return append(t, part{text: text})
}

func parsePart(name string, options []string) (part, error) {
	p := part{kind: name}
	first := ""
	if len(options) > 0 {
		first = options[0]
	}
	var err error
	switch name {
	case "brace":
		return part{text: "{"}, nil
	case "hex":
		data, err := hex.DecodeString(first)
		return part{text: string(data)}, err
	case "text", "role", "topic", "name":
		if p.format = first; encodings[first].encode == nil {
			err = fmt.Errorf("no encoding %q", first)
		}
	case "time":
		if p.format = first; !slices.ContainsFunc(clocks, func(c clock) bool { return c.name == first }) {
			err = fmt.Errorf("no time %q", first)
		}
	case "id", "random":
		if p.text = first; first == "" {
			err = fmt.Errorf("expected an example")
		}
	case "count", "connect", "on", "pad", "cut":
		if first != "" {
			p.num, err = number(first)
		}
		if name == "pad" {
			if p.num < 1 || p.num > blockLimit {
				return p, fmt.Errorf("expected a size up to %d", blockLimit)
			}
			if len(options) > 1 {
				if p.format = options[1]; p.format != "space" {
					err = fmt.Errorf("no padding %q", p.format)
				}
			}
		}
	case "length":
		p, err = parseLength(options)
	}
	return p, err
}

// number reads what String writes: no sign, no zeros before.
func number(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || strconv.Itoa(n) != text {
		return 0, fmt.Errorf("%q is no number", text)
	}
	return n, nil
}

func parseLength(options []string) (part, error) {
	p := part{kind: "length"}
	if len(options) == 0 {
		return p, fmt.Errorf("expected a format")
	}
	p.format = options[0]
	if _, err := parseFormat(p.format); err != nil {
		return p, err
	}
	for _, o := range options[1:] {
		switch {
		case p.counts == "" && (o == "text" || o == "role" || o == "topic" || o == "name" || o == "body"):
			p.counts = o
		case o == "chars":
			p.letters = true
		case len(o) > 1 && (o[0] == '+' || o[0] == '-'):
			n, err := number(o[1:])
			if err != nil || n == 0 || n > blockLimit {
				return p, fmt.Errorf("%q is no number", o)
			}
			if p.num = n; o[0] == '-' {
				p.num = -n
			}
		default:
			return p, fmt.Errorf("no option %q", o)
		}
	}
	return p, nil
}

// String writes the template as Parse reads it.
func (t Template) String() string {
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.string())
	}
	return b.String()
}

func (p part) string() string {
	var options []string
	add := func(o string) {
		if o != "" {
			options = append(options, o)
		}
	}
	switch p.kind {
	case "":
		return escaped(p.text)
	case "id", "random":
		add(p.text)
	case "length":
		add(p.format)
		if p.num != 0 {
			add(fmt.Sprintf("%+d", p.num))
		}
		add(p.counts)
		if p.letters {
			add("chars")
		}
	case "pad":
		add(strconv.Itoa(p.num))
		add(p.format)
	case "count", "connect", "on", "cut":
		if p.num != 0 || p.kind == "on" {
			add(strconv.Itoa(p.num))
		}
	default:
		add(p.format)
	}
	return "{" + strings.Join(append([]string{p.kind}, options...), ":") + "}"
}

// escaped writes bytes so that Parse and YAML keep them.
func escaped(text string) string {
	var b strings.Builder
	for text != "" {
		r, size := utf8.DecodeRuneInString(text)
		switch at := fieldShape.FindStringSubmatchIndex(text); {
		case at != nil && at[0] == 0 && isField(text[at[2]:at[3]]):
			b.WriteString("{brace}")
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, "{hex:%02x}", text[0])
		default:
			b.WriteString(text[:size])
		}
		text = text[size:]
	}
	return b.String()
}

func isField(name string) bool {
	_, ok := fields[name]
	return ok
}

// has reports whether a field is in the template.
func (t Template) has(kind string) bool {
	return slices.ContainsFunc(t, func(p part) bool { return p.kind == kind })
}
