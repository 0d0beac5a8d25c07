package checks

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strconv"

	"pubsublab/lab/grade/harness"
)

// serverAnnounces is the check server-announces:
//
//	server prints: listening on port 5000
var serverAnnounces = Check{
	ID:    "server-announces",
	Title: "the server says that it listens",
	From:  "A1",
	Needs: []string{"server-starts"},
	Alone: true,
	Run:   runServerAnnounces,
}

var announcement = regexp.MustCompile(`(?i)listen|wait|start|ready|running|bound|serv|port|up`)

func runServerAnnounces(ctx context.Context, g *Suite) (*harness.Finding, error) {
	r := g.firstRun
	ctx, cancel := r.WithTimeout(ctx)
	defer cancel()
	port := []byte(strconv.Itoa(r.Port))
	says := func(data []byte) bool { return bytes.Contains(data, port) || announcement.Match(data) }
	if g.Sparing { // the others use it by now
		if says(r.Program.Output.Bytes()[:g.printed]) {
			return nil, nil
		}
	} else if r.Program.Output.Wait(ctx, says) {
		return nil, nil
	}
	return &harness.Finding{
		What:    fmt.Sprintf("The server's output said nothing of listening, nor of port %d.", r.Port),
		Cause:   "There is no print behind listen(), or it stays in a buffer: flush it.",
		Excerpt: r.Ended(),
	}, nil
}
