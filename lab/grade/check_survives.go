package grade

import (
	"context"
	"fmt"
	"sync"
	"time"

	"pubsublab/lab/grade/runner"
)

// leaving is one way in which a client can go.
type leaving struct {
	role  string // "" before it told one
	what  string
	leave func(ctx context.Context, r *room, p *peer)
}

func closes(ctx context.Context, _ *room, p *peer) { p.close(ctx) }
func resets(_ context.Context, _ *room, p *peer)   { p.reset() }

// survives lets clients leave one after the other, and sees each time that others are still served.
func (g *grader) survives(ctx context.Context, label, cause string, ways []leaving) (*finding, error) {
	r, err := g.open(ctx, label)
	if err != nil {
		return nil, err
	}
	defer r.close()
	for _, way := range ways {
		role := way.role
		if role == "" {
			role = runner.Publisher
		}
		p, err := r.connect(ctx, role)
		if err != nil {
			return r.unreachable("before " + way.what), nil
		}
		if way.role != "" {
			if err := r.register(ctx, p, role); err != nil {
				return r.unreachable("before " + way.what), nil
			}
			if role == runner.Subscriber {
				r.ready(ctx, p)
			}
		}
		way.leave(ctx, r, p)
		if f := r.stillServes(ctx, p, "after "+way.what); f != nil {
			f.cause = cause
			return f, nil
		}
	}
	return nil, nil
}

// stillServes sees whether a new subscriber receives what a publisher says.
func (r *room) stillServes(ctx context.Context, left *peer, when string) *finding {
	p, err := r.join(ctx, runner.Subscriber)
	if err != nil || !r.running() {
		f := r.unreachable(when)
		f.slice = append(r.slice([]*peer{left}, nil), f.slice...)
		return f
	}
	missing := r.ready(ctx, p)
	if len(missing) == 0 {
		p.close(ctx)
		return nil
	}
	if !r.running() {
		f := r.unreachable(when)
		f.slice = append(r.slice([]*peer{left}, nil), f.slice...)
		return f
	}
	involved, sent := []*peer{left, p}, ""
	if r.prober != nil {
		involved = append(involved, r.prober)
		sent = token(r.prober.num, r.prober.word, r.prober.messages())
	}
	return &finding{
		what: fmt.Sprintf("%s, a new subscriber received nothing for %v, although a publisher went on.", sentence(when)[:len(when)], r.g.patience),
		slice: append(r.slice(involved, []string{sent}, Step{Kind: Missing, From: serverName, To: p.name, Data: []byte(sent)}),
			printed(serverName, r.program.Output.Bytes(), r.now())...),
	}
}

func survivesCleanClose(ctx context.Context, g *grader) (*finding, error) {
	return g.survives(ctx, "close",
		"An error of one connection ends the whole server or the loop over subscribers, or a lock is kept when a client leaves: catch it, close the connection, and take it out of the list.",
		[]leaving{
			{"", "a client closed its connection without a role", closes},
			{runner.Subscriber, "a subscriber closed its connection", closes},
			{runner.Publisher, "a publisher closed its connection", closes},
		})
}

func survivesReset(ctx context.Context, g *grader) (*finding, error) {
	return g.survives(ctx, "reset",
		"recv() or send() fails with \"connection reset\" or \"broken pipe\" there: catch it, close the connection, and take it out of the list.",
		[]leaving{
			{"", "a connection without a role was reset", resets},
			{runner.Subscriber, "a subscriber's connection was reset", resets},
			{runner.Publisher, "a publisher's connection was reset", resets},
		})
}

func survivesMidMessage(ctx context.Context, g *grader) (*finding, error) {
	half := func(end func(context.Context, *room, *peer)) func(context.Context, *room, *peer) {
		return func(ctx context.Context, r *room, p *peer) {
			m := p.next("")
			_ = p.send(m.text[:len(m.text)/2])
			pause(ctx, 20*time.Millisecond) // so that it is read before the end is seen
			end(ctx, r, p)
		}
	}
	return g.survives(ctx, "half",
		"The server waits for the rest of the message for ever, or uses a rest that is not there: an empty read is the end of the connection.",
		[]leaving{
			{runner.Publisher, "a publisher closed in the middle of a message", half(closes)},
			{runner.Publisher, "a publisher's connection was reset in the middle of a message", half(resets)},
			{"", "a client closed in the middle of its role", func(ctx context.Context, r *room, p *peer) {
				_ = p.send("PUBL")
				pause(ctx, 20*time.Millisecond)
				closes(ctx, r, p)
			}},
		})
}

func serverMany(ctx context.Context, g *grader) (*finding, error) {
	const clients, atOnce = 250, 10
	r, err := g.open(ctx, "many")
	if err != nil {
		return nil, err
	}
	defer r.close()
	const cause = "Something is kept of each client that left: its thread, its socket, its place in a list. Close the connection when recv() returns nothing, and let its thread end."
	for came := 0; came < clients; came += atOnce {
		var left sync.WaitGroup
		for i := range atOnce {
			role := []string{runner.Publisher, runner.Subscriber}[i%2]
			p, err := r.connect(ctx, role)
			if err != nil {
				f := r.unreachable(fmt.Sprintf("when %d clients had come and gone", came))
				f.cause = cause
				return f, nil
			}
			left.Go(func() {
				_ = r.register(ctx, p, role) // what matters is what is served in the end
				p.close(ctx)
			})
		}
		left.Wait()
	}
	if f := r.stillServes(ctx, r.peers[len(r.peers)-1], fmt.Sprintf("after %d clients had come and gone", clients)); f != nil {
		f.cause = cause
		return f, nil
	}
	return nil, nil
}

func restartsAtOnce(ctx context.Context, g *grader) (*finding, error) {
	r, err := g.open(ctx, "restart")
	if err != nil {
		return nil, err
	}
	defer r.close()
	for _, role := range []string{runner.Subscriber, runner.Publisher} {
		if _, err := r.join(ctx, role); err != nil {
			return r.unreachable("before it was stopped"), nil
		}
	}
	// As a person would, and then as a person would who is tired of waiting. The server's side closes first, so that
	// the port stays reserved for a while where the server does not ask otherwise.
	if err := r.program.Interrupt(); err == nil {
		select {
		case <-r.program.Done():
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
		}
	}
	r.program.Kill()
	for _, p := range r.peers {
		p.close(ctx)
	}
	again, err := g.openAt(ctx, "restarted", r.port)
	if err != nil {
		return nil, err
	}
	defer again.close()
	const cause = "The port stays reserved for a minute after the server has ended, unless the socket option SO_REUSEADDR is set before bind()."
	p, err := again.connect(ctx, runner.Subscriber)
	if err != nil {
		f := again.unreachable("when it was started again on its port")
		f.cause = cause
		return f, nil
	}
	if err := again.register(ctx, p, runner.Subscriber); err != nil || len(again.ready(ctx, p)) > 0 {
		return &finding{
			what:  "The server was started again on its port, and did not serve there.",
			cause: cause,
			slice: append(again.slice(again.peers, nil), again.ended()...),
		}, nil
	}
	return nil, nil
}
