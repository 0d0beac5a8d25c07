package protocol

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fill gives the Decoder all the space it offers, and takes what it finds.
func fill(d *Decoder, full []byte) (rejected int) {
	d.Fill(copy(d.Space(), full))
	for c, ok := d.Next(); ok; c, ok = d.Next() {
		if c.Err != nil {
			rejected++
		}
	}
	return rejected
}

func TestNeverEndingLineStaysBounded(t *testing.T) {
	for _, maxLine := range []int{1, 64, 4096, MaxLine} {
		d := NewDecoder(maxLine, nil)
		xs := bytes.Repeat([]byte{'x'}, 2*MaxLine)
		rejected, most := 0, 0
		for range 100 {
			rejected += fill(d, xs)
			most = max(most, len(d.Space()))
		}
		assert.Equal(t, 1, rejected, "P6: one line, told once")
		assert.LessOrEqual(t, most, 2*maxLine+4, "of %d bytes at most", maxLine)
		assert.Zero(t, testing.AllocsPerRun(100, func() { fill(d, xs) }), "what is thrown away costs nothing")
		assert.Equal(t, []string{"2=a"}, feed(t, d, "\na\n"), "the line after it")
	}
}

func TestBufferFollowsTheLoad(t *testing.T) {
	d := NewDecoder(MaxLine, nil)
	require.Less(t, len(d.Space()), idleBuffer, "an idle publisher holds little")
	fill(d, bytes.Repeat([]byte{'\n'}, idleBuffer))
	require.LessOrEqual(t, len(d.Space()), 4*idleBuffer, "and a little more for some lines at once")
	for range 20 {
		fill(d, bytes.Repeat([]byte{'\n'}, 2*MaxLine))
	}
	require.Equal(t, 2*MaxLine-1, len(d.Space()), "a burst is read in big blocks")
	for range smallReads {
		require.Equal(t, 2*MaxLine-1, len(d.Space()), "also when the end of a block comes alone")
		feed(t, d, "one\n")
	}
	feed(t, d, "one\n")
	require.Less(t, len(d.Space()), idleBuffer, "and given back after it")
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		d.Fill(copy(d.Space(), "one\n"))
		for _, ok := d.Next(); ok; _, ok = d.Next() {
		}
	}), "steady trickling does not change the buffer")
}

func TestChunksStandUntilTheNextCall(t *testing.T) {
	d := NewDecoder(MaxLine, nil)
	d.Fill(copy(d.Space(), "one\ntwo\nthr"))
	c, ok := d.Next()
	require.True(t, ok)
	lines := string(c.Lines)
	d.Fill(0)
	require.Equal(t, lines, string(c.Lines))
	require.Equal(t, "one\ntwo\n", lines)
	_, ok = d.Next()
	require.False(t, ok)
	d.Fill(copy(d.Space(), "ee\n"))
	require.Equal(t, []string{"3=three"}, drain(t, d))
}

// What is kept stays as it is, whatever is read behind it, and a buffer is used to its end.
func TestKeptLinesStay(t *testing.T) {
	d := NewDecoder(MaxLine, nil)
	buffers := 0
	d.SetBuffers(func(size int, rest []byte) []byte {
		buffers++
		return newBuffer(size, rest)
	})
	rng := rand.New(rand.NewPCG(1, 1))
	var kept [][]byte
	var want, input strings.Builder
	for n := range 20_000 {
		line := fmt.Sprint(n, " ", strings.Repeat("x", rng.IntN(60)), []string{"\n", "\r\n"}[rng.IntN(9)/8])
		input.WriteString(line)
		want.WriteString(strings.Replace(line, "\r", "", 1))
	}
	for rest := input.String(); rest != ""; {
		n := copy(d.Space(), rest[:min(len(rest), 1+rng.IntN(40_000))])
		d.Fill(n)
		rest = rest[n:]
		for c, ok := d.Next(); ok; c, ok = d.Next() {
			kept = append(kept, c.Lines)
			d.Keep()
		}
	}
	require.Equal(t, want.String(), string(bytes.Join(kept, nil)))
	require.LessOrEqual(t, buffers, 2+input.Len()*4/3/(2*MaxLine-MaxLine/1000), "three quarters of each are used")
}

// The real limits, in random pieces: fuzzing rarely builds inputs this long.
func TestP6RandomInput(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	pieces := []string{
		"\n", "\n", "\r\n", "\r", "a line\n", "ž", "terminat", "x\x00", "\xff", strings.Repeat("short\n", 900),
		strings.Repeat("x", MaxLine-1), strings.Repeat("x", MaxLine), strings.Repeat("x\n", 1000), strings.Repeat("x", 3*MaxLine),
	}
	for range 5 {
		var b strings.Builder
		for range 1 + rng.IntN(12) {
			b.WriteString(pieces[rng.IntN(len(pieces))])
		}
		input := b.String()
		d := NewDecoder(MaxLine, nil)
		var got []string
		for rest := input; rest != ""; {
			n := min(len(rest), 1+rng.IntN(1+rng.IntN(200_000)))
			got = append(got, feed(t, d, rest[:n])...)
			rest = rest[n:]
		}
		require.True(t, slices.Equal(reference(input, MaxLine, 1, false), got), "seed %d", seed)
		d.Finish()
		got = append(got, drain(t, d)...)
		require.True(t, slices.Equal(reference(input, MaxLine, 1, true), got), "seed %d", seed)
	}
}
