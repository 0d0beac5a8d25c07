package dialect

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// encodings are ways in which a text stands in a message. Each keeps digits, "-" and ".",
// and letters but for their case.
var encodings = map[string]struct{ encode func(string) string }{
	"":         {func(s string) string { return s }},
	"json":     {func(s string) string { return jsonString(s, true) }},
	"jsonutf8": {func(s string) string { return jsonString(s, false) }},
	"form":     {url.QueryEscape},
	"mutf8":    {modifiedUTF8},
	"upper":    {strings.ToUpper},
	"lower":    {strings.ToLower},
}

// encodingOrder is the order in which they are tried.
var encodingOrder = []string{"", "json", "jsonutf8", "form", "mutf8", "upper", "lower"}

func jsonString(s string, ascii bool) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // strings can always be encoded
	text := b.String()
	text = text[1 : len(text)-2]
	if !ascii {
		return text
	}
	b.Reset()
	for _, r := range text {
		switch {
		case r < 128:
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		}
	}
	return b.String()
}

// modifiedUTF8 is what Java's writeUTF writes: NUL is two bytes, and what is beyond 16 bits two
// surrogates of three bytes.
func modifiedUTF8(s string) string {
	var b []byte
	three := func(r rune) { b = append(b, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0xbf, 0x80|byte(r)&0xbf) }
	for _, r := range s {
		switch {
		case r == 0:
			b = append(b, 0xc0, 0x80)
		case r >= 0x10000:
			high, low := utf16.EncodeRune(r)
			three(high)
			three(low)
		default:
			b = append(b, string(r)...)
		}
	}
	return string(b)
}

// blockLimit is the longest block and the largest correction of a length, in bytes.
const blockLimit = 1 << 16

// format is a way of writing a length: binary of a size, or decimal.
type format struct {
	order binary.ByteOrder // nil: decimal
	pad   byte             // of decimal: '0' or ' ' before, ' ' or 0 behind; none where width is 0
	left  bool             // padded behind
	width int
}

var binaryOrders = map[string]binary.ByteOrder{"be": binary.BigEndian, "le": binary.LittleEndian}

func parseFormat(name string) (format, error) {
	wrong := fmt.Errorf("no length %q", name)
	if name == "dec" {
		return format{}, nil
	}
	digits := strings.TrimLeft(name, "abcdefghijklmnopqrstuvwxyz")
	width, err := number(digits)
	if err != nil || width < 1 || width > 256 {
		return format{}, wrong
	}
	switch kind := name[:len(name)-len(digits)]; kind {
	case "be", "le":
		if width != 1 && width != 2 && width != 4 && width != 8 {
			return format{}, wrong
		}
		return format{order: binaryOrders[kind], width: width}, nil
	case "zero":
		return format{pad: '0', width: width}, nil
	case "right":
		return format{pad: ' ', width: width}, nil
	case "left":
		return format{pad: ' ', left: true, width: width}, nil
	case "nul":
		return format{left: true, width: width}, nil
	}
	return format{}, wrong
}

// write writes a length. It fails where the length is too large for the field.
func (f format) write(n int) (string, error) {
	if n < 0 {
		return "", fmt.Errorf("a length of %d", n)
	}
	text := strconv.Itoa(n)
	switch {
	case f.order != nil:
		if f.width < 8 && n >= 1<<(8*f.width) {
			return "", fmt.Errorf("%d bytes are too many for a length of %d bytes", n, f.width)
		}
		var b [8]byte
		if f.order == binary.BigEndian {
			binary.BigEndian.PutUint64(b[:], uint64(n))
			return string(b[8-f.width:]), nil
		}
		binary.LittleEndian.PutUint64(b[:], uint64(n))
		return string(b[:f.width]), nil
	case f.width == 0:
		return text, nil
	case len(text) > f.width:
		return "", fmt.Errorf("%d bytes are too many for a length of %d digits", n, f.width)
	}
	pad := strings.Repeat(string(rune(f.pad)), f.width-len(text))
	if f.left {
		return text + pad, nil
	}
	return pad + text, nil
}

// lengthLimit is the largest length that is believed, in bytes.
const lengthLimit = 1 << 24

// read reads a length at the beginning of data, and how many bytes it takes. More is true where
// data may be the beginning of one.
func (f format) read(data []byte) (n, size int, more, ok bool) {
	if f.order != nil {
		if len(data) < f.width {
			return 0, 0, true, false
		}
		var v uint64
		for i := range f.width {
			b := data[i]
			if f.order == binary.LittleEndian {
				b = data[f.width-1-i]
			}
			v = v<<8 | uint64(b)
		}
		return int(min(v, lengthLimit)), f.width, false, v < lengthLimit
	}
	if f.width == 0 {
		for size < len(data) && size < 9 && '0' <= data[size] && data[size] <= '9' {
			size++
		}
		if size == len(data) && size < 9 {
			return 0, 0, true, false
		}
	} else if size = f.width; len(data) < size {
		return 0, 0, true, false
	}
	digits := string(data[:size])
	if f.left {
		digits = strings.TrimRight(digits, string(rune(f.pad)))
	} else if f.width > 0 && f.pad == ' ' {
		digits = strings.TrimLeft(digits, " ")
	}
	v, err := strconv.ParseUint(digits, 10, 31)
	if err != nil || v >= lengthLimit {
		return 0, 0, false, false
	}
	text, err := f.write(int(v))
	return int(v), size, false, err == nil && text == string(data[:size])
}

// clock is a way of writing a time.
type clock struct {
	name  string
	shape *regexp.Regexp
	write func(time.Time) string
}

func layout(l string) func(time.Time) string {
	return func(t time.Time) string { return t.Format(l) }
}

// clocks are tried in this order.
var clocks = []clock{
	{"iso", regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?`), layout("2006-01-02T15:04:05.000000")},
	{"stamp", regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?`), layout("2006-01-02 15:04:05")},
	{"clock", regexp.MustCompile(`^\d\d:\d\d:\d\d(\.\d+)?`), layout("15:04:05")},
	{"float", regexp.MustCompile(`^[12]\d{9}\.\d+`), func(t time.Time) string { return fmt.Sprintf("%d.%06d", t.Unix(), t.Nanosecond()/1000) }},
	{"milli", regexp.MustCompile(`^[12]\d{12}`), func(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }},
	{"unix", regexp.MustCompile(`^[12]\d{9}`), func(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }},
}
