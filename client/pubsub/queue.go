package pubsub

import (
	"bytes"
	"slices"

	"pubsublab/protocol"
)

// blockSize holds any line, and is the most that goes into one write, in bytes.
const blockSize = 128 << 10

// queue is a Publisher's lines, in their order, until they are acknowledged. It knows nothing of
// connections, and has no lock.
//
// The numbers of lines grow: acked ≤ sent ≤ lines.
type queue struct {
	blocks []*block // oldest first; those before the last are full
	free   [][]byte // for the next ones, so that a steady state allocates nothing
	size   int      // bytes that are not acknowledged

	lines uint64 // the number of the last line
	acked uint64 // the last line that is of no more interest
	sent  uint64 // the last line that has been handed out

	head      int // where the first line that is not acknowledged begins, in the first block
	block, at int // where next goes on: in this block, at this byte
}

type block struct {
	data  []byte // count lines with their line ends
	first uint64 // the number of the first
	count int
}

// add appends a line.
func (q *queue) add(line string) {
	var last *block
	if n := len(q.blocks); n > 0 {
		last = q.blocks[n-1]
	}
	if last == nil || len(last.data)+len(line)+2 > blockSize {
		last = q.newBlock()
		q.blocks = append(q.blocks, last)
	}
	before := len(last.data)
	last.data = protocol.AppendLine(last.data, line)
	last.count++
	q.size += len(last.data) - before
	q.lines++
}

func (q *queue) newBlock() *block {
	var data []byte
	if n := len(q.free); n > 0 {
		data, q.free = q.free[n-1], q.free[:n-1]
	} else {
		data = make([]byte, 0, blockSize)
	}
	return &block{data: data[:0], first: q.lines + 1}
}

// next hands out what follows that which it handed out before: whole lines, valid until they are
// acknowledged. nil is nothing more.
func (q *queue) next() []byte {
	for q.block < len(q.blocks) {
		b := q.blocks[q.block]
		if data := b.data[q.at:]; len(data) > 0 {
			q.at = len(b.data)
			q.sent = b.last()
			return data
		}
		if q.block == len(q.blocks)-1 {
			break
		}
		q.block, q.at = q.block+1, 0
	}
	return nil
}

// ack drops the lines up to number n, which have been handed out.
func (q *queue) ack(n uint64) {
	for q.acked < n {
		b := q.blocks[0]
		if last := b.last(); last <= n {
			q.size -= len(b.data) - q.head
			q.acked, q.head = last, len(b.data)
		} else {
			head := b.skip(q.head, n-q.acked)
			q.size -= head - q.head
			q.acked, q.head = n, head
		}
		// The block that was handed out last may still be being written, and filled.
		if q.head == len(b.data) && q.block > 0 {
			q.blocks = slices.Delete(q.blocks, 0, 1)
			q.block--
			q.head = 0
			q.free = append(q.free, b.data)
		}
	}
}

// rewind makes next go on after the acknowledged lines. What was handed out before is not being
// used any more.
func (q *queue) rewind() { q.block, q.at, q.sent = 0, q.head, q.acked }

// text returns line n, "" if it is no longer kept.
func (q *queue) text(n uint64) string {
	for _, b := range q.blocks {
		if n >= b.first && n <= b.last() {
			line, _, _ := bytes.Cut(b.data[b.skip(0, n-b.first):], []byte{'\n'})
			return string(protocol.TrimLine(line))
		}
	}
	return ""
}

// undelivered returns the lines that are not acknowledged.
func (q *queue) undelivered() []string {
	var lines []string
	for i, b := range q.blocks {
		data := b.data
		if i == 0 {
			data = data[q.head:]
		}
		for line := range bytes.Lines(data) {
			lines = append(lines, string(protocol.TrimLine(line)))
		}
	}
	return lines
}

func (b *block) last() uint64 { return b.first + uint64(b.count) - 1 }

// skip returns where the line begins that is so many lines behind the one at a byte.
func (b *block) skip(at int, lines uint64) int {
	for ; lines > 0; lines-- {
		at += bytes.IndexByte(b.data[at:], '\n') + 1
	}
	return at
}
