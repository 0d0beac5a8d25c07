package checks

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/recorder"
	"pubsublab/lab/grade/harness/runner"
)

// What is a flood: so much is shown in so long while nobody types anything.
const (
	floodTime  = 300 * time.Millisecond
	floodBytes = 4 << 10
)

// flooding returns which of some outputs goes on and on while nobody types, and what it goes on with; -1 for
// none. Of several it is the last.
func flooding(ctx context.Context, outputs ...*recorder.Recorder) (which int, more []byte) {
	before := make([]int, len(outputs))
	for i, output := range outputs {
		before[i] = output.Len()
	}
	harness.Pause(ctx, floodTime)
	for i, output := range slices.Backward(outputs) {
		data := output.Bytes()
		if more = data[before[i]:]; len(more) >= floodBytes {
			return i, more
		}
		if len(data) >= runner.OutputLimit { // it is full
			return i, data[len(data)-floodBytes:]
		}
	}
	return -1, nil
}

// flood is that the server, or a client that is there, goes on and on showing something while nobody types;
// nil when none does.
func flood(ctx context.Context, r *harness.ServerRun, clients ...*harness.Participant) *harness.Finding {
	names, outputs := []string{harness.ServerName}, []*recorder.Recorder{r.Program.Output}
	for _, c := range clients { // what is sent to others, too, is worse than what the server prints
		names, outputs = append(names, c.Name), append(outputs, c.Terminal().Program.Output)
	}
	which, more := flooding(ctx, outputs...)
	if which < 0 {
		return nil
	}
	line := more[bytes.IndexByte(more, '\n')+1:]
	line, _, _ = bytes.Cut(line, []byte("\n"))
	return &harness.Finding{
		What:    fmt.Sprintf("The terminal of %s is flooded: while nobody typed anything, %q was shown again and again.", the(names[which]), excerptOf(line)),
		Cause:   "recv() returns nothing, and readLine() null, when a client has left, each time again: the loop that reads from that client has to end there.",
		Excerpt: harness.Printed(names[which], more, r.Now()),
	}
}

// excerptOf is the beginning of a line.
func excerptOf(line []byte) string {
	const most = 60
	return string(bytes.TrimRight(line[:min(len(line), most)], "\r"))
}

// the is a name in a sentence.
func the(name string) string {
	if name == harness.ServerName {
		return "the server"
	}
	return name
}
