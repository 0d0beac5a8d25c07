package history

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

const (
	stamp = "2026-11-22T10:15:04.123456Z"
	micro = 1_795_342_504_123_456 // the same
)

func TestRead(t *testing.T) {
	for name, test := range map[string]struct {
		format Format
		text   string
		want   Transcript
	}{
		"plain": {Plain, "[FROM ada] : hello\r\n[FROM [::1]:5000 #a.b] : ] : \n[GAP 3]\n[FROM 1.2.3.4:5 #t] : \n[FROM a] : cr\r\r\n[FROM b] : [GAP 1]\n",
			Transcript{Messages: []Message{{From: "ada", Line: "hello"}, {From: "[::1]:5000", Topic: "a.b", Line: "] : "}, {Gap: 3},
				{From: "1.2.3.4:5", Topic: "t"}, {From: "a", Line: "cr\r"}, {From: "b", Line: "[GAP 1]"}}}},
		"plain line that looks like a topic": {Plain, "[FROM [::1]:5000] : #x] : y\n",
			Transcript{Messages: []Message{{From: "[::1]:5000", Line: "#x] : y"}}}},
		"stamped": {Stamped, "[" + stamp + " FROM ada #t] : a FROM b\n[GAP 1]\n[" + stamp + " FROM ada] : \n",
			Transcript{Messages: []Message{{From: "ada", Topic: "t", Line: "a FROM b", Time: micro}, {Gap: 1}, {From: "ada", Time: micro}}}},
		"tsv": {TSV, "#joined\t" + stamp + "\tPUBLISHER\tada\tt\n1\t" + stamp + "\tada\tt\ta\tb\n#gap\t2\n4\t" + stamp + "\tada\t\t\n" +
			"#left\t" + stamp + "\tPUBLISHER\tada\tt\t4\tterminate\n",
			Transcript{
				Messages: []Message{{Pos: 1, From: "ada", Topic: "t", Line: "a\tb", Time: micro}, {Gap: 2}, {Pos: 4, From: "ada", Time: micro}},
				Events: []Event{{Kind: "joined", Role: "PUBLISHER", Name: "ada"},
					{Kind: "left", Role: "PUBLISHER", Name: "ada", Lines: 4, Reason: "terminate"}},
			}},
		"json": {JSON, `{"event":"joined","time":"` + stamp + `","role":"SUBSCRIBER","name":"s"}` + "\n" +
			`{"pos":7,"time":"` + stamp + `","from":"ada","topic":"t","line":"\u00e4\r"}` + "\n" + `{"event":"gap","missing":2}` + "\n" +
			`{"event":"left","time":"` + stamp + `","role":"SUBSCRIBER","name":"s","topic":">","lines":9,"reason":"eof"}` + "\r\n",
			Transcript{
				Messages: []Message{{Pos: 7, From: "ada", Topic: "t", Line: "ä\r", Time: micro}, {Gap: 2}},
				Events: []Event{{Kind: "joined", Role: "SUBSCRIBER", Name: "s"},
					{Kind: "left", Role: "SUBSCRIBER", Name: "s", Lines: 9, Reason: "eof"}},
			}},
		"empty": {Plain, "", Transcript{}},
		"long":  {Plain, "[FROM a] : " + strings.Repeat("x", 100_000) + "\n", Transcript{Messages: []Message{{From: "a", Line: strings.Repeat("x", 100_000)}}}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(test.text), iotest.OneByteReader(strings.NewReader(test.text))} {
				got, err := Read(r, test.format)
				require.NoError(t, err)
				require.Equal(t, test.want, got)
			}
		})
	}
}

// One line at a time reads as all of them do.
func TestParse(t *testing.T) {
	m, event, err := Parse("7\t"+stamp+"\tada\tt\ta\tb\r", TSV)
	require.NoError(t, err)
	require.False(t, event)
	require.Equal(t, Message{Pos: 7, From: "ada", Topic: "t", Line: "a\tb", Time: micro}, m)
	m, event, err = Parse("#joined\t"+stamp+"\tPUBLISHER\tada\tt", TSV)
	require.NoError(t, err)
	require.True(t, event)
	require.Zero(t, m)
	m, event, err = Parse("[GAP 0]", Plain)
	require.NoError(t, err)
	require.False(t, event)
	require.Equal(t, Message{Gap: Unknown}, m)
	_, _, err = Parse("nonsense", Stamped)
	require.ErrorContains(t, err, "expected [TIME FROM NAME] : LINE")
}

