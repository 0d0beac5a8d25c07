package term

import (
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
	"github.com/jedib0t/go-pretty/v6/text"
)

// footPause is how often a foot is drawn again.
const footPause = 100 * time.Millisecond

// A Foot keeps some lines at the lower end of a terminal, below what scrolls. Nobody else may write
// to that terminal until Close. All methods may be called concurrently.
type Foot struct {
	writer progress.Writer
	last   *progress.Tracker // the lowest line: the writer shows the others only above such a one
	draws  chan struct{}     // receives when it is drawn
	ended  chan struct{}     // closed once nothing more is drawn
}

// NewFoot begins with a foot of one line on out, a terminal that [Moves].
func NewFoot(out io.Writer, last string) *Foot {
	f := &Foot{writer: progress.NewWriter(), last: &progress.Tracker{Message: last}, draws: make(chan struct{}), ended: make(chan struct{})}
	f.writer.SetOutputWriter(drawing{out, f.draws})
	f.writer.SetAutoStop(true)
	f.writer.SetUpdateFrequency(footPause)
	f.writer.SetTrackerPosition(progress.PositionRight)
	style := f.writer.Style()
	style.Visibility = progress.StyleVisibility{Pinned: true}
	style.Options = progress.StyleOptions{}
	f.writer.AppendTracker(f.last)
	go func() {
		defer close(f.ended)
		f.writer.Render()
	}()
	return f
}

// Print shows a line that scrolls. It is taken as it is.
func (f *Foot) Print(line string) { f.writer.Log(line) }

// Set shows other lines at the foot, cut to so many columns. None may begin with a space.
func (f *Foot) Set(columns int, lines []string, last string) {
	cut := make([]string, len(lines))
	for i, line := range lines {
		cut[i] = text.Trim(line, columns)
	}
	f.writer.SetPinnedMessages(cut...)
	f.last.UpdateMessage(text.Trim(last, columns))
}

// Close leaves last in the foot's place, below all that was printed, and returns once that is
// drawn.
func (f *Foot) Close(last string) {
	f.writer.SetPinnedMessages()
	f.last.UpdateMessage(last)
	for range 2 { // the first may have begun before; what was printed is drawn below a last line that is done
		<-f.draws
	}
	f.last.MarkAsDone()
	<-f.ended
}

// drawing tells whoever waits for it that something was drawn.
type drawing struct {
	io.Writer
	draws chan struct{}
}

func (d drawing) Write(p []byte) (int, error) {
	n, err := d.Writer.Write(p)
	select {
	case d.draws <- struct{}{}:
	default:
	}
	return n, err
}
