package checks

import (
	"context"
	"fmt"
	"strings"

	"pubsublab/lab/grade/harness"
)

// serverTakesPort is the check server-takes-port:
//
//	server PORT
//	grader ──connect──▶ server, at PORT
var serverTakesPort = Check{
	ID:    "server-takes-port",
	Title: "the server listens on the port that it is told",
	From:  "A1",
	Needs: []string{"server-starts"},
	Alone: true,
	Run:   runServerTakesPort,
}

func runServerTakesPort(_ context.Context, g *Suite) (*harness.Finding, error) {
	if !g.fixed {
		return nil, nil
	}
	how := "one run of it at a time, which takes longer"
	if g.Apart {
		how = "each run of it in a network of its own"
	}
	r := g.firstRun
	what := fmt.Sprintf("The server listens on port %d, which its source fixes", r.Port)
	if where := r.Elsewhere(); len(where) > 0 {
		what = fmt.Sprintf("The server was told port %d, and listens at %s", r.Port, strings.Join(where, ", "))
	}
	return &harness.Finding{
		What:    fmt.Sprintf("%s. (That is where it was graded, %s.)", what, how),
		Cause:   "The port (or the address) is fixed in the source; take it from the command line.",
		Excerpt: r.Ended(),
	}, nil
}
