package grade

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"pubsublab/lab/grade/tape"
)

// relay stands between the submission's clients and its server, and writes down what they say.
type relay struct {
	room     *room
	listener net.Listener

	mu    sync.Mutex
	pipes []*pipe
	came  chan *pipe // one for each connection
}

// pipe is one connection of a client through the relay.
type pipe struct {
	client, server net.Conn
	up, down       *tape.Tape // what the client said, and what the server said
	at             time.Time
	ended          chan struct{} // closed when the client has closed its side
}

func (r *room) relay() (*relay, error) {
	listener, err := r.g.run.Listen()
	if err != nil {
		return nil, err
	}
	l := &relay{room: r, listener: listener, came: make(chan *pipe, 64)}
	go l.accept()
	return l, nil
}

func (l *relay) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return // it was closed
		}
		go l.serve(client)
	}
}

func (l *relay) serve(client net.Conn) {
	server, err := l.dial()
	if err != nil {
		_ = client.Close()
		return
	}
	p := &pipe{client: client, server: server, up: tape.New(inputLimit), down: tape.New(inputLimit), at: time.Now(), ended: make(chan struct{})}
	l.mu.Lock()
	l.pipes = append(l.pipes, p)
	l.mu.Unlock()
	select {
	case l.came <- p:
	default: // a client that connects again and again; nobody waits for so many
	}
	var done sync.WaitGroup
	done.Go(func() { carry(server, client, p.up); close(p.ended) })
	done.Go(func() { carry(client, server, p.down) })
	done.Wait()
	_, _ = client.Close(), server.Close()
}

func (l *relay) dial() (net.Conn, error) {
	var all []error
	for _, address := range l.room.program.Addresses {
		conn, err := net.DialTimeout("tcp", address, l.room.g.patience)
		if err == nil {
			return conn, nil
		}
		all = append(all, err)
	}
	return nil, errors.Join(all...)
}

// carry copies one direction, and ends the other side as this one ended: in an orderly way or at once.
func carry(to, from net.Conn, record *tape.Tape) {
	_, err := io.Copy(io.MultiWriter(record, to), from)
	record.End()
	if err != nil {
		_ = to.(*net.TCPConn).SetLinger(0)
		_, _ = to.Close(), from.Close()
		return
	}
	_ = to.(*net.TCPConn).CloseWrite()
}

func (l *relay) close() {
	_ = l.listener.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.pipes {
		_, _ = p.client.Close(), p.server.Close()
	}
}

// steps are what went through a pipe, cut to the beginning and what is about the tokens.
func (p *pipe) steps(name string, began time.Time, tokens []string) []Step {
	steps := []Step{{At: p.at.Sub(began), Kind: Connects, From: name, To: serverName}}
	for _, side := range []struct {
		tape     *tape.Tape
		from, to string
	}{{p.up, name, serverName}, {p.down, serverName, name}} {
		data := side.tape.Bytes()
		found := sightings(data)
		head := len(data)
		if len(found) > 0 {
			head = found[0].start
		}
		if head > 0 {
			steps = append(steps, Step{At: side.tape.At(0).Sub(began), Kind: Sends, From: side.from, To: side.to, Data: excerpt(data[:head], nil)})
		}
		for _, s := range found {
			if anyIn([]byte(s.token), tokens) {
				steps = append(steps, Step{At: side.tape.At(s.end - 1).Sub(began), Kind: Sends, From: side.from, To: side.to, Data: around(data, s)})
			}
		}
	}
	return steps
}
