package proxy

import (
	"math/rand/v2"
	"time"
)

// Plan is what happens to one connection. The zero Plan passes everything on
// as it comes.
type Plan struct {
	Up   Way // from the client to the server
	Down Way // from the server to the client
}

// Way is what happens to the bytes of one direction.
type Way struct {
	Seed  uint64        // of all that is random
	Whole int           // the first so many bytes are never split
	Split int           // pieces of random lengths, short ones as likely as long ones, up to this; 0: as it comes
	Hold  time.Duration // coalesce: a piece that is not complete waits so long for the rest of it
	Delay time.Duration // some of the pieces wait, for up to so long
	Rate  int           // bytes a second at most; 0: no limit
	Fault Fault
	At    int64         // the fault comes as soon as exactly so many bytes were passed on
	Lag   time.Duration // of Reset: the sender learns of it so much later; 0: both ends at once. Of Stall: how long it lasts
}

// Fault is what ends a direction, or interrupts it.
type Fault uint8

const (
	// None lets it end as the sender does.
	None Fault = iota
	// Reset breaks the connection.
	Reset
	// HalfClose tells the receiver that the input has ended, and swallows what
	// the sender still sends. The other direction goes on.
	HalfClose
	// Stall passes nothing on for a while, and then goes on as if nothing had been.
	Stall
	numFaults
)

func (f Fault) String() string { return [...]string{"none", "reset", "half-close", "stall"}[f] }

// Gentle returns a plan drawn from r that loses nothing, for a session of
// about size bytes.
func Gentle(r *rand.Rand, size int64) Plan { return Plan{gentle(r, size), gentle(r, size)} }

// Rough returns a plan drawn from r that breaks a session of about size bytes.
func Rough(r *rand.Rand, size int64) Plan {
	p := Gentle(r, size)
	way := &p.Up
	if r.IntN(2) == 0 {
		way = &p.Down
	}
	way.Fault = Reset
	if r.IntN(3) == 0 {
		way.Fault = HalfClose
	} else if r.IntN(3) == 0 {
		way.Lag = time.Duration(r.IntN(20)) * time.Millisecond
	}
	// Half of them strike early, in the handshake or soon after.
	if r.IntN(2) == 0 {
		size = min(size, 300)
	}
	way.At = r.Int64N(max(size, 1))
	return p
}

// Stalled returns a plan drawn from r that lets a session of about size bytes
// stall once on its way to the client, and loses nothing.
func Stalled(r *rand.Rand, size int64) Plan {
	p := Gentle(r, size)
	p.Down.Fault = Stall
	p.Down.At = r.Int64N(max(size/4, 1))
	p.Down.Lag = time.Duration(200+r.IntN(1000)) * time.Millisecond
	return p
}

// gentle keeps what it does to a session of that size to about a second, in
// time and in the number of pieces.
func gentle(r *rand.Rand, size int64) Way {
	w := Way{Seed: r.Uint64()}
	if r.IntN(3) > 0 {
		w.Split = max(1<<r.IntN(15), int(size/1000))
	}
	if r.IntN(3) == 0 {
		w.Hold = time.Duration(1+r.IntN(10)) * time.Millisecond
	}
	if r.IntN(3) == 0 {
		w.Delay = time.Duration(1+r.IntN(20)) * time.Millisecond
	}
	if r.IntN(4) == 0 {
		w.Rate = int(max(size, 10_000)) << r.IntN(5)
	}
	return w
}
