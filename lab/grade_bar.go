package main

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/schollz/progressbar/v3"

	"pubsublab/lab/internal/term"
)

func colourful(f *os.File) bool { return term.Moves(f) && os.Getenv("NO_COLOR") == "" }

// gradeBar shows how far the grading is, on a terminal. Its methods may be called concurrently.
type gradeBar struct {
	mu   sync.Mutex
	bar  *progressbar.ProgressBar // nil elsewhere
	done []int                    // checks of each submission
	of   int
	text int // how many columns say what is tried
}

// columns is how many of a terminal are left for what is tried, beside the bar itself.
func columns(width int) int { return min(max(width-38, 0), 42) }

func newGradeBar(out *os.File, submissions int) *gradeBar {
	b := &gradeBar{done: make([]int, submissions), text: columns(term.Width(out))}
	if term.Moves(out) {
		b.bar = progressbar.NewOptions(1, progressbar.OptionSetWriter(io.Writer(out)), progressbar.OptionSetWidth(16),
			progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetDescription(fmt.Sprintf("%-*.*s", b.text, b.text, "starting")))
	}
	return b
}

func (b *gradeBar) step(done, of int, next string) { b.part(0, "")(done, of, next) }

// part is the progress of one of several submissions.
func (b *gradeBar) part(i int, name string) func(done, of int, next string) {
	return func(done, of int, next string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.bar == nil || next == "" {
			return
		}
		b.done[i], b.of = done, of
		total := 0
		for _, n := range b.done {
			total += n
		}
		b.bar.ChangeMax(of * len(b.done))
		if name != "" {
			next = name + ": " + next
		}
		b.bar.Describe(fmt.Sprintf("%-*.*s", b.text, b.text, next)) // so that the bar stays where it is, on one line
		_ = b.bar.Set(total)
	}
}

func (b *gradeBar) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}
