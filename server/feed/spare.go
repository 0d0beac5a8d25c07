package feed

import (
	"math/bits"
	"slices"
	"sync"
)

// spare keeps the memory of blocks that are gone for others: to clear new memory takes longer than
// to fill it. It is bounded, because what it keeps counts as used for the garbage collector, which
// then collects later.
type spare struct {
	mu   sync.Mutex // the Set's lock, or a block's, may be held
	free [][]byte   // the latest last
	size int        // bytes in free
}

// leastSpare is the least memory that is worth keeping.
const leastSpare = 4 << 10

// put takes memory that nobody can see any more, and keeps limit bytes in all, none where that is
// negative.
func (s *spare) put(data []byte, limit int) {
	if cap(data) < leastSpare {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, data[:0])
	s.size += cap(data)
	n := 0
	for ; n < len(s.free) && s.size > limit; n++ {
		s.size -= cap(s.free[n])
	}
	s.free = slices.Delete(s.free, 0, n)
}

// get returns empty memory for size bytes, with room for half as many more at most. Sizes are rounded
// up by an eighth at most, so that memory of one block suits the next.
func (s *spare) get(size int) []byte {
	step := 1 << max(0, bits.Len(uint(size-1))-4)
	size = (size + step - 1) &^ (step - 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.free) - 1; i >= 0; i-- {
		if data := s.free[i]; cap(data) >= size && cap(data) <= size+size/2 {
			s.free = slices.Delete(s.free, i, i+1)
			s.size -= cap(data)
			return data
		}
	}
	return make([]byte, 0, size)
}
