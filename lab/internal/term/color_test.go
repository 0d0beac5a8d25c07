package term

import (
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/fatih/color"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestContrast: every colour has a contrast of 3.5 at least, as WCAG counts it, with black and with
// white.
func TestContrast(t *testing.T) {
	defer func(before bool) { color.NoColor = before }(color.NoColor)
	color.NoColor = false
	seen := map[int]bool{}
	for _, c := range append([]*color.Color{Good, Warn, Bad}, Palette...) {
		var number int
		_, err := fmt.Sscanf(c.Sprint("x"), "\x1b[38;5;%dmx", &number)
		require.NoError(t, err)
		assert.False(t, seen[number], "%d is there twice", number)
		seen[number] = true
		l := luminance(number)
		assert.GreaterOrEqual(t, (l+0.05)/0.05, 3.5, "%d on black", number)
		assert.GreaterOrEqual(t, 1.05/(l+0.05), 3.5, "%d on white", number)
	}
	assert.Contains(t, Bold(Good).Sprint("x"), "\x1b[38;5;28;1mx")
	assert.NotContains(t, Good.Sprint("x"), ";1m", "the colour itself is not bold")
}

// luminance of one of the 216 colours from 16 on, as WCAG defines it.
func luminance(number int) (sum float64) {
	levels := []float64{0, 95, 135, 175, 215, 255}
	number -= 16
	for i, share := range []float64{0.2126, 0.7152, 0.0722} {
		c := levels[number/[]int{36, 6, 1}[i]%6] / 255
		if c > 0.03928 {
			c = math.Pow((c+0.055)/1.055, 2.4)
		} else {
			c /= 12.92
		}
		sum += share * c
	}
	return sum
}

func TestNoTerminal(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/out")
	require.NoError(t, err)
	defer file.Close()
	assert.Equal(t, 80, Width(file))
	assert.False(t, Moves(file))
}
