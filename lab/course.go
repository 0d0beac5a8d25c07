package main

import (
	"fmt"
	"slices"
	"time"

	"pubsublab/lab/topology"
)

// An ended is one end of a node.
type ended struct {
	spec  *topology.Spec
	end   topology.End
	err   error         // why it is not known how it ended
	after time.Duration // since the demo began
	early bool          // it should have gone on, or ended otherwise
	asked bool          // the lab asked it to end, before the end of the demo
	back  time.Duration // when it was started again, since the demo began; 0: it was not
	last  string        // its last line
}

// failed reports whether it ended by itself, with an error.
func (e *ended) failed() bool { return e.err != nil || e.end.Failed() }

// stopped reports whether it may have been stopped with SIGTERM: a client then ends with exit code
// 1, because it is not done.
func (e *ended) stopped() bool {
	return isClient(e.spec) && e.err == nil && e.end == (topology.End{Code: 1})
}

// A course is how a demo went.
type course struct {
	ends        []*ended // all of them in their order; of a node that was started again there are several
	gaveUp      string   // why the demo was ended; "": it ended by itself
	interrupted bool
	took        time.Duration
}

// last returns how the node ended at last, or nil if it runs.
func (c *course) last(node string) *ended {
	for _, e := range slices.Backward(c.ends) {
		if e.spec.Name == node {
			if e.back > 0 {
				return nil
			}
			return e
		}
	}
	return nil
}

// early returns the ends that nobody expected.
func (c *course) early() (ends []*ended) {
	for _, e := range c.ends {
		if e.early {
			ends = append(ends, e)
		}
	}
	return ends
}

// how says how it ended.
func (e *ended) how() string {
	if e.err != nil {
		return "ended, nobody knows how: " + e.err.Error()
	}
	return e.end.String()
}

// seconds is a duration for people.
func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}
