package schedule

import (
	"crypto/tls"
	"errors"

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
	Again      int // lines that were delivered before a restart and again after it, because their acknowledgements were lost
}

// order is an order of which nothing is known yet.
func (s *Schedule) order() history.History {
	return history.History{
		Publishers:  make([]history.Publisher, len(s.Publishers)),
		Subscribers: make([]history.Subscriber, len(s.Subscribers)),
	}
}

// Check tells how many lines were sent, and what is wrong with any of the orders.
func (r *Result) Check() (lines int, err error) {
	for _, order := range r.Orders {
		report := history.Check(order)
		lines += report.Lines
		if !report.OK() {
			err = errors.Join(err, errors.New(report.String()))
		}
	}
	return lines, err
}
