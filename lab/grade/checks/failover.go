package checks

import (
	"context"
	"fmt"
	"strings"
	"time"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// failoverNewcomers is the check failover-newcomers:
//
//	subscriber 1, publisher 1 ──▶ server 1      server 2
//	server 1 is killed
//	subscriber 2, publisher 2, started in the same way, reach each other
var failoverNewcomers = Check{
	ID:     "failover-newcomers",
	Title:  "one of two servers dies, and those who come then are served",
	From:   "A12",
	Needs:  []string{"server-starts"},
	Client: true,
	Alone:  true,
	Run:    func(ctx context.Context, g *Suite) (*harness.Finding, error) { return g.failover(ctx, true) },
}

// failoverClients is the check failover-clients: subscriber 1 and publisher 1 go on themselves.
var failoverClients = Check{
	ID:     "failover-clients",
	Title:  "one of two servers dies, and those who were there go on",
	From:   "A12",
	Needs:  []string{"failover-newcomers"},
	Client: true,
	Alone:  true,
	Run:    func(ctx context.Context, g *Suite) (*harness.Finding, error) { return g.failover(ctx, false) },
}

// failoverLimit is how long clients may need to notice, and to find the other server.
const failoverLimit = 20 * time.Second

// meet starts a subscriber and a publisher, and reports whether messages arrive within a limit. Two others
// are given as long as a message needs: a question that came late on a busy machine may have been answered
// by a message.
func (g *Suite) meet(ctx context.Context, r *harness.ServerRun, limit time.Duration) (clients []*harness.Participant, met bool, err error) {
	for _, limit := range []time.Duration{limit, g.MessageTimeout()} {
		if clients, err = r.JoinTerminals(ctx, runner.Subscriber, runner.Publisher); err != nil {
			return clients, false, err
		}
		if r.Reaches(ctx, clients[1], clients[0], limit) {
			return clients, true, nil
		}
	}
	return clients, false, nil
}

// reaches waits until the second server accepts a connection, or seems to stand by: it runs, and opens its
// port when the first one has died. It returns false when it has ended.
func (g *Suite) reaches(ctx context.Context, run runner.Runner, second *runner.Program, first time.Duration) bool {
	const least = 3 * time.Second
	limited, cancel := context.WithTimeout(ctx, max(least, 2*first))
	defer cancel()
	if len(second.Addresses) == 0 {
		if harness.Poll(limited, func() bool { return len(second.Listening()) > 0 }) {
			return true
		}
	} else if harness.Reachable(limited, run, second) {
		return true
	}
	select {
	case <-second.Done():
		return false
	default:
		return true
	}
}

// together is a runner for two servers and their clients: where a port is fixed they have a network of
// their own, or where that cannot be had, the machine's, and nobody else's second servers are there
// meanwhile.
func (g *Suite) together(ctx context.Context, spare runner.Spare) (s runner.Spare, done func(), err error) {
	if !spare.Fixes() && !g.fixed {
		return spare, func() {}, nil
	}
	if apart, err := spare.Apart(); err == nil {
		return apart.(runner.Spare), func() {}, nil
	}
	claimed, err := claim(ctx, "second")
	if err != nil {
		return nil, nil, err
	}
	return spare, func() { _ = claimed.Close() }, nil
}

func (g *Suite) failover(ctx context.Context, newcomers bool) (*harness.Finding, error) {
	spare, ok := g.Runner.(runner.Spare)
	if !ok || !spare.HasSecond() {
		return notTried("no command of a second server was given, so nobody could kill the first of two")
	}
	done, err := g.Exclusive(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	spare, leave, err := g.together(ctx, spare)
	if err != nil {
		return nil, err
	}
	defer leave()
	port2, err := spare.SecondPort()
	if err != nil {
		return nil, err
	}
	port1, err := spare.Port()
	if err != nil {
		return nil, err
	}
	both := spare.Beside(port2)
	r, err := harness.New(harness.Config{Runner: both, Seed: g.Seed, Timeout: g.Timeout}).StartAt(ctx, "failover", port1)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	second, err := both.Second(ctx, port2, port1)
	if err != nil {
		return &harness.Finding{What: harness.Sentence("the second server cannot be started: " + err.Error())}, nil
	}
	defer second.Kill()
	if f := r.Listens(ctx); f != nil {
		return f, nil
	}
	if !g.reaches(ctx, both, second, r.Reached()) {
		return &harness.Finding{
			What:    strings.TrimSuffix("The second server did not accept a connection at "+strings.Join(second.Addresses, ""), " at ") + ".",
			Excerpt: harness.Printed("the second server", second.Output.Bytes(), r.Now()),
		}, nil
	}
	r.Terminals = true
	clients, met, err := g.meet(ctx, r, g.MessageTimeout())
	if err != nil {
		return nil, err
	}
	if !met {
		return r.NotShown(clients[0], "With two servers there, what was typed at a publisher was not shown by a subscriber.", ""), nil
	}
	victim, other := r.Program, second
	if second.Serves() && !r.Program.Serves() { // the clients' own choice
		victim, other = second, r.Program
	}
	r.Stopped = true
	victim.Kill()
	who := "those who were there"
	if newcomers {
		who = "those who came then"
		clients, met, err = g.meet(ctx, r, failoverLimit)
	} else {
		met = r.Reaches(ctx, clients[1], clients[0], failoverLimit)
	}
	if met || err != nil {
		return nil, err
	}
	f := r.NotShown(clients[0], fmt.Sprintf("The one of two servers to which clients had connected was killed, and for %v nothing that was typed at a publisher was shown by a subscriber, of %s.", failoverLimit, who), "")
	f.Cause = "The clients know one address only, or do not connect again when the connection ends; or the servers do not know each other's subscribers."
	f.Excerpt = append(f.Excerpt, harness.Printed("the other server", other.Output.Bytes(), r.Now())...)
	return f, nil
}
