package load

import (
	"bytes"
	"fmt"
)

// A stamp is how a payload that will be looked into begins: '@' and a number. The rest of a payload
// is filler, a slice of the alphabet in small letters, so that a stamp is found by its first byte,
// in whatever a broker puts around a payload.
const (
	stampSize   = 16
	stampDigits = stampSize - 1
	blockBase   = 1_000_000_000_000 // a throughput stamp is the publisher's number times this plus the block's
)

// MinSize is the smallest payload: one that is all stamp.
const MinSize = stampSize

var filler = bytes.Repeat([]byte("abcdefghijklmnopqrstuvwxyz"), 1+(64<<10)/26)

func putStamp(dst []byte, number int64) {
	dst[0] = '@'
	for i := stampDigits; i > 0; i-- {
		dst[i] = byte('0' + number%10)
		number /= 10
	}
}

// payload returns one of size bytes, with a stamp or with filler alone.
func payload(size int, stamped bool) []byte {
	p := bytes.Clone(filler[:size])
	if stamped {
		putStamp(p, 0)
	}
	return p
}

// stampScanner finds the stamps in a stream.
type stampScanner struct {
	size int                 // of payloads
	kept [2 * stampSize]byte // the end of the last block, where it may be the begin of a stamp
	n    int
	each func(number int64) error
}

// look calls each for every stamp of which the last digit is in block.
func (m *stampScanner) look(block []byte) error {
	if m.n > 0 { // a stamp that was cut: complete it
		take := min(stampSize-m.n, len(block))
		copy(m.kept[m.n:], block[:take])
		if m.n += take; m.n < stampSize {
			return nil
		}
		if err := m.found(m.kept[:stampSize]); err != nil {
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
		if len(block) < stampSize {
			m.n = copy(m.kept[:], block)
			return nil
		}
		if err := m.found(block); err != nil {
			return err
		}
		block = block[stampSize:]
	}
}

// found checks the stamp that block begins with, and the filler behind it as far as it is there.
func (m *stampScanner) found(block []byte) error {
	number := int64(0)
	for _, digit := range block[1:stampSize] {
		if digit < '0' || digit > '9' {
			return fmt.Errorf("the payload is garbled: it begins with %q", block[:stampSize])
		}
		number = number*10 + int64(digit-'0')
	}
	rest := block[stampSize:min(m.size, len(block))]
	if !bytes.Equal(rest, filler[stampSize:stampSize+len(rest)]) {
		return fmt.Errorf("the payload is garbled behind its stamp %d", number)
	}
	return m.each(number)
}

// inTurn checks that the blocks of so many publishers come in the order of their numbers.
func inTurn(publishers int) func(stamp int64) error {
	next := make([]int64, publishers)
	return func(stamp int64) error {
		publisher, block := stamp/blockBase, stamp%blockBase
		if publisher >= int64(publishers) || block != next[publisher] {
			return fmt.Errorf("block %d of publisher %d comes out of turn", block, publisher)
		}
		next[publisher]++
		return nil
	}
}
