package checks

import (
	"bytes"
	"context"
	"fmt"
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

// flood is that the server, or a client that is there, goes on and on showing something while nobody types;
// nil when none does.
func flood(ctx context.Context, r *harness.ServerRun, clients ...*harness.Participant) *harness.Finding {
	type shown struct {
		name   string
		output *recorder.Recorder
		before int
	}
	all := []shown{{harness.ServerName, r.Program.Output, 0}}
	for _, c := range clients {
		all = append(all, shown{c.Name, c.Terminal().Program.Output, 0})
	}
	for i := range all {
		all[i].before = all[i].output.Len()
	}
	harness.Pause(ctx, floodTime)
	for i := len(all) - 1; i >= 0; i-- { // what is sent to others, too, is worse than what the server prints
		data := all[i].output.Bytes()
		more := data[all[i].before:]
		if len(data) < runner.OutputLimit && len(more) < floodBytes {
			continue
		}
		if len(more) == 0 { // it is full
			more = data[len(data)-floodBytes:]
		}
		line := more[bytes.IndexByte(more, '\n')+1:]
		line, _, _ = bytes.Cut(line, []byte("\n"))
		return &harness.Finding{
			What:    fmt.Sprintf("The terminal of %s is flooded: while nobody typed anything, %q was shown again and again.", the(all[i].name), excerptOf(line)),
			Cause:   "recv() returns nothing, and readLine() null, when a client has left, each time again: the loop that reads from that client has to end there.",
			Excerpt: harness.Printed(all[i].name, more, r.Now()),
		}
	}
	return nil
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
