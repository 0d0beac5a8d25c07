package protocol

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stamp is a time of another zone, with more digits than are sent.
var stamp = time.Date(2026, 11, 22, 12, 15, 4, 123456789, time.FixedZone("", 2*60*60))

func TestP8P13Messages(t *testing.T) {
	for _, c := range []struct {
		topic, lines string
		want         [4]string
	}{
		{"", "hello\n", [4]string{
			"[FROM ada] : hello\n",
			"[2026-11-22T10:15:04.123456Z FROM ada] : hello\n",
			"7\t2026-11-22T10:15:04.123456Z\tada\t\thello\n",
			`{"pos":7,"time":"2026-11-22T10:15:04.123456Z","from":"ada","topic":"","line":"hello"}` + "\n",
		}},
		{"news.sea", "a\n\n", [4]string{
			"[FROM ada #news.sea] : a\n[FROM ada #news.sea] : \n",
			"[2026-11-22T10:15:04.123456Z FROM ada #news.sea] : a\n[2026-11-22T10:15:04.123456Z FROM ada #news.sea] : \n",
			"7\t2026-11-22T10:15:04.123456Z\tada\tnews.sea\ta\n8\t2026-11-22T10:15:04.123456Z\tada\tnews.sea\t\n",
			`{"pos":7,"time":"2026-11-22T10:15:04.123456Z","from":"ada","topic":"news.sea","line":"a"}` + "\n" +
				`{"pos":8,"time":"2026-11-22T10:15:04.123456Z","from":"ada","topic":"news.sea","line":""}` + "\n",
		}},
		{"", "\ta\tb \r\n\r\n", [4]string{
			"[FROM ada] : \ta\tb \r\r\n[FROM ada] : \r\r\n",
			"[2026-11-22T10:15:04.123456Z FROM ada] : \ta\tb \r\r\n[2026-11-22T10:15:04.123456Z FROM ada] : \r\r\n",
			"7\t2026-11-22T10:15:04.123456Z\tada\t\t\ta\tb \r\r\n8\t2026-11-22T10:15:04.123456Z\tada\t\t\r\r\n",
			`{"pos":7,"time":"2026-11-22T10:15:04.123456Z","from":"ada","topic":"","line":"\ta\tb \r"}` + "\n" +
				`{"pos":8,"time":"2026-11-22T10:15:04.123456Z","from":"ada","topic":"","line":"\r"}` + "\n",
		}},
	} {
		b := &Batch{Pos: 7, Time: stamp, From: "ada", Topic: c.topic, Lines: []byte(c.lines), Count: strings.Count(c.lines, "\n")}
		for format, want := range c.want {
			got := Format(format).AppendBatch([]byte("kept"), b)
			assert.Equal(t, "kept"+want, string(got), "P8, P13: %s", Format(format))
		}
	}
}

func TestP13TimesHaveOneWidth(t *testing.T) {
	for _, at := range []time.Time{time.Unix(0, 0), time.Unix(1, 999), stamp} {
		line := Stamped.AppendMessage(nil, &Message{Time: at, From: "a"})
		assert.Len(t, line, len("[2026-11-22T10:15:04.123456Z FROM a] : \n"), "P13: %s", line)
	}
}

func TestP12P13Events(t *testing.T) {
	joined := &Event{Kind: Joined, Time: stamp, Role: Publisher, Name: "ada", Topic: "news"}
	left := &Event{Kind: Left, Time: stamp, Role: Subscriber, Name: "[::1]:9", Lines: 17, Reason: ReasonEOF}
	gap := &Event{Kind: Gap, Missing: 5}
	for _, c := range []struct {
		event *Event
		want  [4]string
	}{
		{joined, [4]string{
			"", "",
			"#joined\t2026-11-22T10:15:04.123456Z\tPUBLISHER\tada\tnews\n",
			`{"event":"joined","time":"2026-11-22T10:15:04.123456Z","role":"PUBLISHER","name":"ada","topic":"news"}` + "\n",
		}},
		{left, [4]string{
			"", "",
			"#left\t2026-11-22T10:15:04.123456Z\tSUBSCRIBER\t[::1]:9\t\t17\teof\n",
			`{"event":"left","time":"2026-11-22T10:15:04.123456Z","role":"SUBSCRIBER","name":"[::1]:9","topic":"","lines":17,"reason":"eof"}` + "\n",
		}},
		{gap, [4]string{"[GAP 5]\n", "[GAP 5]\n", "#gap\t5\n", `{"event":"gap","missing":5}` + "\n"}},
	} {
		for format, want := range c.want {
			got := Format(format).AppendEvent([]byte("kept"), c.event)
			assert.Equal(t, "kept"+want, string(got), "P12, P13: %s", Format(format))
			if format == int(JSON) {
				assert.True(t, json.Valid(got[4:]))
			}
		}
	}
}

type jsonMessage struct {
	Pos   uint64 `json:"pos"`
	Time  string `json:"time"`
	From  string `json:"from"`
	Topic string `json:"topic"`
	Line  string `json:"line"`
}

// readJSON reads lines of JSON strictly.
func readJSON(t testing.TB, rendered []byte) (messages []jsonMessage) {
	for line := range bytes.Lines(rendered) {
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		var m jsonMessage
		require.NoError(t, d.Decode(&m), "P13: %q", line)
		require.EqualValues(t, len(line)-1, d.InputOffset(), "one object and nothing else")
		messages = append(messages, m)
	}
	return messages
}

func TestP13JSONOfOddCharacters(t *testing.T) {
	var odd []string
	for c := rune(1); c < 0x180; c++ {
		if c != '\n' {
			odd = append(odd, "a"+string(c)+"b", string(c))
		}
	}
	odd = append(odd, "\u2028\u2029", "\ufeff", "\ufffd", "\U0001f600", `\"`, `\u0041`, "</script>&", "\x1b[2J", "\x7f\x7f\"\"")
	lines := []byte(strings.Join(odd, "\n") + "\n")
	rendered := JSON.AppendBatch(nil, &Batch{Pos: 1, Time: stamp, From: "a\"\\", Topic: "é", Lines: lines, Count: len(odd)})
	got := readJSON(t, rendered)
	require.Len(t, got, len(odd))
	for i, m := range got {
		require.Equal(t, jsonMessage{uint64(i + 1), "2026-11-22T10:15:04.123456Z", "a\"\\", "é", odd[i]}, m, "P13")
	}
	for _, c := range rendered {
		require.True(t, c == '\n' || c >= ' ' && c != 0x7f, "control characters are escaped, so that a terminal is safe")
	}
}
