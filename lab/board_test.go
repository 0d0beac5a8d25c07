package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/topology"
)

// boardTest is a board of compose.yaml's demo that writes to a text, 79 columns wide.
type boardTest struct {
	*board
	out *strings.Builder
}

func newBoardTest(t *testing.T, change func(*topology.Topology)) *boardTest {
	t.Helper()
	topo, err := topology.Load("../compose.yaml")
	require.NoError(t, err)
	if change != nil {
		change(topo)
	}
	out := new(strings.Builder)
	none := func(string) *topology.Node { return nil }
	return &boardTest{newBoard(out, topo, func() int { return 79 }, none, func(error) {}), out}
}

// receives is a message that a subscriber prints, at this second.
func (b *boardTest) receives(node string, pos int, from, topic, line string) {
	b.line(topology.Line{Node: node, Role: topology.Subscriber,
		Text: fmt.Sprintf("%d\t2026-11-22T10:15:%02d.000000Z\t%s\t%s\t%s", pos, pos, from, topic, line)})
}

// shown is what was printed since the last time.
func (b *boardTest) shown(t *testing.T) []string {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(b.out.String(), "\n"), "\n")
	for _, line := range lines {
		assert.LessOrEqual(t, text.StringWidthWithoutEscSequences(line), 79, "%q", line)
	}
	b.out.Reset()
	return lines
}

// One line for one message, with who has it, once all have it or too many are open.
func TestBoardMessages(t *testing.T) {
	b := newBoardTest(t, nil)
	b.receives("subscriber-2", 1, "keeper", "sea.light", "Lamp lit.")
	assert.Empty(t, b.out.String(), "somebody has not got it")
	b.receives("subscriber-1", 1, "keeper", "sea.light", "Lamp lit.")
	b.receives("subscriber-1", 2, "cook", "", strings.Repeat("long ", 30)+"\x1b[2J")
	b.receives("subscriber-2", 2, "cook", "", strings.Repeat("long ", 30)+"\x1b[2J")
	assert.Equal(t, []string{
		"    1 keeper  Lamp lit." + strings.Repeat(" ", 51) + "  1 2",
		"    2 cook    long long long long long long long long long long long long…  1 2",
	}, b.shown(t))

	for pos := 3; pos < 3+openMost+2; pos++ {
		b.receives("subscriber-1", pos, "a-guest-with-a-long-name", "", fmt.Sprint("line ", pos))
	}
	shown := b.shown(t)
	require.Len(t, shown, 2, "the oldest make room")
	assert.Equal(t, "    3 a-guest…  line 3"+strings.Repeat(" ", 52)+"  1 ·", shown[0])
	assert.Equal(t, "1 subscriber-1 has 10 · 2 subscriber-2 has 2, 8 behind", b.legend())
	assert.Equal(t, "10 of 80 lines. Ctrl+C ends it.", b.progress())
	b.receives("subscriber-2", 3, "a-guest-with-a-long-name", "", "line 3") // which is not shown again
	b.receives("subscriber-2", 6, "a-guest-with-a-long-name", "", "line 6")
	assert.Equal(t, "1 subscriber-1 has 10 · 2 subscriber-2 has 4, 6 behind", b.legend())
	assert.Empty(t, b.out.String())
	b.stop()
	shown = b.shown(t)
	require.Len(t, shown, openMost)
	assert.True(t, strings.HasSuffix(shown[0], "  1 ·"), "%q", shown[0])
	assert.True(t, strings.HasSuffix(shown[1], "  1 2"), "%q", shown[1])
}

// A subscriber has what its filter lets through, and from when it has come.
func TestBoardFilters(t *testing.T) {
	b := newBoardTest(t, func(topo *topology.Topology) {
		topo.Spec("subscriber-2").Args = append(topo.Spec("subscriber-2").Args, "rail.>")
		late := topo.Spec("subscriber-1").Clone("late")
		late.SetFlag("from", "new")
		topo.Add(late)
	})
	b.receives("subscriber-1", 1, "keeper", "sea.light", "one")
	b.receives("subscriber-1", 2, "cook", "rail.kitchen", "two")
	b.receives("subscriber-2", 2, "cook", "rail.kitchen", "two")
	b.receives("late", 3, "keeper", "sea.light", "three")
	b.receives("subscriber-1", 3, "keeper", "sea.light", "three")
	b.receives("subscriber-1", 4, "keeper", "sea.light", "four")
	b.stop()
	shown := b.shown(t)
	require.Len(t, shown, 4)
	for i, marks := range []string{"  1    ", "  1 2  ", "  1   3", "  1   ·"} {
		assert.True(t, strings.HasSuffix(shown[i], marks), "%q", shown[i])
	}
}

