package protocol

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// feed gives input to a Decoder as if it had been read from a connection, and takes what it finds,
// up to the end.
func feed(t testing.TB, d *Decoder, input string) (items []string) {
	for len(input) > 0 && !ended(items) {
		n := copy(d.Space(), input)
		require.Positive(t, n, "there is always space")
		d.Fill(n)
		input = input[n:]
		items = append(items, drain(t, d)...)
	}
	return items
}

func ended(items []string) bool { return len(items) > 0 && items[len(items)-1] == "end" }

// drain takes all that a Decoder has found, up to the end, one string each: a message with its
// number, an error, or "end".
func drain(t testing.TB, d *Decoder) (items []string) {
	for c, ok := d.Next(); ok; c, ok = d.Next() {
		switch {
		case c.End:
			require.True(t, c.Count == 0 && c.Err == nil && len(c.Lines) == 0, "a Chunk says one thing: %+v", c)
			return append(items, "end")
		case c.Err != nil:
			require.True(t, c.Count == 0 && len(c.Lines) == 0, "a Chunk says one thing: %+v", c)
			require.Equal(t, c.First, d.line)
			items = append(items, c.Err.Error())
		default:
			require.Positive(t, c.Count, "a Chunk says something")
			number := c.First
			for line := range strings.Lines(string(c.Lines)) {
				message, ok := strings.CutSuffix(line, "\n")
				require.True(t, ok, "each message ends in LF")
				items = append(items, fmt.Sprintf("%d=%s", number, message))
				number++
			}
			require.Equal(t, c.First+uint64(c.Count), number, "Count is the number of LFs")
			require.Equal(t, number-1, d.line)
		}
	}
	return items
}

func TestP6P7Lines(t *testing.T) {
	const maxLine = 8
	for _, c := range []struct {
		input string
		want  []string // before the end of the input
		rest  []string // with the end of the input
	}{
		{"", nil, nil},
		{"hello\n", []string{"1=hello"}, nil},
		{"a\nb\n\nc\n", []string{"1=a", "2=b", "3=", "4=c"}, nil},
		{"\n\n", []string{"1=", "2="}, nil},
		{"hello", nil, []string{"1=hello"}},
		{"a\nb", []string{"1=a"}, []string{"2=b"}},
		{"a\r\nb\r\n", []string{"1=a", "2=b"}, nil},
		{"a\r", nil, []string{"1=a"}},
		{"\r\n\r\r\n", []string{"1=", "2=\r"}, nil},
		{"a\r\r\nb\rb\n", []string{"1=a\r", "2=b\rb"}, nil},
		{" a \n\tb\n", []string{"1= a ", "2=\tb"}, nil},
		{"12345678\n", []string{"1=12345678"}, nil},
		{"12345678\r\n", []string{"1=12345678"}, nil},
		{"1234567\r\r\n", []string{"1=1234567\r"}, nil},
		{"12345678", nil, []string{"1=12345678"}},
		{"12345678\r", nil, []string{"1=12345678"}},
		{"žžžž\n", []string{"1=žžžž"}, nil},
		{"123456789\na\n", []string{"line 1 is longer than 8 bytes: rejected", "2=a"}, nil},
		{"123456789\r\na\n", []string{"line 1 is longer than 8 bytes: rejected", "2=a"}, nil},
		{"12345678\r\r\na\n", []string{"line 1 is longer than 8 bytes: rejected", "2=a"}, nil},
		{"žžžžž\na\n", []string{"line 1 is longer than 8 bytes: rejected", "2=a"}, nil},
		{"123456789", nil, []string{"line 1 is longer than 8 bytes: rejected"}},
		{"12345678\r\r", []string{"line 1 is longer than 8 bytes: rejected"}, nil},
		{"1234567890", []string{"line 1 is longer than 8 bytes: rejected"}, nil},
		{strings.Repeat("x", 99) + "\na\n", []string{"line 1 is longer than 8 bytes: rejected", "2=a"}, nil},
		{"a\x00\nb\n", []string{"line 1 holds a NUL byte, expected text: rejected", "2=b"}, nil},
		{"a\nb\n\x00\nc\n\x00", []string{"1=a", "2=b", "line 3 holds a NUL byte, expected text: rejected", "4=c"}, []string{"line 5 holds a NUL byte, expected text: rejected"}},
		{"a\xff\nb\n", []string{"line 1 is not UTF-8: rejected", "2=b"}, nil},
		{"\xc5\n\xbe\n", []string{"line 1 is not UTF-8: rejected", "line 2 is not UTF-8: rejected"}, nil},
		{"\xed\xa0\x80\n", []string{"line 1 is not UTF-8: rejected"}, nil},
		{"\ufeffa\u2028b\n", []string{"1=\ufeffa\u2028b"}, nil},
		{"terminate\n", []string{"line 1 is longer than 8 bytes: rejected"}, nil},
	} {
		for _, received := range []string{"", c.input} {
			d := NewDecoder(maxLine, []byte(received))
			got := append(drain(t, d), feed(t, d, c.input[len(received):])...)
			assert.Equal(t, c.want, got, "P6: %q", c.input)
			d.Finish()
			assert.Equal(t, c.rest, drain(t, d), "P7: the end of %q", c.input)
		}
	}
}

