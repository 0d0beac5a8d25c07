package protocol

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// An op is one line; the bytes are those of the lines.
func BenchmarkDecoder(b *testing.B) {
	text := strings.Repeat("the quick brown fox jumps over a lazy dog ", 25)
	for _, c := range []struct{ name, line string }{
		{"plain/16", text[:15] + "\n"},
		{"plain/64", text[:63] + "\n"},
		{"plain/1024", text[:1023] + "\n"},
		{"utf8/64", strings.Repeat("ž", 31) + "x\n"},
		{"crlf/64", text[:62] + "\r\n"},
	} {
		b.Run(c.name, func(b *testing.B) {
			block := []byte(strings.Repeat(c.line, (60<<10)/len(c.line)))
			lines := bytes.Count(block, []byte{'\n'})
			d := NewDecoder(MaxLine, nil)
			b.SetBytes(int64(len(block) / lines))
			b.ReportAllocs()
			for i := 0; i < b.N; i += lines {
				for rest := block; len(rest) > 0; {
					n := copy(d.Space(), rest)
					d.Fill(n)
					rest = rest[n:]
					for c, ok := d.Next(); ok; c, ok = d.Next() {
						if c.Count == 0 {
							b.Fatal(c)
						}
					}
				}
			}
		})
	}
}

// An op is one line; the bytes are those rendered.
func BenchmarkAppendBatch(b *testing.B) {
	for format := Plain; format <= JSON; format++ {
		for _, count := range []int{1, 1000} {
			b.Run(fmt.Sprintf("%s/%d", format, count), func(b *testing.B) {
				batch := &Batch{
					Pos: 1_000_000, Time: time.Now(), From: "ada", Topic: "news.sea", Count: count,
					Lines: bytes.Repeat([]byte(strings.Repeat("x", 63)+"\n"), count),
				}
				dst := format.AppendBatch(nil, batch)
				b.SetBytes(int64(len(dst) / count))
				b.ReportAllocs()
				for i := 0; i < b.N; i += count {
					dst = format.AppendBatch(dst[:0], batch)
				}
			})
		}
	}
}

func BenchmarkParseTSV(b *testing.B) {
	line := TrimLine(TSV.AppendMessage(nil, &Message{Pos: 1_000_000, Time: time.Now(), From: "ada", Topic: "news.sea", Line: strings.Repeat("x", 63)}))
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := ParseTSV(line); err != nil {
			b.Fatal(err)
		}
	}
}
