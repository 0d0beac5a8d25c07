package load

import (
	"bytes"
	"fmt"
)

// A mark is how a payload that will be looked into begins: '@' and a number. The rest of a payload is filler, a slice of the
// alphabet in small letters, so that a mark is found by its first byte, in whatever a broker puts around a payload.
const (
	markSize   = 16
	markDigits = markSize - 1
	blockBase  = 1_000_000_000_000 // a throughput mark is the publisher's number times this plus the block's
)

// MinSize is the smallest payload: one that is all mark.
const MinSize = markSize

var filler = bytes.Repeat([]byte("abcdefghijklmnopqrstuvwxyz"), 1+(64<<10)/26)

func putMark(dst []byte, number int64) {
	dst[0] = '@'
	for i := markDigits; i > 0; i-- {
		dst[i] = byte('0' + number%10)
		number /= 10
	}
}

// payload returns one of size bytes, with a mark or with filler alone.
func payload(size int, marked bool) []byte {
	p := bytes.Clone(filler[:size])
	if marked {
		putMark(p, 0)
	}
	return p
}

// marks finds the marks in a stream.
type marks struct {
	size int                // of payloads
	kept [2 * markSize]byte // the end of the last block, where it may be the begin of a mark
	n    int
	each func(number int64) error
}

// look calls each for every mark of which the last digit is in block.
func (m *marks) look(block []byte) error {
	if m.n > 0 { // a mark that was cut: complete it
		take := min(markSize-m.n, len(block))
		copy(m.kept[m.n:], block[:take])
		if m.n += take; m.n < markSize {
			return nil
		}
		if err := m.found(m.kept[:markSize]); err != nil {
			return err
		}
		m.n, block = 0, block[take:]
	}
	for {
		i := bytes.IndexByte(block, '@')
		if i < 0 {
			return nil
		}
		block = block[i:]
		if len(block) < markSize {
			m.n = copy(m.kept[:], block)
			return nil
		}
		if err := m.found(block); err != nil {
			return err
		}
		block = block[markSize:]
	}
}

// found checks the mark that block begins with, and the filler behind it as far as it is there.
func (m *marks) found(block []byte) error {
	number := int64(0)
	for _, digit := range block[1:markSize] {
		if digit < '0' || digit > '9' {
			return fmt.Errorf("the payload is garbled: it begins with %q", block[:markSize])
		}
		number = number*10 + int64(digit-'0')
	}
	rest := block[markSize:min(m.size, len(block))]
	if !bytes.Equal(rest, filler[markSize:markSize+len(rest)]) {
		return fmt.Errorf("the payload is garbled behind its mark %d", number)
	}
	return m.each(number)
}

// inTurn checks that the blocks of so many publishers come in the order of their numbers.
func inTurn(publishers int) func(mark int64) error {
	next := make([]int64, publishers)
	return func(mark int64) error {
		publisher, block := mark/blockBase, mark%blockBase
		if publisher >= int64(publishers) || block != next[publisher] {
			return fmt.Errorf("block %d of publisher %d comes out of turn", block, publisher)
		}
		next[publisher]++
		return nil
	}
}
