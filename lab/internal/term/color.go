package term

import (
	"os"

	"github.com/fatih/color"
	"golang.org/x/term"
)

// Colours of the 256 that terminals know, chosen so that they can be read on black and on white.
// They are left out where color.NoColor says so: NO_COLOR is set, TERM is dumb, or standard output
// is no terminal.
var (
	Good = of(28)  // green
	Warn = of(130) // orange
	Bad  = of(160) // red

	// Palette tells things apart of which none is better than another. None is like one of the
	// three above.
	Palette = []*color.Color{of(31), of(133), of(64), of(63), of(94), of(30), of(129), of(67), of(132), of(29)}
)

// of is a colour by its number.
func of(number color.Attribute) *color.Color { return color.New(38, 5, number) }

// Bold returns the same colour in bold letters.
func Bold(c *color.Color) *color.Color {
	bold := *c
	return bold.Add(color.Bold)
}

// Width returns how many columns a text may take on file: those of the terminal, between 40 and 80,
// or 80 where file is none.
func Width(file *os.File) int { return min(Columns(file), 80) }

// Columns returns how many columns a line may take on file: those of the terminal, 40 at least, or 80
// where file is none.
func Columns(file *os.File) int {
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil || width <= 0 {
		return 80
	}
	return max(width, 40)
}

// Moves reports whether file is a terminal on which a line can be drawn again in its place:
// TERM=dumb cannot.
func Moves(file *os.File) bool {
	return os.Getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd()))
}
