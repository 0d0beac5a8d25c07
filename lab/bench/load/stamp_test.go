package load

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMarksHoweverCut(t *testing.T) {
	var stream []byte
	var want []int64
	for n := range int64(4) {
		p := payload(40, true)
		putStamp(p, n*blockBase+n)
		want = append(want, n*blockBase+n)
		stream = append(append(append(stream, "[FROM x] : "...), p...), '\n')
		stream = append(append(append(stream, "[FROM x] : "...), payload(40, false)...), '\n')
	}
	for size := 1; size <= len(stream); size++ {
		var got []int64
		m := stampScanner{size: 40, each: func(n int64) error { got = append(got, n); return nil }}
		for rest := stream; len(rest) > 0; rest = rest[min(size, len(rest)):] {
			require.NoError(t, m.look(rest[:min(size, len(rest))]))
		}
		require.Equal(t, want, got, "in pieces of %d", size)
	}
}

func TestGarbledMarks(t *testing.T) {
	m := stampScanner{size: 40, each: func(int64) error { return nil }}
	p := payload(40, true)
	require.NoError(t, m.look(p))
	p[5] = 'x'
	assert.ErrorContains(t, m.look(p), "garbled")
	p = payload(40, true)
	p[30] = 'X'
	assert.ErrorContains(t, m.look(p), "garbled")
	assert.Len(t, payload(MinSize, true), MinSize)
}
