package schedule

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"pubsublab/client/pubsub"
	"pubsublab/e2e/proxy"
	"pubsublab/lab/history"
)

// never is for how long clients try to connect: as long as the context lets them.
// A machine that is slow must not make clients that give up.
const never = 365 * 24 * time.Hour

// runner is one run of a Schedule.
type runner struct {
	*Schedule
	host Host

	waiting    []chan struct{} // of each subscriber: it may start
	subscribed sync.WaitGroup  // counts those that are not yet registered
	early      sync.WaitGroup  // counts those of them that start before all
	present    sync.WaitGroup  // counts publishers that are not yet registered
	restarted  sync.WaitGroup  // counts restarts that are under way

	mu      sync.Mutex
	result  Result
	errs    []error
	clients []*pubsub.Publisher // of each publisher; nil for a Raw one
	ends    []history.Publisher // what is published last, for each subscriber
}

// Run lets the Schedule happen at a broker that is as it asks for. An error is
// what went wrong besides what the orders show, the end of ctx for instance.
func (s *Schedule) Run(ctx context.Context, host Host) (Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &runner{
		Schedule: s, host: host,
		waiting: make([]chan struct{}, len(s.Subscribers)),
		clients: make([]*pubsub.Publisher, len(s.Publishers)),
	}
	r.result.Orders = append(r.result.Orders, s.order())
	if s.Broker.Restart > 0 {
		r.result.Orders = append(r.result.Orders, s.order())
	}
	r.present.Add(len(s.Publishers))
	for i := range s.Subscribers {
		r.ends = append(r.ends, history.Publisher{
			Name:  fmt.Sprintf("s%d-end%d", s.Seed, i+1),
			Topic: strings.NewReplacer("*", "x", ">", "x").Replace(s.Subscribers[i].Filter),
			Sent:  []string{"the end"}, Acked: 1,
		})
	}
	var publishers, subscribers sync.WaitGroup
	for i := range s.Subscribers {
		r.waiting[i] = make(chan struct{})
		if s.Subscribers[i].After == 0 {
			r.early.Add(1)
			close(r.waiting[i])
		}
		r.subscribed.Add(1)
	}
	for i := range s.Subscribers {
		subscribers.Go(func() { r.subscriber(ctx, i) })
	}
	r.early.Wait()
	for i := range s.Publishers {
		publishers.Go(func() { r.publisher(ctx, i) })
	}
	publishers.Wait()
	r.restarted.Wait()
	r.subscribed.Wait()
	for _, end := range r.ends {
		r.fail(end.Name, r.publishEnd(ctx, end))
	}
	subscribers.Wait()
	if s.Broker.Restart > 0 {
		r.divide()
	}
	last := &r.result.Orders[len(r.result.Orders)-1]
	last.Publishers = append(last.Publishers, r.ends...)
	return r.result, errors.Join(r.errs...)
}

// fail notes an error, if it is one.
func (r *runner) fail(who string, err error) {
	if err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.errs = append(r.errs, fmt.Errorf("%s: %w", who, err))
	}
}

// network puts a client behind a proxy. stop is to be called at the end.
func (r *runner) network(who string, n *Network) (addr string, stop func()) {
	p, err := proxy.New(r.host.Addr, n.Plan)
	if err != nil {
		r.fail(who, err)
		return r.host.Addr, func() {}
	}
	return p.Addr(), func() {
		p.Close()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.result.Conns += p.Conns()
		r.result.Resets += p.Faults(proxy.Reset)
		r.result.HalfCloses += p.Faults(proxy.HalfClose)
		r.result.Stalls += p.Faults(proxy.Stall)
	}
}

// publisher is the way of one publisher.
func (r *runner) publisher(ctx context.Context, i int) {
	p := &r.Publishers[i]
	sent := &r.result.Orders[0].Publishers[i]
	sent.Name, sent.Topic = p.Name, p.Topic
	addr, stop := r.network(p.Name, &p.Network)
	defer stop()
	if i == 0 {
		defer r.release(len(p.Lines)) // whatever happens, nobody waits for ever
	}
	registered := sync.OnceFunc(r.present.Done)
	defer registered()
	if p.Kind == Raw {
		sent.Sent, sent.Acked = p.Lines, len(p.Lines)
		r.fail(p.Name, p.publishRaw(ctx, addr, r.host.TLS))
		return
	}
	c, err := pubsub.DialPublisher(ctx, addr, pubsub.Config{Name: p.Name, Topic: p.Topic, Window: p.Window, TLS: r.host.TLS, GiveUp: never})
	if err != nil {
		r.fail(p.Name, err)
		return
	}
	r.clients[i] = c
	registered()
	for n, line := range p.Lines {
		if n > 0 && (n == p.GiveUp || i == 0 && r.awaited(n)) {
			r.fail(p.Name, c.Flush(ctx))
			if i == 0 {
				r.release(n)
			}
		}
		if err := c.Publish(ctx, line); err != nil {
			r.fail(p.Name, err)
			break
		}
		sent.Sent = append(sent.Sent, line)
	}
	if p.GiveUp > 0 {
		gone, cancel := context.WithCancel(ctx)
		cancel()
		r.fail(p.Name, gaveUp(c, c.Close(gone), sent.Sent))
	} else {
		r.fail(p.Name, c.Close(ctx))
	}
	sent.Acked = int(c.Stats().Acked)
}

