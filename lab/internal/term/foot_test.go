package term

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// screen is what a terminal shows that was sent this.
func screen(sent string) (lines []string) {
	lines, row := []string{""}, 0
	for sent != "" {
		switch {
		case strings.HasPrefix(sent, "\x1b[A"):
			row, sent = row-1, sent[3:]
		case strings.HasPrefix(sent, "\x1b[K"):
			lines[row], sent = "", sent[3:]
		case sent[0] == '\n':
			row, sent = row+1, sent[1:]
			if row == len(lines) {
				lines = append(lines, "")
			}
		default:
			text, rest, _ := strings.Cut(sent, "\n")
			if at := strings.Index(text, "\x1b"); at >= 0 {
				text, rest = text[:at], sent[at:]
			} else if len(text) < len(sent) {
				rest = "\n" + rest
			}
			lines[row], sent = lines[row]+text, rest
		}
	}
	return lines
}

// What was printed stands above what was kept in sight, of which only the last line is left.
func TestFoot(t *testing.T) {
	var out bytes.Buffer
	f := NewFoot(&out, "begins")
	f.Set(10, []string{"one of the lines", "two"}, "goes on")
	f.Print("a line with 100% in it, that is longer than the terminal is wide")
	f.Set(10, []string{"two"}, "goes on")
	f.Print("")
	f.Print("the last")
	f.Close("ended")
	require.Equal(t, []string{"a line with 100% in it, that is longer than the terminal is wide", "", "the last", "ended", ""}, screen(out.String()))
}

// The foot is drawn again below each line.
func TestFootStays(t *testing.T) {
	out := &watched{drawn: make(chan string, 100)}
	f := NewFoot(out, "begins")
	await := func(want ...string) {
		t.Helper()
		for {
			out.all += <-out.drawn
			if got := screen(out.all); len(got) == len(want)+1 && strings.Join(got, "\n") == strings.Join(want, "\n")+"\n" {
				return
			}
		}
	}
	f.Set(12, []string{"kept in sight, cut"}, "0 of 2")
	await("kept in sigh", "0 of 2")
	f.Print("1")
	f.Set(12, []string{"more", "kept in sight"}, "1 of 2")
	await("1", "more", "kept in sigh", "1 of 2")
	f.Print("2")
	f.Set(12, []string{"kept"}, "2 of 2")
	await("1", "2", "kept", "2 of 2")
	f.Close("")
}

// watched tells what is written to it.
type watched struct {
	drawn chan string
	all   string
}

func (w *watched) Write(p []byte) (int, error) {
	w.drawn <- string(p)
	return len(p), nil
}