// TestReadEndOfOrder: a gap of 0 is what our client prints where a broker has lost its history, in
// each format.
func TestReadEndOfOrder(t *testing.T) {
	for format, line := range map[Format]string{Plain: "[GAP 0]", Stamped: "[GAP 0]", TSV: "#gap\t0", JSON: `{"event":"gap","missing":0}`} {
		got, err := Read(strings.NewReader(line+"\n"), format)
		require.NoError(t, err, format)
		require.Equal(t, []Message{{Gap: Unknown}}, got.Messages, format)
	}
	sum := sha256.Sum256([]byte("[GAP 0]\n"))
	require.Equal(t, hex.EncodeToString(sum[:]), Digest([]Message{{Gap: Unknown}}), "the digest of a plain transcript")
}

func TestReadErrors(t *testing.T) {
	const plain = "line 2: expected [FROM NAME] : LINE, [FROM NAME #TOPIC] : LINE or [GAP n], got "
	for _, test := range []struct {
		format     Format
		line, want string
	}{
		{Plain, "hello", plain + `"hello"`},
		{Plain, "", plain + `""`},
		{Plain, "[FROM ada]: x", plain + `"[FROM ada]: x"`},
		{Plain, "[FROM ] : x", plain + `"[FROM ] : x"`},
		{Plain, "[FROM ada t] : x", plain + `"[FROM ada t] : x"`},
		{Plain, "[FROM ada #] : x", plain + `"[FROM ada #] : x"`},
		{Plain, "[GAP -1]", `line 2: expected how many messages are missing, or 0 where nobody knows, got "-1"`},
		{Stamped, "[FROM ada] : x", `line 2: expected [TIME FROM NAME] : LINE, [TIME FROM NAME #TOPIC] : LINE or [GAP n], got "[FROM ada] : x"`},
		{Stamped, "[now FROM ada] : x", `line 2: expected a time like 2026-11-22T10:15:04.123456Z, got "now"`},
		{TSV, "1\t" + stamp + "\tada\tx", `line 2: expected POSITION, TIME, NAME, TOPIC and LINE with tabs between, or an event, got "1\t2026-11-22T10:15:04.123456Z\tada\tx"`},
		{TSV, "0\t" + stamp + "\tada\t\tx", `line 2: expected a position, from 1, got "0"`},
		{TSV, "1\t2026-11-22T10:15:04Z\tada\t\tx", `line 2: expected a time like 2026-11-22T10:15:04.123456Z, got "2026-11-22T10:15:04Z"`},
		{TSV, "#what\t1", `line 2: expected #joined TIME ROLE NAME TOPIC, #left TIME ROLE NAME TOPIC LINES REASON or #gap N with tabs between, got "#what\t1"`},
		{TSV, "#left\t" + stamp + "\tPUBLISHER\tada\t\tmany\teof", `line 2: expected a number of lines, got "many"`},
		{TSV, "#joined\t" + stamp + "\tGUEST\tada\t", `line 2: expected the role PUBLISHER or SUBSCRIBER, got "GUEST"`},
		{TSV, "#joined\t" + stamp + "\tPUBLISHER\t\t", `line 2: expected the name of who joined or left, got ""`},
		{JSON, `{"pos":1}`, `line 2: expected an object with pos, time, from, topic and line, or with event, got "{\"pos\":1}"`},
		{JSON, `{"event":"gap"}`, `line 2: expected the event joined, left (with lines) or gap (with missing), got "{\"event\":\"gap\"}"`},
		{JSON, `{"event":"what"}`, `line 2: expected the event joined, left (with lines) or gap (with missing), got "{\"event\":\"what\"}"`},
		{JSON, "{\"line\":\"\xff\"}", `line 2: expected UTF-8, got "{\"line\":\"\xff\"}"`},
	} {
		good := map[Format]string{Plain: "[GAP 1]\n", Stamped: "[GAP 1]\n", TSV: "#gap\t1\n", JSON: `{"event":"gap","missing":1}` + "\n"}
		want := strings.ReplaceAll(test.want, "\xff", `\xff`)
		got, err := Read(strings.NewReader(good[test.format]+test.line+"\n"), test.format)
		require.EqualError(t, err, want)
		require.Equal(t, []Message{{Gap: 1}}, got.Messages, "what was read before the error")
	}

	_, err := Read(strings.NewReader("[1]\n"), JSON)
	require.ErrorContains(t, err, "line 1: expected an object with pos")
	_, err = Read(strings.NewReader(""), "xml")
	require.EqualError(t, err, `format "xml": expected plain, stamped, tsv or json`)
	_, err = Read(strings.NewReader(strings.Repeat("x", maxLine+1)), Plain)
	require.EqualError(t, err, "line 1: more than 1048576 bytes without a line feed")

	got, err := Read(strings.NewReader("[FROM a] : x\n[FROM a] : y"), Plain)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.EqualError(t, err, "line 2: ends without a line feed: unexpected EOF")
	require.Len(t, got.Messages, 1)

	broken := fmt.Errorf("broken disk")
	_, err = Read(io.MultiReader(strings.NewReader("[FROM a] : x"), iotest.ErrReader(broken)), Plain)
	require.ErrorIs(t, err, broken)
}

