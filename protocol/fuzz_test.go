package protocol

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// A line of any bytes is read back as what String says, or is refused with a readable line of text.
func FuzzP2Hello(f *testing.F) {
	for _, seed := range []string{
		"", "PUBLISHER", "subscriber  name=a", "PUBLISHER name=a topic=b.c ack=yes run=r", "PUBLISHER ack=no",
		"SUBSCRIBER topic=a.*.> from=-3 format=json", "SUBSCRIBER from=first format=plain", "SUBSCRIBER from=17", "PUBLISHER =\x00",
		"PUBLISHER name=\xff", "READER \u2028", "SUBSCRIBER from=007", "PUBLISHER topic=\u00e9",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		h, err := ParseHello(line)
		if err != nil {
			require.Zero(t, h)
			require.NotContains(t, err.Error(), "\n", "P2: the error is one line")
			require.NoError(t, CheckMessage(err.Error()), "and may be sent")
			require.Less(t, len(err.Error()), 400)
			return
		}
		again, err := ParseHello(h.String())
		require.NoError(t, err)
		require.Equal(t, h, again)
		require.Equal(t, h.String(), again.String())
		if h.Name != "" {
			require.NoError(t, CheckName(h.Name), "P5")
		}
		if h.Role == Publisher && h.Topic != "" {
			require.NoError(t, CheckTopic(h.Topic), "P11")
		}
		require.True(t, h.Role == Subscriber || h.From == From{} && h.Filter == Filter{} && h.Format == Plain, "only a subscriber's")
		require.True(t, h.Role == Publisher || h.Topic == "" && !h.Ack && h.Run == "", "only a publisher's")
	})
}

func FuzzP4Welcome(f *testing.F) {
	f.Add("registered as PUBLISHER name=a publishers=1 subscribers=2 next=3 journal=j", "ada", 1, 2, uint64(3), true)
	f.Add("registered as SUBSCRIBER name=[::1]:5 x=y publishers=0 subscribers=1", "10.0.0.1:5000", 0, 1, uint64(0), false)
	f.Add("error: no", "a", 0, 0, uint64(1), true)
	f.Fuzz(func(t *testing.T, line, name string, publishers, subscribers int, next uint64, publisher bool) {
		if w, err := ParseWelcome(line); err == nil {
			again, err := ParseWelcome(w.String())
			require.NoError(t, err, "what was understood can be said")
			require.Equal(t, w, again)
		} else if !strings.HasPrefix(line, ErrorPrefix) {
			require.NotContains(t, err.Error(), "\n", "the error is one line")
		}
		if CheckName(name) != nil {
			return
		}
		want := Welcome{Role: Subscriber, Name: name, Publishers: publishers, Subscribers: subscribers, Next: next, Journal: name}
		if publisher {
			want.Role = Publisher
		}
		got, err := ParseWelcome(want.String())
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Less(t, len(want.String()), MaxRoleLine)
	})
}

func FuzzP12From(f *testing.F) {
	for _, seed := range []string{"new", "first", "-1", "1", "-9223372036854775807", "0", "-", "+1", "01", "--1", "1_000"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		from, err := ParseFrom(text)
		if err != nil {
			require.Zero(t, from)
			return
		}
		kinds := 0
		for _, is := range []bool{from == From{}, from.First(), from.Last() > 0, from.Position() > 0} {
			if is {
				kinds++
			}
		}
		require.Equal(t, 1, kinds, "exactly one kind")
		again, err := ParseFrom(from.String())
		require.NoError(t, err)
		require.Equal(t, from, again)
	})
}

func FuzzP14Ack(f *testing.F) {
	f.Add("ack 1", uint64(1))
	f.Add("ack +1", uint64(1<<63))
	f.Fuzz(func(t *testing.T, line string, n uint64) {
		got, ok := ParseAck(strings.TrimSuffix(string(AppendAck(nil, n)), "\n"))
		require.True(t, ok)
		require.Equal(t, n, got)
		if n, ok := ParseAck(line); ok {
			again, ok := ParseAck(strings.TrimSuffix(string(AppendAck(nil, n)), "\n"))
			require.True(t, ok)
			require.Equal(t, n, again, "from %q", line)
		}
	})
}

// messages turns any bytes into lines as the Decoder hands them over.
func messages(input string) (lines []byte, count int) {
	d := NewDecoder(MaxLine, []byte(input+"\n"))
	for c, ok := d.Next(); ok; c, ok = d.Next() {
		lines = append(lines, c.Lines...)
		count += c.Count
		if c.End {
			break
		}
	}
	return lines, count
}