func TestP7Terminate(t *testing.T) {
	for _, c := range []struct {
		input      string
		want, rest []string
	}{
		{"terminate\n", []string{"end"}, nil},
		{"terminate\r\n", []string{"end"}, nil},
		{" \t terminate\v\u00a0\r\r\n", []string{"end"}, nil},
		{"a\nb\r\nterminate\nc\n", []string{"1=a", "2=b", "end"}, nil},
		{"terminate", nil, []string{"end"}},
		{"a\nterminate\r", []string{"1=a"}, []string{"end"}},
		{"\x00\nterminate\n", []string{"line 1 holds a NUL byte, expected text: rejected", "end"}, nil},
		{"Terminate\n", []string{"1=Terminate"}, nil},
		{"terminate.\nxterminate\nterminate now\n", []string{"1=terminate.", "2=xterminate", "3=terminate now"}, nil},
		{"terminate\x00\n", []string{"line 1 holds a NUL byte, expected text: rejected"}, nil},
		{"termi\nnate\n", []string{"1=termi", "2=nate"}, nil},
	} {
		d := NewDecoder(MaxLine, nil)
		assert.Equal(t, c.want, feed(t, d, c.input), "P7: %q", c.input)
		if ended(c.want) {
			continue
		}
		d.Finish()
		assert.Equal(t, c.rest, drain(t, d), "P7: the end of %q", c.input)
	}
}

func TestP6MaxLine(t *testing.T) {
	fits := strings.Repeat("x", MaxLine)
	for _, end := range []string{"\n", "\r\n", ""} {
		d := NewDecoder(MaxLine, nil)
		items := feed(t, d, fits+end)
		d.Finish()
		require.Equal(t, []string{"1=" + fits}, append(items, drain(t, d)...), "P6: 65,536 bytes fit, line end %q", end)

		d = NewDecoder(MaxLine, nil)
		items = feed(t, d, fits+"x"+end)
		d.Finish()
		require.Equal(t, []string{"line 1 is longer than 65536 bytes: rejected"}, append(items, drain(t, d)...), "P6: one more does not, line end %q", end)
	}
}

func TestP15NumbersGoOn(t *testing.T) {
	d := NewDecoder(MaxLine, []byte("a\n"))
	assert.Zero(t, d.line)
	d.SetLine(41)
	assert.EqualValues(t, 40, d.line)
	got := append(drain(t, d), feed(t, d, "\x00\nb\n")...)
	assert.Equal(t, []string{"41=a", "line 42 holds a NUL byte, expected text: rejected", "43=b"}, got, "P15: a resumed run")
	assert.EqualValues(t, 43, d.line)
}

