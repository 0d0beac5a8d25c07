package journal

import (
	"sync"
	"sync/atomic"

	"pubsublab/protocol"
)

// BufferSize is the size of a Buffer: room for two of the longest lines.
const BufferSize = 2 * protocol.MaxLine

// Buffer is memory for lines, into which a publisher's connection is read. What is in it becomes the
// journal's without a copy: whoever fills it adds behind what it has handed over. When nobody holds
// it any more it is used again, so that nothing is left to the garbage collector; a Buffer that is
// only forgotten is the collector's, like all memory. It may be used concurrently.
type Buffer struct {
	data []byte
	refs atomic.Int32

	// Guarded by the journal's lock.
	shared bool // it holds copies, each of which counts for itself
	size   int  // of one that is not shared: what it counts for in the history, and has not yet
}

// free is the Buffers that nobody holds, the latest last: what was used last is still in the
// processor's cache.
var free struct {
	mu      sync.Mutex
	buffers []*Buffer
}

// maxFree is how many free Buffers are kept.
const maxFree = 16

// NewBuffer returns a Buffer that the caller holds. It holds anything.
func NewBuffer() *Buffer {
	free.mu.Lock()
	var b *Buffer
	if last := len(free.buffers) - 1; last >= 0 {
		b, free.buffers = free.buffers[last], free.buffers[:last]
	}
	free.mu.Unlock()
	if b == nil {
		b = &Buffer{data: make([]byte, BufferSize)}
	}
	b.shared, b.size = false, BufferSize
	b.refs.Store(1)
	return b
}

// Bytes returns all of the memory.
func (b *Buffer) Bytes() []byte { return b.data }

// Hold has one more hold the Buffer, which the caller holds.
func (b *Buffer) Hold() { b.refs.Add(1) }

// Release ends what NewBuffer or Hold began. A nil Buffer may be released.
func (b *Buffer) Release() {
	if b == nil || b.refs.Add(-1) > 0 {
		return
	}
	free.mu.Lock()
	defer free.mu.Unlock()
	if len(free.buffers) < maxFree {
		free.buffers = append(free.buffers, b)
	}
}
