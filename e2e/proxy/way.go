package proxy

import (
	"errors"
	"io"
	"math/bits"
	"math/rand/v2"
	"net"
	"os"
	"time"
)

// pass is one direction of a link, from its first byte to its end.
func (l *link) pass(src, dst *net.TCPConn, w Way) {
	pieces := newPieces(w)
	buf := make([]byte, 32<<10)
	for {
		if pieces.faulty() {
			l.p.faults[w.Fault].Add(1)
			if w.Fault != Stall {
				l.fault(src, dst, w)
				return
			}
			if !l.sleep(w.Lag) {
				return
			}
			pieces.way.Fault = None // it is over
		}
		n, err := w.read(src, buf[:min(int64(len(buf)), pieces.room())], pieces.atLeast())
		if n > 0 {
			if !l.sleep(pieces.pause(n)) {
				return
			}
			if _, err := dst.Write(buf[:n]); err != nil {
				l.broken()
				return
			}
			pieces.advance(n)
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			dst.CloseWrite()
			return
		default:
			l.broken()
			return
		}
	}
}

// settle is how long the ends have to connect before a reset. longestSettle is how long an end has
// to take what was passed on, which a reset otherwise overtakes: one that reads needs next to none of it.
const settle, longestSettle = time.Millisecond, 5 * time.Second

// settled waits before a reset, or says false when the link ends.
func (l *link) settled(dst *net.TCPConn) bool {
	for began := time.Now(); l.sleep(settle); {
		if unconfirmed(dst) == 0 || time.Since(began) > longestSettle {
			return true
		}
	}
	return false
}

// broken ends the link because one of its ends has gone, unless the proxy has
// itself done that, and does the rest.
func (l *link) broken() {
	if !l.halved.Load() {
		l.cancel()
	}
}

func (l *link) fault(src, dst *net.TCPConn, w Way) {
	if w.Fault == Reset && !l.settled(dst) {
		return
	}
	switch {
	case w.Fault == HalfClose:
		dst.CloseWrite()
		if _, err := io.Copy(io.Discard, src); err != nil {
			l.broken()
		}
	case w.Lag > 0:
		l.halved.Store(true)
		reset(dst)
		src.SetReadDeadline(time.Now().Add(w.Lag))
		io.Copy(io.Discard, src)
		l.cancel()
	default:
		l.cancel()
	}
}

// read reads what there is, but at least so much, and for as long as Hold what
// else comes.
func (w *Way) read(src *net.TCPConn, p []byte, atLeast int) (n int, err error) {
	n, err = io.ReadAtLeast(src, p, min(atLeast, len(p)))
	if w.Hold == 0 || err != nil || n == len(p) {
		return n, err
	}
	src.SetReadDeadline(time.Now().Add(w.Hold))
	defer src.SetReadDeadline(time.Time{})
	m, err := io.ReadFull(src, p[n:])
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return n + m, err
}

// pace returns how long n bytes take.
func (w *Way) pace(n int) time.Duration {
	if w.Rate == 0 {
		return 0
	}
	return time.Duration(n) * time.Second / time.Duration(w.Rate)
}

// longest is the most that is passed on at once, in bytes.
const longest = 32 << 10

// pieces says where the bytes of a direction are split, and where they wait.
// It depends on how many have passed, and on nothing else.
type pieces struct {
	way    Way
	passed int64 // bytes so far

	ends *rand.Rand
	end  int64 // of the present piece

	waits *rand.Rand
	wait  int64 // the next byte that waits
}

func newPieces(w Way) *pieces {
	p := &pieces{way: w, ends: rand.New(rand.NewPCG(w.Seed, 0)), waits: rand.New(rand.NewPCG(w.Seed, 1))}
	p.wait = upTo(p.waits, longest) - 1
	p.next()
	return p
}

// upTo draws a number from 1 to most, every order of size as likely as the others.
func upTo(r *rand.Rand, most int) int64 {
	n := int64(1) << r.IntN(bits.Len(uint(most)))
	return min(n+r.Int64N(n), int64(most))
}

// next draws where the next piece ends.
func (p *pieces) next() {
	length := int64(longest)
	if p.way.Split > 0 {
		length = upTo(p.ends, p.way.Split)
	}
	p.end = max(p.passed+length, int64(p.way.Whole))
}

// room returns how much may be passed on at once.
func (p *pieces) room() int64 {
	room := p.end - p.passed
	if p.way.Fault != None {
		room = min(room, p.way.At-p.passed)
	}
	return room
}

// faulty reports whether the fault comes now.
func (p *pieces) faulty() bool { return p.way.Fault != None && p.passed == p.way.At }

// atLeast returns how much must be passed on at once.
func (p *pieces) atLeast() int { return int(max(1, int64(p.way.Whole)-p.passed)) }

// pause returns how long the next n bytes wait.
func (p *pieces) pause(n int) (pause time.Duration) {
	for ; p.way.Delay > 0 && p.wait < p.passed+int64(n); p.wait += upTo(p.waits, longest) {
		pause += time.Duration(p.waits.Int64N(int64(p.way.Delay)))
	}
	return pause + p.way.pace(n)
}

func (p *pieces) advance(n int) {
	if p.passed += int64(n); p.passed == p.end {
		p.next()
	}
}
