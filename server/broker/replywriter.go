package broker

import (
	"sync"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// replies take what a publisher is to be told.
type replies interface {
	// reject reports a line that was rejected (P6).
	reject(err error)
	// expect counts an append that begins, and settle one that has ended, with its outcome. They never
	// wait.
	expect()
	settle(e *journal.Entry, err error)
}

// replyWriter writes what a publisher is told while it publishes: acks and rejections. A publisher
// that does not read them must not hold up its own lines. So an ack that is not written yet gives
// way to the next one, and only rejections wait.
type replyWriter struct {
	s *session

	mu      sync.Mutex
	changed sync.Cond
	lines   []byte
	acked   uint64 // the ack to write; 0 for none
	open    int    // appends that have not ended
	writing bool   // a goroutine is writing
	err     error
}

func newReplyWriter(s *session) *replyWriter {
	w := &replyWriter{s: s}
	w.changed.L = &w.mu
	return w
}

// line writes a line. While the publisher reads nothing, it waits for room.
func (w *replyWriter) line(text string) {
	const most = 16 << 10
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.lines) > most && w.err == nil {
		w.changed.Wait()
	}
	w.lines = append(append(w.lines, text...), '\n')
	w.startLocked()
}

func (w *replyWriter) reject(err error) { w.line(protocol.ErrorPrefix + err.Error()) }

func (w *replyWriter) expect() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open++
}

// settle has it acknowledged that the lines up to the entry's last are in the journal (P14).
func (w *replyWriter) settle(e *journal.Entry, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil && w.s.hello.Ack {
		w.acked = e.First + uint64(e.Count) - 1
		w.startLocked()
	}
	if w.open--; w.open == 0 {
		w.changed.Broadcast()
	}
}

// startLocked starts a goroutine that writes, for as long as there is something to write.
func (w *replyWriter) startLocked() {
	if !w.writing && w.err == nil {
		w.writing = true
		go w.write()
	}
}

func (w *replyWriter) write() {
	var out []byte
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.err == nil && (len(w.lines) > 0 || w.acked > 0) {
		out = append(out[:0], w.lines...)
		w.lines = w.lines[:0]
		if w.acked > 0 {
			out = protocol.AppendAck(out, w.acked)
			w.acked = 0
		}
		w.changed.Broadcast()
		w.mu.Unlock()
		_, err := w.s.conn.Write(out)
		if err != nil {
			w.s.abort(err) // so that the reader wakes
		}
		w.mu.Lock()
		w.err = err
	}
	w.writing = false
	w.changed.Broadcast()
}

// finish waits until every append has ended, and every reply is written or cannot be.
func (w *replyWriter) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.open > 0 || w.writing {
		w.changed.Wait()
	}
}
