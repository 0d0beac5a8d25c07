package checks

import (
	"context"
	"fmt"
	"regexp"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// plainFault is what is wrong with a server so that it shows without a word; nil where nothing does.
func (g *Suite) plainFault(ctx context.Context) (*harness.Finding, error) {
	if f, err := g.oneAtATime(ctx); f != nil || err != nil {
		return f, err
	}
	return g.failsAtConnect(ctx)
}

// failsAtConnect is that the server meets an error at each client that connects:
//
//	client 1 ──connect──▶ server prints an error that nobody caught
//	client 2 ──connect──▶ likewise
func (g *Suite) failsAtConnect(ctx context.Context) (*harness.Finding, error) {
	r, err := g.Start(ctx, "connects")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if f := r.Listens(ctx); f != nil {
		return f, nil
	}
	r.Program.Output.Quiet(ctx, settled)
	var words string
	for range 2 {
		printed := r.Program.Output.Len()
		if _, err := r.Connect(ctx, runner.Subscriber); err != nil {
			return nil, nil
		}
		limited, cancel := r.Within(ctx, g.Timeout/2)
		failed := r.Poll(limited, func() bool { return uncaught.Match(r.Program.Output.Bytes()[printed:]) })
		cancel()
		if !failed {
			return nil, nil
		}
		r.Program.Output.Quiet(ctx, settled)
		words = errorIn(string(r.Program.Output.Bytes()[printed:]))
	}
	return &harness.Finding{
		What:    fmt.Sprintf("The server met an error at each client that connected, before the client had said a word: %s.", words),
		Cause:   "The error was not caught, and ended the thread that was to serve the client: its output is below.",
		Excerpt: r.Ended(),
		Certain: true,
	}, nil
}

var (
	// uncaught matches how languages show an error that ended a thread.
	uncaught = regexp.MustCompile(`(?m)^\s*Exception in thread |^Traceback \(most recent call last\)|^Exception (?:occurred|ignored)|^panic: |^goroutine \d+ |panicked at|^terminate called`)
	// anError matches the words of an error.
	anError = regexp.MustCompile(`(?m)\b(?:\w+\.)*\w+(?:Error|Exception)\b[^\r\n]*|panic: [^\r\n]*|panicked at[^\r\n]*`)
)

// errorIn is the last error in an output, or else what it is called.
func errorIn(output string) string {
	found := anError.FindAllString(output, -1)
	if len(found) == 0 {
		return "its output is below"
	}
	return found[len(found)-1]
}