// What is no message stays a line of its node's, and what was said is said again.
func TestBoardLines(t *testing.T) {
	b := newBoardTest(t, nil)
	b.invite("Join in.")
	for _, text := range []string{"10:15:04  publisher added   ada (127.0.0.1:51240)     1 publisher", "registered as SUBSCRIBER x"} {
		b.line(topology.Line{Node: "server", Role: topology.Broker, Stderr: true, Text: text})
	}
	b.line(topology.Line{Node: "nats-1", Role: topology.Stream, Stderr: true, Text: "[INF] chatter"})
	for _, text := range []string{"#joined\t2026-11-22T10:15:04.123456Z\tPUBLISHER\tada\t", "#gap\t0", "#gap\t1", "no tsv \x07"} {
		b.line(topology.Line{Node: "subscriber-1", Role: topology.Subscriber, Text: text})
	}
	b.tell("server", bad, strings.Repeat("was killed ", 10))
	assert.Equal(t, []string{
		"Join in.",
		"server  10:15:04  publisher added  ada (127.0.0.1:51240)  1 publisher",
		"subscriber-1 is told that nobody knows how many messages are missing here",
		"subscriber-1 is told that 1 message is missing here",
		`subscriber-1  no tsv \x07`,
		"✘ server was killed was killed was killed was killed was killed was killed was",
		"  killed was killed was killed was killed",
	}, b.shown(t))
	for pos := 1; pos <= inviteEvery; pos++ {
		b.receives("subscriber-1", pos, "cook", "", "")
		b.receives("subscriber-2", pos, "cook", "", "")
	}
	shown := b.shown(t)
	assert.Equal(t, "Join in.", shown[len(shown)-1])
}

// Many subscribers are counted, and only those who are behind are named.
func TestBoardCrowd(t *testing.T) {
	b := newBoardTest(t, func(topo *topology.Topology) {
		for i := 3; i <= maxMarks+1; i++ {
			topo.Add(topo.Spec("subscriber-1").Clone(fmt.Sprint("subscriber-", i)))
		}
	})
	for i := 1; i <= maxMarks; i++ {
		b.receives(fmt.Sprint("subscriber-", i), 1, "cook", "", "x")
	}
	assert.Equal(t, "13 subscriber-13 is 1 behind", b.legend())
	b.receives("subscriber-13", 1, "cook", "", "x")
	assert.Equal(t, "13 subscribers, none is behind", b.legend())
	shown := b.shown(t)
	require.Len(t, shown, 1)
	assert.True(t, strings.HasSuffix(shown[0], "  13/13"), "%q", shown[0])
}

// --pace is the time between two lines of a script, also of one that had none to wait.
func TestPace(t *testing.T) {
	for pace, want := range map[time.Duration]string{0: "0", time.Second: "1", 250 * time.Millisecond: "4", 3 * time.Second: "0.333333"} {
		topo, err := topology.Load("../compose.yaml")
		require.NoError(t, err)
		(&up{Pace: &pace, Show: "messages"}).prepare(topo, nil, nil)
		rate, _ := topo.Spec("publisher-1").Flag("rate")
		assert.Equal(t, want, rate)
		format, _ := topo.Spec("subscriber-2").Flag("format")
		assert.Equal(t, "tsv", format, "the board wants positions")
	}
	before, err := topology.Load("../compose.yaml")
	require.NoError(t, err)
	(&up{Show: "nodes"}).prepare(before, nil, nil)
	rate, _ := before.Spec("publisher-1").Flag("rate")
	assert.Equal(t, "3", rate, "the file's")
	negative := -time.Second
	assert.ErrorContains(t, (&up{Pace: &negative}).Validate(), "--pace is -1s, expected 0 or more")
}

// At a terminal, what is open and how to join in stay in sight below what scrolls.
func TestBoardFoot(t *testing.T) {
	topo, err := topology.Load("../compose.yaml")
	require.NoError(t, err)
	d := &demo{t: t, changed: make(chan struct{})}
	b := &boardTest{board: newBoard(d, topo, func() int { return 79 }, func(string) *topology.Node { return nil }, func(error) {})}
	b.moves = true
	b.invite("Join in.")
	b.receives("subscriber-2", 1, "keeper", "sea.light", "Lamp lit.")
	d.waitFor("▸   1 keeper  Lamp lit." + strings.Repeat(" ", 51) + "  · 2\n" + strings.Repeat("─", 79) +
		"\n1 subscriber-1 has 0, 1 behind · 2 subscriber-2 has 1\nJoin in.\n1 of 80 lines. Ctrl+C ends it.\n")
	b.receives("subscriber-1", 1, "keeper", "sea.light", "Lamp lit.")
	b.stop()
	d.mu.Lock()
	defer d.mu.Unlock()
	assert.True(t, strings.HasSuffix(d.output.String(), "\x1b[A\x1b[K\n"), "the foot is gone")
	assert.Contains(t, d.output.String(), "\x1b[K    1 keeper  Lamp lit."+strings.Repeat(" ", 51)+"  1 2\n")
}