// A batch of n lines is n batches of one, and what was rendered is read back.
func FuzzP13Render(f *testing.F) {
	for _, seed := range decoderSeeds {
		f.Add(seed, "ada", "news.sea", uint64(1), int64(0))
		f.Add(seed, "[::1]:9", "", uint64(99_999), int64(1_795_342_504_123_456_789))
	}
	f.Add("\x01\"\\\x7f\u2028\t\r\r\nb", "a", "", uint64(9), int64(-1))
	f.Fuzz(func(t *testing.T, input, from, topic string, pos uint64, nanos int64) {
		if CheckName(from) != nil || topic != "" && CheckTopic(topic) != nil || pos > 1<<62 {
			return
		}
		lines, count := messages(input)
		at := time.Unix(0, nanos).UTC()
		b := &Batch{Pos: pos, Time: at, From: from, Topic: topic, Lines: lines, Count: count}
		for format := Plain; format <= JSON; format++ {
			rendered := format.AppendBatch([]byte("kept"), b)
			require.Equal(t, "kept", string(rendered[:4]))
			rendered = rendered[4:]
			require.Equal(t, count, bytes.Count(rendered, []byte{'\n'}), "%s: each message on a line of its own", format)
			require.True(t, utf8.Valid(rendered))
			var single []byte
			n := pos
			for line := range strings.Lines(string(lines)) {
				single = format.AppendMessage(single, &Message{Pos: n, Time: at, From: from, Topic: topic, Line: strings.TrimSuffix(line, "\n")})
				n++
			}
			require.Equal(t, string(single), string(rendered), "%s: as one batch and as many", format)
			readBack(t, format, b, rendered)
		}
	})
}

// readBack reads what was rendered of b, and compares.
func readBack(t *testing.T, format Format, b *Batch, rendered []byte) {
	t.Helper()
	var want []string
	for line := range strings.Lines(string(b.Lines)) {
		want = append(want, strings.TrimSuffix(line, "\n"))
	}
	at := b.Time.Truncate(time.Microsecond)
	switch format {
	case TSV:
		i := 0
		for line := range bytes.Lines(rendered) {
			m, e, err := ParseTSV(TrimLine(line))
			require.NoError(t, err)
			require.Zero(t, e)
			require.Equal(t, Message{b.Pos + uint64(i), at, b.From, b.Topic, want[i]}, m)
			i++
		}
	case JSON:
		for i, m := range readJSON(t, rendered) {
			require.Equal(t, jsonMessage{b.Pos + uint64(i), at.Format(timeLayout), b.From, b.Topic, want[i]}, m)
		}
	default:
		head := "FROM " + b.From
		if format == Stamped {
			head = at.Format(timeLayout) + " " + head
		}
		if b.Topic != "" {
			head += " #" + b.Topic
		}
		i := 0
		for line := range bytes.Lines(rendered) {
			require.Equal(t, "["+head+"] : "+want[i], string(TrimLine(line)), "P8")
			i++
		}
	}
}

// What ParseTSV understands, the server could have sent.
func FuzzP13ParseTSV(f *testing.F) {
	for _, seed := range []string{
		"1\t" + stampText + "\tada\tnews\thello", "#gap\t5", "#joined\t" + stampText + "\tPUBLISHER\tada\t",
		"#left\t" + stampText + "\tSUBSCRIBER\ts\t>\t7\teof", "#", "1\t\t\t\t", "x", "#left\t\t\t\t\t\t", "1\t2026-11-22T10:15:04,123456Z\ta\t\t",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.IndexByte(line, '\n') >= 0 {
			return // not one line
		}
		m, e, err := ParseTSV(line)
		if err != nil {
			require.NotContains(t, err.Error(), "\n", "the error is one line")
			require.Zero(t, e)
			return
		}
		if e.Kind == 0 {
			again, _, err := ParseTSV(TrimLine(TSV.AppendMessage(nil, &m)))
			require.NoError(t, err)
			require.Equal(t, m, again)
			return
		}
		require.Zero(t, m)
		_, again, err := ParseTSV(bytes.TrimSuffix(TSV.AppendEvent(nil, &e), []byte("\n")))
		require.NoError(t, err)
		require.Equal(t, e, again)
	})
}
