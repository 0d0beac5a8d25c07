package server

import (
	"net"
	"strings"
	"sync"
	"time"
)

// longestQueue is how many bytes may wait for a client before it is disconnected.
const longestQueue = 64 << 20

// Session is one client's connection.
type Session struct {
	Conn net.Conn
	Name string // its address
	Role string // set before it joins

	queue  *queue
	writer sync.WaitGroup
}

func newSession(conn net.Conn) *Session {
	s := &Session{Conn: conn, Name: conn.RemoteAddr().String(), queue: newQueue()}
	s.writer.Go(s.write)
	return s
}

// write sends what is queued until the queue is closed and empty, or the
// client cannot be written to any more.
func (s *Session) write() {
	for text, ok := s.queue.take(); ok; text, ok = s.queue.take() {
		if _, err := s.Conn.Write([]byte(text)); err != nil {
			break
		}
	}
	s.Conn.Close() // wakes the reader
}

func (s *Session) end() {
	s.queue.close()
	s.Conn.SetWriteDeadline(time.Now().Add(2 * time.Second))
	s.writer.Wait()
}

// queue holds what a client has still to be sent.
type queue struct {
	mu     sync.Mutex
	change sync.Cond
	text   strings.Builder
	closed bool
}

func newQueue() *queue {
	q := &queue{}
	q.change.L = &q.mu
	return q
}

// add reports whether the queue is short enough.
func (q *queue) add(text string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.text.WriteString(text)
		q.change.Signal()
	}
	return q.text.Len() <= longestQueue
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.change.Signal()
}

// take waits for text and returns all there is; false when there will be no more.
func (q *queue) take() (string, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.text.Len() == 0 && !q.closed {
		q.change.Wait()
	}
	text := q.text.String()
	q.text.Reset()
	return text, text != ""
}
