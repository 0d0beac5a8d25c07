package dialect

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"
)

// What is known can be read, is written as it was, and has names that differ.
func TestKnown(t *testing.T) {
	names := map[string]bool{}
	for _, d := range Known() {
		assert.False(t, names[d.Name], d.Name)
		names[d.Name] = true
		text, err := yaml.Marshal(d)
		require.NoError(t, err)
		assert.Equal(t, d, parsed(t, string(text)), "%s", text)
	}
	assert.Equal(t, "lines", Known()[0].Name)
}

// Mistakes are told.
func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		`{message: "{text}"}`:                                         "expected register",
		`{register: "{role}", message: "x"}`:                          "expected {text}",
		`{register: "{role}", message: "{text:rot13}"}`:               `no encoding "rot13"`,
		`{register: "{role}", message: "{length:be3}{text}"}`:         `no length "be3"`,
		`{register: "{role}", message: "{length}{text}"}`:             "expected a format",
		`{register: "{role}", message: "{text}{pad:0}"}`:              "expected a size",
		`{register: "{time:noon}", message: "{text}"}`:                `no time "noon"`,
		`{register: "{wait:3}", message: "{text}"}`:                   "at most 0 options",
		`{register: "{role}", message: "{text}", receive: morse}`:     "there is text, json",
		`{register: "{role}", message: "{text}", receive: "block:x"}`: "no number",
		`{register: "{role}", message: "{text}", roles: [a]}`:         "roles are two words",
		`{register: "{role}", mesage: "{text}"}`:                      "mesage",
	} {
		var d Dialect
		assert.ErrorContains(t, yaml.Unmarshal([]byte(text), &d), want, "%s", text)
	}
}

// Whatever is a template is written as it was read, and makes the same bytes then.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"{role}\n", "{length:be4:+4:chars}{topic}{text:json}{pad:64}", `{"a":"{text}"}`, "{brace}text}", "{hex:00ff}\xff{wait}{cut}x{connect:1}{on:0}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		read, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(read.String())
		require.NoError(t, err)
		assert.Equal(t, read, again)
		v := Values{Role: "R", Topic: "t", Text: "a {text}", Local: "h:1", Server: "h:2", ID: 3}
		first, err := read.steps(v)
		if err != nil {
			return
		}
		second, err := again.steps(v)
		require.NoError(t, err)
		assert.Equal(t, first, second)
	})
}

// What is received is the same text however it is cut into pieces.
func TestDecode(t *testing.T) {
	for _, test := range []struct{ receive, data, want string }{
		{"text", "[FROM a] : x\n[FROM b] : y\n", "[FROM a] : x\n[FROM b] : y\n"},
		{"", "x\x00y\x00", "x\ny\n"},
		{"json", `{"m":"a \"b\" \\ c\/d \u00e9\ud83d\ude00"}` + "\n", `{"m":"a "b" \ c/d é😀"}` + "\n"},
		{"json", `{"m":"\ud83d alone \x"}` + "\n", `{"m":"� alone \x"}` + "\n"},
		{"length:be4", "\x00\x00\x00\x02ab\x00\x00\x00\x03cde\x00\x00", "ab\ncde\n"},
		{"length:le2:+2", "\x04\x00ab\x05\x00cde", "ab\ncde\n"},
		{"length:zero4", "0002ab0003cde", "ab\ncde\n"},
		{"length:zero4", "hello", "hello"},
		{"length:left10 json", "9         \"a\\u00e9\"2         cd", "\"aé\"\ncd\n"},
		{"block:8", "ab\x00\x00\x00\x00\x00\x00cde\n    ", "ab\ncde\n"},
		{"websocket", "HTTP/1.1 101 x\r\n\r\n\x81\x02ab\x89\x01p\x81\x03cde", "HTTP/1.1 101 x\nab\ncde\n"},
	} {
		r, err := parseReceive(test.receive)
		require.NoError(t, err)
		for size := 1; size <= len(test.data); size++ {
			var got []byte
			d := r.NewDecoder()
			for rest := test.data; rest != ""; {
				n := min(size, len(rest))
				got = append(got, d.Decode([]byte(rest[:n]))...)
				rest = rest[n:]
			}
			assert.Equal(t, test.want, string(got), "%s in pieces of %d", test.receive, size)
		}
	}
}

// FuzzDecode cuts what is received anywhere.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"text", "json", "length:be4", "length:dec", "block:8", "websocket json"} {
		f.Add(seed, []byte(`a\u00e9\`+"\x00\x00\x00\x02ab"), uint8(3))
	}
	f.Fuzz(func(t *testing.T, receive string, data []byte, cut uint8) {
		r, err := parseReceive(receive)
		if err != nil {
			return
		}
		again, err := parseReceive(r.String())
		require.NoError(t, err)
		assert.Equal(t, r, again)
		at := min(int(cut), len(data))
		whole, pieces := r.NewDecoder(), r.NewDecoder()
		want := string(whole.Decode(data))
		got := string(pieces.Decode(data[:at])) + string(pieces.Decode(data[at:]))
		assert.Equal(t, want, got)
		assert.LessOrEqual(t, strings.Count(got, ""), 2*len(data)+2)
	})
}
