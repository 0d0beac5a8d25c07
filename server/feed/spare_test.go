package feed

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSpareMemoryIsUsedAgainWhereItFits(t *testing.T) {
	var s spare
	for _, size := range []int{1, 511, 4096, 5000, 100_000, 131_073} {
		data := s.get(size)
		require.Empty(t, data)
		require.GreaterOrEqual(t, cap(data), size)
		require.LessOrEqual(t, cap(data), size+size/8)
	}
	s.put(make([]byte, 10, 100_000), 1<<20)
	require.Less(t, cap(s.get(60_000)), 100_000, "too much would be left over")
	require.Equal(t, 100_000, s.size, "so that one is kept")
	require.Less(t, cap(s.get(100_001)), 200_000)
	require.Equal(t, 100_000, s.size, "and for what is larger, too")
	require.Equal(t, 100_000, cap(s.get(80_000)), "half as much again is not too much")
	require.Zero(t, s.size)
}

func TestSpareMemoryIsBounded(t *testing.T) {
	var s spare
	s.put(make([]byte, leastSpare-1), 1<<20)
	require.Empty(t, s.free, "too little to keep")
	for n := range 10 {
		s.put(make([]byte, 10_000+n), 35_000)
	}
	require.Len(t, s.free, 3, "as many as there is room for")
	require.Equal(t, 10_009, cap(s.free[2]), "the newest, which are in the cache")
	s.put(make([]byte, 40_000), 35_000)
	require.Empty(t, s.free)
	require.Zero(t, s.size)
	s.put(make([]byte, 10_000), -1) // the cache is over its size, and drops more
	require.Empty(t, s.free)
	require.Zero(t, s.size)
}
