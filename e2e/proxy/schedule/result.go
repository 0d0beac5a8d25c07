package schedule

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	"pubsublab/lab/history"
)

// Host is the broker at which a Schedule happens.
type Host struct {
	Addr    string       // HOST:PORT
	TLS     *tls.Config  // of its clients; nil for plain text
	Restart func() error // stops it, and starts another one there; nil where no Schedule asks for that
}

// Result is what became of a Schedule.
type Result struct {
	Orders     []history.History // of the broker, and of the one after a restart
	Conns      int               // connections, through all proxies
	Resets     int
	HalfCloses int
	Stalls     int
	Gaps       int // messages that subscribers were told they missed
	Unknown    int // messages of which Check did not know which of several equal lines they are
	Again      int // lines that were delivered before a restart and again after it, because their acknowledgements were lost
}

// order is an order of which nothing is known yet.
func (s *Schedule) order() history.History {
	return history.History{
		Publishers:  make([]history.Publisher, len(s.Publishers)),
		Subscribers: make([]history.Subscriber, len(s.Subscribers)),
	}
}

// Prove lets the Schedule happen, and tells how many lines were sent, and what is
// wrong, with the seed that does it again. Where ctx ends first, nothing is known
// about lines that have not come: the error is then the cause of that, and no verdict.
func (s *Schedule) Prove(ctx context.Context, host Host) (result Result, lines int, err error) {
	result, err = s.Run(ctx, host)
	if ctx.Err() != nil {
		return result, 0, fmt.Errorf("again with %s=%d: %w", SeedsVariable, s.Seed, context.Cause(ctx))
	}
	lines, wrong := result.Check()
	if err = errors.Join(err, wrong); err != nil {
		err = fmt.Errorf("again with %s=%d:\n%w\n%s", SeedsVariable, s.Seed, err, s)
	}
	return result, lines, err
}

// Check tells how many lines were sent, and what is wrong with any of the orders. A message that may
// be one of several equal lines, after a gap and without a position, is nothing wrong: it is counted.
func (r *Result) Check() (lines int, err error) {
	for _, order := range r.Orders {
		report := history.Check(order)
		lines += report.Lines
		r.Unknown += report.Unknown
		if len(report.Faults) > 0 {
			err = errors.Join(err, errors.New(report.String()))
		}
	}
	return lines, err
}
