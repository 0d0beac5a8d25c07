package report

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/history"
)

// began is when the runs of the tests began.
const began = int64(1_795_342_504_000_000)

// second is a time of such a run.
func second(s float64) int64 { return began + int64(s*1e6) }

// example is a run of a publisher, a broker and two subscribers: line n gets its place after n
// seconds, and arrives a millisecond later. The broker is killed after 2.5 s and comes back, and s2
// misses what hostile says.
func example(lines ...string) Run {
	r := Run{
		Title: "compose.yaml", Runtime: "processes", Began: began, Ended: second(float64(len(lines)) + 2),
		Nodes: []Node{{"publisher-1", "publisher", "ada"}, {"server", "broker", ""}, {"s1", "subscriber", ""}, {"s2", "subscriber", ""}},
		Events: []Event{
			{second(2.5), Fault, "server", "was killed from the page"}, {second(2.51), Died, "server", "was killed by SIGKILL"},
			{second(2.8), Back, "server", "runs again"}, {second(4), Told, "", "a remark"},
		},
		Verdict: Verdict{Level: "good", Headline: "Nothing lost, although server was killed.", Notes: []string{"a note\nof two lines"}},
		History: history.History{
			Publishers:  []history.Publisher{{Name: "ada", Topic: "t", Acked: len(lines), Sent: lines}},
			Subscribers: []history.Subscriber{{Name: "s1", FromFirst: true, ToEnd: true}, {Name: "s2", FromFirst: true, ToEnd: true}},
		},
	}
	for i := range r.Subscribers {
		for n, line := range lines {
			at := second(float64(n + 1))
			m := history.Message{Pos: uint64(n + 1), From: "ada", Topic: "t", Line: line, Time: at, Arrived: at + 1000}
			r.Subscribers[i].Received = append(r.Subscribers[i].Received, m)
		}
	}
	return r
}

// A run that was kept is the one that is loaded, whatever bytes are in it.
func TestSaveAndLoad(t *testing.T) {
	r := example("one", "\xff\x00<&>\u2028", "base64:", "")
	r.Others = true
	r.Subscribers[1].Received[1] = history.Message{Gap: history.Unknown}
	folder := filepath.Join(t.TempDir(), "lab-report", "of a test")
	for range 2 { // the second time, the files are there
		require.NoError(t, Write(folder, r))
		file, err := os.Open(filepath.Join(folder, RunFile))
		require.NoError(t, err)
		loaded, err := Load(file)
		require.NoError(t, err)
		require.NoError(t, file.Close())
		require.Equal(t, r, loaded)
	}
	page, err := os.ReadFile(filepath.Join(folder, PageFile))
	require.NoError(t, err)
	assert.Contains(t, string(page), "<!DOCTYPE html>")
}

func TestLoadErrors(t *testing.T) {
	for text, says := range map[string]string{
		"":                 "expected a run as lab up keeps it: EOF",
		"{\"version\": 1}": "the run is of version 1, expected 2",
		`{"version": 2, "publishers": [{"name": "a"}, {"name": "a"}]}`: `two publishers are named "a"`,
		`{"version": 2, "lines": 3}`:                                   `unknown field "lines"`,
	} {
		_, err := Load(strings.NewReader(text))
		assert.ErrorContains(t, err, says)
	}
}

// A large run is cut around its first fault, and what is left can be judged.
func TestCut(t *testing.T) {
	var lines []string
	for range 500 {
		lines = append(lines, "the same", strings.Repeat("x", 300))
	}
	r := example(lines...)
	r.Events = []Event{{second(600.5), Fault, "server", "was frozen"}}
	var whole bytes.Buffer
	require.NoError(t, save(&whole, r))

	cut := r.cut(100_000)
	require.NotNil(t, cut.Cut)
	assert.Equal(t, 2000, cut.Cut.Received)
	assert.Less(t, cut.Cut.From, second(600))
	assert.Greater(t, cut.Cut.To, second(601))
	var kept bytes.Buffer
	require.NoError(t, save(&kept, cut))
	assert.Less(t, kept.Len(), 120_000)
	assert.Greater(t, whole.Len(), 2*kept.Len())
	report := history.Check(cut.History)
	assert.Equal(t, len(cut.Subscribers[0].Received), report.Lines)
	assert.True(t, report.OK(), "%s", report)
	assert.Greater(t, len(cut.Publishers[0].Sent), 50)
	assert.Len(t, r.Publishers[0].Sent, 1000, "the run itself is as it was")

	s := &cut.Subscribers[1]
	s.Received = append(s.Received[:20:20], s.Received[21:]...)
	assert.Equal(t, map[history.Kind]int{history.Lost: 1}, history.Check(cut.History).Counts)
	assert.Nil(t, r.cut(1<<20).Cut)
}

// Times of arrival are those of the lines that a subscriber wrote: by their places, or else by their
// numbers.
func TestRecorder(t *testing.T) {
	r := NewRecorder()
	r.Arrived("s2", history.JSON, `{"pos":1}`) // from the run before
	r.Add(Back, "s2", "runs again")
	for _, line := range []string{"#joined\tx", "3\t2026-11-22T10:15:04.000000Z\tada\t\tx", "#gap\t1", "torn"} {
		r.Arrived("s1", history.TSV, line)
	}
	for _, line := range []string{`{"event":"joined"}`, `{"pos":1}`, `{"event":"gap","missing":1}`} {
		r.Arrived("s2", history.JSON, line)
	}
	r.Arrived("s3", history.Plain, "[FROM a] : #x")
	r.Fault("server", "was frozen")
	var h history.History
	for _, name := range []string{"s1", "s2", "s3"} {
		received := []history.Message{{Pos: 2, Time: began - 1}, {Pos: 3, Time: began - 1}, {Pos: 3, Time: began}, {Gap: 1}}
		h.Subscribers = append(h.Subscribers, history.Subscriber{Name: name, Received: received})
	}
	run := r.Run(h)
	for i, want := range [][]bool{{2: true, 3: false}, {true, true, false, false}, {true, 3: false}} {
		var known []bool
		for _, m := range run.Subscribers[i].Received {
			known = append(known, m.Arrived >= run.Began && m.Arrived <= run.Ended)
		}
		assert.Equal(t, want, known, run.Subscribers[i].Name)
	}
	require.Len(t, run.Events, 2)
	assert.Equal(t, Event{run.Events[1].At, Fault, "server", "was frozen"}, run.Events[1])

	var none *Recorder
	none.Fault("server", "was frozen")
	none.Arrived("s1", history.Plain, "x")
}
