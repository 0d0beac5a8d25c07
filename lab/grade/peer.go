package grade

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"pubsublab/lab/grade/tape"
)

// inputLimit is how much of what a connection received is kept, in bytes.
const inputLimit = 32 << 20

// peer is a connection of the grader's to the server, and all that was said on it.
type peer struct {
	// static
	name string // "publisher 1"
	num  int    // in tokens
	word string
	conn *net.TCPConn
	in   *tape.Tape // what it received
	wait time.Duration

	mu    sync.Mutex
	steps []Step // what it did; At is filled in later from ats
	ats   []time.Time
	sent  int // messages so far
}

func newPeer(name string, num int, word string, conn *net.TCPConn, wait time.Duration) *peer {
	p := &peer{name: name, num: num, word: word, conn: conn, in: tape.New(inputLimit), wait: wait}
	p.did(Step{Kind: Connects, From: name, To: serverName})
	return p
}

func (p *peer) read() {
	_, _ = io.Copy(p.in, p.conn) // however it ends
	p.in.End()
}

func (p *peer) did(s Step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.steps = append(p.steps, s)
	p.ats = append(p.ats, time.Now())
}

// port is the number by which the server knows it.
func (p *peer) port() string {
	return strconv.Itoa(p.conn.LocalAddr().(*net.TCPAddr).Port)
}

// send sends bytes as one write. A server that takes nothing for long is an error.
func (p *peer) send(text string) error {
	p.did(Step{Kind: Sends, From: p.name, To: serverName, Data: []byte(text)})
	if err := p.conn.SetWriteDeadline(time.Now().Add(p.wait)); err != nil {
		return err
	}
	_, err := io.WriteString(p.conn, text)
	return err
}

// next makes a new message of this peer, with more text behind the token.
func (p *peer) next(more string) message {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent++
	t := token(p.num, p.word, p.sent)
	return message{token: t, text: t + more, from: p, at: time.Now()}
}

// close ends the connection in an orderly way: it says that it is done, takes what is under way, and closes.
func (p *peer) close(ctx context.Context) {
	p.did(Step{Kind: Closes, From: p.name, To: serverName})
	_ = p.conn.CloseWrite()
	ctx, cancel := context.WithTimeout(ctx, lingerTime)
	defer cancel()
	p.in.Wait(ctx, func([]byte) bool { return false })
	_ = p.conn.Close()
}

// lingerTime is how long a closing connection waits for the server to close its side.
const lingerTime = 200 * time.Millisecond

// reset ends the connection at once, as a client that was killed with data unread.
func (p *peer) reset() {
	p.did(Step{Kind: Resets, From: p.name, To: serverName})
	_ = p.conn.SetLinger(0)
	_ = p.conn.Close()
}

func (p *peer) hangUp() { _ = p.conn.Close() }

// closed says whether the server has ended the connection.
func (p *peer) closed() bool { return p.in.Ended() }

// seen are the tokens it received so far.
func (p *peer) seen() []sighting {
	found := sightings(p.in.Bytes())
	for i := range found {
		found[i].at = p.in.At(found[i].end - 1)
	}
	return found
}

// has says whether it received a token since an offset, in whatever case.
func (p *peer) has(since int, token string) bool {
	return containsFold(p.in.Bytes()[since:], token)
}

// dial connects to one of several addresses, trying until ctx is done or alive says that it is in vain.
func dial(ctx context.Context, addresses []string, alive func() bool) (*net.TCPConn, error) {
	var dialer net.Dialer
	for {
		var all []error
		wasAlive := alive() // asked before: a server that listened and ended right behind it is no reason to go on
		for _, address := range addresses {
			conn, err := dialer.DialContext(ctx, "tcp", address)
			if err == nil {
				return conn.(*net.TCPConn), nil
			}
			all = append(all, err)
		}
		if !wasAlive || ctx.Err() != nil {
			return nil, errors.Join(all...)
		}
		pause(ctx, 20*time.Millisecond)
	}
}

// pause waits; less long when ctx is done.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// messages is how many it made so far.
func (p *peer) messages() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}
