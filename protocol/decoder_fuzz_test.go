package protocol

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// reference is the Decoder written the slow and obvious way: it has all of the input at once.
// number is that of the first line.
func reference(input string, maxLine, number int, finished bool) (items []string) {
	for line := range strings.Lines(input) {
		whole := strings.HasSuffix(line, "\n")
		if !whole && !finished && len(line) <= maxLine+1 {
			break // it may still become a message
		}
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		switch {
		case len(line) > maxLine:
			items = append(items, fmt.Sprintf("line %d is longer than %d bytes: rejected", number, maxLine))
		case strings.Contains(line, "\x00"):
			items = append(items, fmt.Sprintf("line %d holds a NUL byte, expected text: rejected", number))
		case !utf8.ValidString(line):
			items = append(items, fmt.Sprintf("line %d is not UTF-8: rejected", number))
		case strings.TrimSpace(line) == Terminate:
			return append(items, "end")
		default:
			items = append(items, fmt.Sprintf("%d=%s", number, line))
		}
		number++
	}
	return items
}

// cut divides input into reads: each byte of cuts says how long one is, and they are used over and
// over.
func cut(input string, cuts []byte) (reads []string) {
	for i := 0; len(input) > 0; i++ {
		n := len(input)
		if len(cuts) > 0 {
			c := int(cuts[i%len(cuts)])
			n = min(n, 1+c*c)
		}
		reads = append(reads, input[:n])
		input = input[n:]
	}
	return reads
}

var decoderSeeds = []string{
	"", "a\n", "one\ntwo\n\nfour", "a\r\nb\r\r\nc\r", "terminate\n", "a\n terminate \r\nb\n", "ž\n\xff\n\x00\nb\n",
	"1234567\n12345678\n123456789\n", "12345678\r\n12345678\r\r\nx\n", "1234567890123456789012345678901234567890",
	"terminate", "xterminate\n\xc5", "\xc5\n\xbe\nb\n", strings.Repeat("one\ntwo\r\n", 500), strings.Repeat("x", 9000) + "\ny\n",
}

// However the input arrives, the messages, errors and numbers are the same.
func FuzzP6Chunking(f *testing.F) {
	for _, seed := range decoderSeeds {
		for _, longest := range []uint16{7, 15, 4095} {
			f.Add(seed, []byte{0}, longest, uint16(0))
			f.Add(seed, []byte{2, 250, 9}, longest, uint16(3))
		}
	}
	f.Fuzz(func(t *testing.T, input string, cuts []byte, longest, received uint16) {
		maxLine := 1 + int(longest)
		head := input[:min(int(received), len(input))]
		d := NewDecoder(maxLine, []byte(head))
		got := drain(t, d)
		for _, read := range cut(input[len(head):], cuts) {
			if !ended(got) {
				got = append(got, feed(t, d, read)...)
			}
		}
		if !ended(got) {
			require.Equal(t, reference(input, maxLine, 1, false), got)
			d.Finish()
			got = append(got, drain(t, d)...)
		}
		require.Equal(t, reference(input, maxLine, 1, true), got)
	})
}

// unframedReference is the Decoder of an unframed session, written the obvious way.
func unframedReference(reads []string, maxLine int) (items []string) {
	if len(reads) > 0 && reads[0] == "\r" { // it may be half a line end
		if len(reads) == 1 {
			return nil
		}
		reads = append([]string{"\r" + reads[1]}, reads[2:]...)
	}
	if len(reads) > 0 {
		if rest := strings.TrimPrefix(reads[0], "\r"); strings.HasPrefix(rest, "\n") {
			return reference(rest[1:]+strings.Join(reads[1:], ""), maxLine, 1, true)
		}
	}
	for i, read := range reads {
		if strings.Contains(read, "\n") {
			return append(items, reference(strings.Join(reads[i:], ""), maxLine, i+1, true)...)
		}
		items = append(items, reference(strings.TrimSpace(read)+"\n", maxLine, i+1, true)...)
		if ended(items) {
			return items
		}
	}
	return items
}

// Each read is one message until the first LF; from then on cuts change nothing.
func FuzzP3Unframed(f *testing.F) {
	for _, seed := range decoderSeeds {
		f.Add(seed, []byte{3, 7})
		f.Add("\r\n"+seed, []byte{0})
		f.Add("\n"+seed, []byte{8})
		f.Add("hello there"+seed, []byte{2, 2, 1})
	}
	f.Fuzz(func(t *testing.T, input string, cuts []byte) {
		const maxLine = 300
		d := NewDecoder(maxLine, nil)
		d.SetUnframed()
		var reads, got []string
		for input != "" && !ended(got) {
			read := cut(input, cuts[min(len(reads), len(cuts)):])[0]
			read = read[:copy(d.Space(), read)]
			d.Fill(len(read))
			got = append(got, drain(t, d)...)
			reads = append(reads, read)
			input = input[len(read):]
		}
		if !ended(got) {
			d.Finish()
			got = append(got, drain(t, d)...)
		}
		require.Equal(t, unframedReference(reads, maxLine), got, "reads %q", reads)
	})
}

// Whatever a client may send arrives byte for byte, and nothing else does.
func FuzzP6RoundTrip(f *testing.F) {
	for _, seed := range []string{"", "a", "a\r", "\r\r", "terminate", " terminate ", "a\nb", "\x00", "\xff", "\u2028", strings.Repeat("x", 5000)} {
		f.Add(seed, byte(0))
	}
	f.Fuzz(func(t *testing.T, message string, cuts byte) {
		d := NewDecoder(MaxLine, nil)
		var got []string
		for _, read := range cut(string(AppendLine(nil, message)), []byte{cuts}) {
			if !ended(got) {
				got = append(got, feed(t, d, read)...)
			}
		}
		if CheckMessage(message) == nil {
			require.Equal(t, []string{"1=" + message}, got)
		} else {
			require.NotEqual(t, []string{"1=" + message}, got, "what CheckMessage refuses does not arrive")
		}
		line := AppendLine([]byte("kept"), message)
		require.Equal(t, "kept", string(line[:4]))
		require.Equal(t, message, string(TrimLine(line[4:])), "readers drop what AppendLine adds")
	})
}