func TestP3Unframed(t *testing.T) {
	for _, c := range []struct {
		reads []string
		want  []string
	}{
		{[]string{"hello", "  two words \t"}, []string{"1=hello", "2=two words"}},
		{[]string{"   "}, []string{"1="}},
		{[]string{"ž\r"}, []string{"1=ž"}},
		{[]string{"a", "terminate"}, []string{"1=a", "end"}},
		{[]string{" terminate\r"}, []string{"end"}},
		{[]string{"a\x00", "\xff", strings.Repeat("x", 65), "b"}, []string{
			"line 1 holds a NUL byte, expected text: rejected", "line 2 is not UTF-8: rejected",
			"line 3 is longer than 64 bytes: rejected", "4=b",
		}},
		{[]string{"one\n", "two", " and more\n"}, []string{"1=one", "2=two and more"}},
		{[]string{"a", "one\ntwo", " more\n three \n"}, []string{"1=a", "2=one", "3=two more", "4= three "}},
		{[]string{"a", "\n", "b"}, []string{"1=a", "2="}},
		{[]string{"a", "terminate\n"}, []string{"1=a", "end"}},
		{[]string{"\n", "hel", "lo\n"}, []string{"1=hello"}},
		{[]string{"\r\nhel", "lo\n"}, []string{"1=hello"}},
		{[]string{"\r", "\nhello\n"}, []string{"1=hello"}},
		{[]string{"\r", "\n", "hello\n"}, []string{"1=hello"}},
		{[]string{"\r", "hello", "there"}, []string{"1=hello", "2=there"}},
		{[]string{"\n\n"}, []string{"1="}},
		{[]string{"\nterminate\n"}, []string{"end"}},
	} {
		d := NewDecoder(64, nil)
		d.SetUnframed()
		var got []string
		for _, read := range c.reads {
			require.GreaterOrEqual(t, len(d.Space()), len(read))
			got = append(got, feed(t, d, read)...)
		}
		assert.Equal(t, c.want, got, "P3: reads %q", c.reads)
	}
}

// What was kept of an unframed session, its LF too, is not touched by what comes next, whether a read
// fills the buffer or not.
func TestP3UnframedKept(t *testing.T) {
	for _, size := range []int{1, 100, idleBuffer - 1, 3 * idleBuffer} {
		d := NewDecoder(MaxLine, nil)
		d.SetUnframed()
		var kept [][]byte
		var want []string
		for _, letter := range []string{"a", "b", "c", "d"} {
			text := strings.Repeat(letter, size)
			for rest := text; rest != ""; {
				n := copy(d.Space(), rest)
				d.Fill(n)
				want = append(want, rest[:n]+"\n")
				rest = rest[n:]
				c, ok := d.Next()
				require.True(t, ok)
				kept = append(kept, c.Lines)
				d.Keep()
			}
		}
		for i := range kept {
			require.Equal(t, want[i], string(kept[i]), "message %d of messages of %d bytes", i, size)
		}
	}
}

func TestP6WhatAClientMaySend(t *testing.T) {
	fits := strings.Repeat("x", MaxLine)
	for message, text := range map[string]string{
		"":            "",
		"a\rb":        "",
		"\r":          "",
		"\u2028":      "",
		"terminated":  "",
		fits:          "",
		fits + "x":    "a message of 65537 bytes, expected at most 65536",
		"a\nb":        `message "a\nb" holds a line end, expected one line`,
		"a\x00":       `message "a\x00" holds a NUL byte, expected text`,
		"\xff":        `message "\xff" is not UTF-8`,
		"terminate":   `message "terminate" would end the session`,
		" terminate ": `message " terminate " would end the session`,
	} {
		err := CheckMessage(message)
		if text == "" {
			assert.NoError(t, err, "P6: %.20q", message)
		} else {
			assert.EqualError(t, err, text)
		}
	}
}

func TestTrimLine(t *testing.T) {
	for line, want := range map[string]string{
		"": "", "\n": "", "\r\n": "", "a\n": "a", "a\r\n": "a", "a\r\r\n": "a\r", "a\n\n": "a\n", "a\r": "a", "\ra": "\ra",
	} {
		assert.Equal(t, want, string(TrimLine([]byte(line))), "%q", line)
	}
}
