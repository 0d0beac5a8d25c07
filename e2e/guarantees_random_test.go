package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pubsublab/lab/topology"
)

// seedVariable repeats the random input of a test: its value is the seed that
// the test printed.
const seedVariable = "PUBSUBLAB_SEED"

// dice is where the random input of a test comes from, lines and moments of
// faults. It is for one goroutine.
type dice struct{ *rand.Rand }

// throw prints the seed of a test's input.
func throw(t *testing.T) dice {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv(seedVariable); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, seedVariable)
	}
	t.Logf("the seed of its input: %s=%d", seedVariable, seed)
	return dice{rand.New(rand.NewPCG(seed, 0))}
}

// between is a number from low to high.
func (d dice) between(low, high int) int { return low + d.IntN(high-low+1) }

// runes are characters of which lines are made: of each length in UTF-8, and
// such as are apt to be mistaken for something else.
var runes = []rune("abcdefghijklmnopqrstuvwxyz     \t\t[]:#\"\\\x1b\r\u00e4\u00df\u20ac\u2028\u65e5\u672c\U0001f40b")

// line is random text of about so many bytes.
func (d dice) line(size int) string {
	var b strings.Builder
	for b.Len() < size {
		b.WriteRune(runes[d.IntN(len(runes))])
	}
	return b.String()
}

// script is n random lines of about so many bytes on average, as a file to
// publish. Some lines are empty, some repeat each other, and one is long. The
// others begin with their number.
func (d dice) script(n, size int) []byte { return []byte(strings.Join(d.lines(n, size), "")) }

// lines is a script cut into lines, with their line ends.
func (d dice) lines(n, size int) []string {
	lines := make([]string, n)
	long := d.IntN(n)
	for i := range lines {
		var line string
		switch which := d.IntN(20); {
		case i == long:
			line = fmt.Sprint(i+1, " ", d.line(60_000))
		case which == 0:
		case which == 1:
			line = "again"
		default:
			line = fmt.Sprint(i+1, " ", d.line(d.between(0, 2*size)))
		}
		if strings.HasSuffix(line, "\r") {
			line += "\r" // the first is the line's, the second the line end's
		}
		lines[i] = line + "\n"
	}
	return lines
}

// scripts gives each publisher a random script of n lines, at so many lines
// per second, 0 for as fast as possible.
func (d dice) scripts(topo *topology.Topology, n, size, rate int) {
	for _, p := range topo.WithRole(topology.Publisher) {
		p.SetScript(d.script(n, size))
		p.SetFlag("rate", fmt.Sprint(rate))
	}
}