// gaveUp tells what is wrong with the end of a publisher that gave up.
func gaveUp(c *pubsub.Publisher, err error, sent []string) error {
	var undelivered *pubsub.UndeliveredError
	switch acked := c.Stats().Acked; {
	case err == nil && acked == uint64(len(sent)), errors.Is(err, context.Canceled) && acked == uint64(len(sent)):
		return nil
	case !errors.As(err, &undelivered):
		return fmt.Errorf("gave up with %d of %d lines acknowledged: %w", acked, len(sent), err)
	case strings.Join(undelivered.Lines, "\n") != strings.Join(sent[acked:], "\n"):
		return fmt.Errorf("gave up with %d of %d lines acknowledged, and says that other %d were not", acked, len(sent), len(undelivered.Lines))
	}
	return nil
}

// awaited reports whether a subscriber starts after n lines, or the broker again.
func (r *runner) awaited(n int) bool {
	if n == r.Broker.Restart {
		return true
	}
	for i := range r.Subscribers {
		if r.Subscribers[i].After == n {
			return true
		}
	}
	return false
}

// release lets those subscribers start that wait for up to n lines, and the
// broker again. It is for the first publisher.
func (r *runner) release(n int) {
	if n == r.Broker.Restart {
		r.restarted.Go(r.restart)
	}
	for i := range r.Subscribers {
		if after := r.Subscribers[i].After; after > 0 && after <= n {
			select {
			case <-r.waiting[i]:
			default:
				close(r.waiting[i])
			}
		}
	}
}

// subscriber is the way of one subscriber.
func (r *runner) subscriber(ctx context.Context, i int) {
	s := &r.Subscribers[i]
	received := &r.result.Orders[0].Subscribers[i]
	received.Name, received.Filter = s.Name, s.Filter
	received.GapsAllowed = r.Broker.History > 0
	received.FromFirst = s.From == "first" && !received.GapsAllowed || s.After == 0
	received.ToEnd = true
	registered := sync.OnceFunc(func() {
		r.subscribed.Done()
		if s.After == 0 {
			r.early.Done()
		}
	})
	defer registered()
	addr, stop := r.network(s.Name, &s.Network)
	defer stop()
	select {
	case <-r.waiting[i]:
	case <-ctx.Done():
	}
	missing := map[string]bool{} // publishers of ends that have not come
	for _, end := range r.ends {
		if history.Match(s.Filter, end.Topic) {
			missing[end.Name] = true
		}
	}
	add := func(m history.Message) (more bool) {
		if m == endOfOrder {
			received = r.next(i)
			return true
		}
		if m.Gap == 0 && !strings.HasPrefix(m.From, fmt.Sprintf("s%d-", r.Seed)) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.result.Orders[0].Others = true // another schedule's, at a broker that nobody restarts
			return true
		}
		if m.Gap > 0 {
			r.mu.Lock()
			r.result.Gaps += m.Gap
			r.mu.Unlock()
		}
		received.Received = append(received.Received, m)
		delete(missing, m.From)
		return len(missing) > 0
	}
	var err error
	if s.Kind == Raw {
		err = s.subscribeRaw(ctx, addr, r.host.TLS, registered, add)
	} else {
		err = s.subscribe(ctx, addr, r.host.TLS, registered, add)
	}
	r.fail(s.Name, err)
}

// publishEnd publishes what tells subscribers that nothing more comes.
func (r *runner) publishEnd(ctx context.Context, end history.Publisher) error {
	c, err := pubsub.DialPublisher(ctx, r.host.Addr, pubsub.Config{Name: end.Name, Topic: end.Topic, TLS: r.host.TLS, GiveUp: never})
	if err != nil {
		return err
	}
	for _, line := range end.Sent {
		err = errors.Join(err, c.Publish(ctx, line))
	}
	return errors.Join(err, c.Close(ctx))
}

// until is the deadline of ctx, for sockets.
func until(ctx context.Context) time.Time {
	deadline, _ := ctx.Deadline()
	return deadline
}
