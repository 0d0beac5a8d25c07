package spacetime

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLanes(t *testing.T) {
	d := newDiagram([]Step{
		{Kind: Connects, From: "subscriber 10", To: "server"},
		{Kind: Connects, From: "subscriber 2", To: "server"},
		{Kind: Connects, From: "the client, a publisher", To: "server"},
	})
	var names []string
	for i, l := range d.Lanes {
		names = append(names, l.Name)
		if i > 0 {
			assert.GreaterOrEqual(t, l.X-d.Lanes[i-1].X, nearest)
			assert.Equal(t, l.Name, l.Short)
		}
	}
	assert.Equal(t, []string{"the client, a publisher", "server", "subscriber 2", "subscriber 10"}, names)
}

func TestLongWaitIsMarked(t *testing.T) {
	send := func(at time.Duration) Step {
		return Step{At: at, Kind: Sends, From: "publisher 1", To: "server", Data: []byte("x")}
	}
	d := newDiagram([]Step{send(time.Second), send(time.Second), send(time.Second + longWait - 1), send(5 * time.Second)})
	require.Len(t, d.Gaps, 1)
	assert.Equal(t, "+ 3.5 s", d.Gaps[0].Text)
	assert.Greater(t, d.Gaps[0].Y, d.Rows[2].Y)
	assert.Less(t, d.Gaps[0].Y, d.Rows[3].Y)
	assert.Equal(t, []string{"1.000 s", "", "1.500 s", "5.000 s"}, []string{d.Rows[0].Time, d.Rows[1].Time, d.Rows[2].Time, d.Rows[3].Time})
}

func TestLifelineEnds(t *testing.T) {
	slice := []Step{
		{Kind: Connects, From: "publisher 1", To: "server"},
		{Kind: Exits, From: "server", Data: []byte("with exit code 1")},
		{Kind: Closes, From: "server", To: "publisher 1"},
		{Kind: Prints, From: "publisher 1", Data: []byte("connection lost")},
	}
	d := newDiagram(slice)
	assert.Equal(t, d.Rows[1].Y, d.Lanes[1].Bottom, "the server ended, and its lifeline goes on")
	assert.Equal(t, d.Height, d.Lanes[0].Bottom)
	d = newDiagram(append(slice, Step{Kind: Connects, From: "publisher 1", To: "server"}))
	assert.Equal(t, d.Height, d.Lanes[1].Bottom, "the server came back, and its lifeline does not")
}

// Whatever is drawn stays on the paper.
func TestTextsFit(t *testing.T) {
	for _, participants := range []int{1, 2, 3, 5, 12} {
		var slice []Step
		name := func(i int) string { return "subscriber " + strings.Repeat("1", i+1) }
		for i := range participants {
			for _, kind := range []Kind{Sends, Missing, Prints, Exits, Notes} {
				s := Step{Kind: kind, From: name(i), Data: []byte(strings.Repeat("long ", 100))}
				if kind == Sends || kind == Missing {
					s.To = name((i + 1) % participants)
				}
				if kind == Notes {
					s.From = ""
				}
				slice = append(slice, s)
			}
		}
		d := newDiagram(slice)
		for _, row := range d.Rows {
			width := glyph * utf8.RuneCountInString(row.Text)
			left := map[string]int{"start": row.TextX, "middle": row.TextX - width/2, "end": row.TextX - width}[row.Anchor]
			assert.GreaterOrEqual(t, left, gutter, "%d participants, %q", participants, row.Text)
			assert.LessOrEqual(t, left+width, d.Width, "%d participants, %q", participants, row.Text)
			assert.Less(t, row.Y, d.Height)
		}
	}
}

func TestShorten(t *testing.T) {
	assert.Equal(t, "12345", Shorten("12345", 5))
	assert.Equal(t, "12…56", Shorten("123456", 5))
	assert.Equal(t, "äö…üß", Shorten("äöxxüß", 5))
	assert.Equal(t, "…", Shorten("123456", 1))
}

func TestLastLineOfOutputIsShown(t *testing.T) {
	d := newDiagram([]Step{{Kind: Prints, From: "server", Data: []byte("Traceback\n  line 1\nKeyError: 'x'\n")}})
	assert.Equal(t, `prints … "KeyError: 'x'\n"`, d.Rows[0].Text)
	assert.Equal(t, "server prints\n    \"Traceback\\n\"\n    \"  line 1\\n\"\n    \"KeyError: 'x'\\n\"", d.Rows[0].Sentence)
}