func TestDigestIsThatOfThePlainTranscript(t *testing.T) {
	const text = "[FROM ada] : hello\n[FROM bob #t.b] : \n[GAP 3]\n[FROM ada] : cr\r\r\n"
	transcript, err := Read(strings.NewReader(text), Plain)
	require.NoError(t, err)
	sum := sha256.Sum256([]byte(text))
	require.Equal(t, hex.EncodeToString(sum[:]), Digest(transcript.Messages))
	require.Equal(t, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", Digest(nil))
}

// render writes a transcript as a server would.
func render(transcript Transcript, format Format) string {
	var b strings.Builder
	for _, e := range transcript.Events {
		b.WriteString(renderEvent(e, format))
	}
	for _, m := range transcript.Messages {
		plain := string(appendPlain(nil, m))
		at := time.UnixMicro(m.Time).UTC().Format("2006-01-02T15:04:05.000000Z")
		end := "\n"
		if strings.HasSuffix(m.Line, "\r") {
			end = "\r\n"
		}
		switch {
		case m.Gap != 0 && format == TSV:
			fmt.Fprintf(&b, "#gap\t%d\n", max(0, m.Gap))
		case m.Gap != 0 && format == JSON:
			fmt.Fprintf(&b, `{"event":"gap","missing":%d}`+"\n", max(0, m.Gap))
		case m.Gap != 0 || format == Plain:
			b.WriteString(plain)
		case format == Stamped:
			b.WriteString("[" + at + " " + plain[1:])
		case format == TSV:
			fmt.Fprintf(&b, "%d\t%s\t%s\t%s\t%s%s", m.Pos, at, m.From, m.Topic, m.Line, end)
		case format == JSON:
			line, _ := json.Marshal(map[string]any{"pos": m.Pos, "time": at, "from": m.From, "topic": m.Topic, "line": m.Line})
			b.Write(append(line, '\n'))
		}
	}
	return b.String()
}

func renderEvent(e Event, format Format) string {
	if format == JSON {
		line, _ := json.Marshal(map[string]any{"event": e.Kind, "time": stamp, "role": e.Role, "name": e.Name, "lines": e.Lines, "reason": e.Reason})
		return string(line) + "\n"
	}
	text := "#" + e.Kind + "\t" + stamp + "\t" + e.Role + "\t" + e.Name + "\t"
	if e.Kind == "left" {
		text += fmt.Sprintf("\t%d\t%s", e.Lines, e.Reason)
	}
	return text + "\n"
}

// FuzzRead checks that what was read and is written again reads the same, however it is cut into
// blocks, and that the digest is that of a plain transcript.
func FuzzRead(f *testing.F) {
	formats := []Format{Plain, Stamped, TSV, JSON}
	for n, format := range formats {
		f.Add(uint8(n), render(Transcript{Messages: []Message{
			{Pos: 1, From: "ada", Line: "] : x\t"}, {Pos: 2, From: "[::1]:5000", Topic: "a.b", Line: "\r\r"}, {Gap: 7}, {Pos: 9, From: "b", Line: ""},
		}}, format))
	}
	f.Add(uint8(2), "#joined\t"+stamp+"\tPUBLISHER\tada\tt\n#left\t"+stamp+"\tPUBLISHER\tada\tt\t4\tterminate\n")
	f.Add(uint8(3), `{"event":"left","time":"`+stamp+`","role":"SUBSCRIBER","name":"s","lines":9,"reason":"eof"}`+"\n")
	f.Fuzz(func(t *testing.T, n uint8, text string) {
		format := formats[int(n)%len(formats)]
		got, err := Read(strings.NewReader(text), format)
		slow, slowErr := Read(iotest.OneByteReader(strings.NewReader(text)), format)
		require.Equal(t, got, slow)
		require.Equal(t, fmt.Sprint(err), fmt.Sprint(slowErr))
		if format == JSON && !utf8.ValidString(text) {
			require.Error(t, err)
		}
		again, err := Read(strings.NewReader(render(got, format)), format)
		require.NoError(t, err)
		require.Equal(t, got, again)
		if format == Plain {
			sum := sha256.Sum256([]byte(render(got, Plain)))
			require.Equal(t, hex.EncodeToString(sum[:]), Digest(got.Messages))
		}
	})
}
