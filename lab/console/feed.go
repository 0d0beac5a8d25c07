package console

import (
	"cmp"
	"io"
	"time"

	"pubsublab/lab/topology"
)

// leftWait is how long a publisher that was started again waits at most, until all has arrived that
// it had brought before.
const leftWait = 2 * time.Second

// pace is how fast scripts are typed.
type pace struct {
	rate    float64       // lines a second of each publisher; 0: none
	forced  float64       // by a scenario, until somebody chooses another; 0: it is not
	changed chan struct{} // closed and made anew when it changes
}

// now is how many lines a second each publisher is to send.
func (p *pace) now() float64 { return cmp.Or(p.forced, p.rate) }

func (p *pace) set(rate, forced float64) {
	p.rate, p.forced = rate, forced
	close(p.changed)
	p.changed = make(chan struct{})
}

// feed types the script of a publisher, from one start of it to the next.
func (c *Console) feed(n *node) {
	for again := false; ; again = true {
		done, back := n.Done(), n.Back()
		if again {
			c.rewind(n)
		}
		if input := n.Input(); input != nil {
			c.typeScript(n, input, done)
		}
		for _, next := range []<-chan struct{}{done, back} {
			select {
			case <-next:
			case <-c.life.Done():
				return
			}
		}
	}
}

// typeScript types until the publisher ends, or the script does.
func (c *Console) typeScript(n *node, input io.Writer, done <-chan struct{}) {
	next := time.Now()
	for first := true; ; first = false {
		if !c.await(&next, done) {
			return
		}
		line, more := c.line(n, first)
		if _, err := io.WriteString(input, line+"\n"); err != nil || !more {
			return
		}
	}
}

// await returns when it is time for the next line, or with false when there will be none.
func (c *Console) await(next *time.Time, done <-chan struct{}) bool {
	for {
		c.mu.Lock()
		rate, changed := c.pace.now(), c.pace.changed
		c.mu.Unlock()
		var due <-chan time.Time
		if rate > 0 {
			pause := time.Duration(float64(time.Second) / rate)
			// The pace was slower before, or it was held up for long.
			if wait := time.Until(*next); wait > pause || wait < -time.Second {
				*next = time.Now().Add(max(0, min(wait, pause)))
			}
			if wait := time.Until(*next); wait > 0 {
				due = time.After(wait)
			} else {
				*next = next.Add(pause)
				return c.life.Err() == nil
			}
		}
		select {
		case <-due:
		case <-changed:
		case <-done:
			return false
		case <-c.life.Done():
			return false
		}
	}
}

// line returns the next line of a publisher, and whether there may be more.
func (c *Console) line(n *node, first bool) (line string, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.sentBy(n) % len(n.script)
	if i == 0 && !first && !c.keep {
		return "terminate", false
	}
	n.sent.lines = append(n.sent.lines, n.script[i])
	return n.script[i], true
}

// sentBy is how many lines a publisher has sent.
func (c *Console) sentBy(n *node) int { return n.sent.before + len(n.sent.lines) }

// rewind forgets what a publisher that was killed had been given and had not brought: it goes on
// there.
func (c *Console) rewind(n *node) {
	for begun := time.Now(); time.Since(begun) < leftWait; time.Sleep(lookPause) {
		c.mu.Lock()
		there := n.left.After(n.endedAt.Add(-time.Second)) || c.running(topology.Broker) == 0
		c.mu.Unlock()
		if there || c.life.Err() != nil {
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if accepted := c.window.accepted(n.sent); accepted < c.sentBy(n) {
		n.sent.lines = n.sent.lines[:max(0, accepted-n.sent.before)]
	}
}

// setPace sets how many lines a second each publisher sends; 0 is none. It matters more than what a
// scenario wants.
func (c *Console) setPace(rate float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pace.set(rate, 0)
}

// forcePace is setPace for a scenario. 0 makes it again what was chosen, before or meanwhile.
func (c *Console) forcePace(rate float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pace.set(c.pace.rate, rate)
}
