package journal

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
)

const eighth = MinHistory / 8 // seals a segment of the smallest history

// full is a journal without room, and a reader that keeps it so.
func full(t *testing.T) (*bench, *reader) {
	b := newBench(t, MinHistory)
	r := b.open(protocol.FromFirst(), "")
	for range 8 {
		b.add(bulk(eighth))
	}
	return b, r
}

// attempt is an Append that may have to wait.
type attempt struct {
	cancel   context.CancelCauseFunc
	err      chan error
	acked    bool
	returned bool
}

func (b *bench) start(e Entry) *attempt {
	ctx, cancel := context.WithCancelCause(context.Background())
	a := &attempt{cancel: cancel, err: make(chan error, 1)}
	go func() {
		defer cancel(nil)
		a.err <- b.Append(ctx, e, func(error) { a.acked = true })
	}()
	synctest.Wait()
	return a
}

// result returns what Append returned; that it has returned is asserted.
func (a *attempt) result(t *testing.T) error {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-a.err:
		require.Equal(t, err == nil, a.acked, "done is called where Append returned nil")
		return err
	default:
		require.Fail(t, "Append should have returned")
		return nil
	}
}

func (a *attempt) waits(t *testing.T, why string) {
	t.Helper()
	synctest.Wait()
	require.Empty(t, a.err, why)
}

func TestP16AppendWaitsForTheSlowest(t *testing.T) {
	for name, leave := range map[string]func(b *bench, r *reader){
		"Release": func(b *bench, r *reader) { r.release() },
		"Advance": func(b *bench, r *reader) { r.s = b.advance(r.s) },
		"reading": func(b *bench, r *reader) { r.rest() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, slow := full(t)
				fast := b.open(protocol.From{}, "")
				a := b.start(lines("ada: one"))
				a.waits(t, "P16: there is no room")
				require.Equal(t, []uint64{1}, b.pressed, "the readers of the oldest segment are asked to leave")
				fast.release()
				a.waits(t, "another reader's leaving makes no room")
				leave(b, slow)
				require.NoError(t, a.result(t))
				require.Equal(t, []uint64{1}, b.pressed)
				slow.release()
				kept := b.kept(protocol.FromFirst(), "")
				require.Equal(t, "9 ada: one", kept[len(kept)-1])
			})
		})
	}
}

func TestP16TheWaitingIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, slow := full(t)
		a := b.start(lines("ada: one"))
		time.Sleep(2*pressAgain + time.Millisecond)
		a.waits(t, "P16: there is still no room")
		require.Equal(t, []uint64{1, 1, 1}, b.pressed, "whoever came into the segment since has to hear of it")
		slow.s = b.advance(slow.s)
		require.NoError(t, a.result(t))
		time.Sleep(time.Hour)
		require.Len(t, b.pressed, 3, "nobody waits any more")
		slow.release()
	})
}

func TestP16ASecondReaderOfTheSegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, first := full(t)
		second := b.open(protocol.FromFirst(), "")
		a := b.start(lines("ada: one"))
		first.release()
		a.waits(t, "P16: the second one has still not taken it")
		second.release()
		require.NoError(t, a.result(t))
	})
}

func TestP16AsManySegmentsAsItTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, slow := full(t)
		a := b.start(bulk(2*eighth + 1))
		for seq := uint64(1); seq <= 3; seq++ {
			a.waits(t, "three segments have to go")
			require.Equal(t, seq, b.pressed[len(b.pressed)-1], "the oldest that is left")
			slow.s = b.advance(slow.s)
		}
		require.NoError(t, a.result(t))
		slow.release()
	})
}

func TestP17CloseEndsTheWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, slow := full(t)
		a, other := b.start(lines("ada: one")), b.start(lines("bob: two"))
		b.Close(context.Background())
		require.ErrorIs(t, a.result(t), ErrClosed)
		require.ErrorIs(t, other.result(t), ErrClosed)
		require.Len(t, slow.rest(), 8, "P17: what was accepted can be read, and no more")
	})
}

func TestAppendOfAClientThatLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, slow := full(t)
		gone := errors.New("the client left")
		a, patient := b.start(lines("ada: one")), b.start(lines("bob: two"))
		a.cancel(gone)
		require.ErrorIs(t, a.result(t), gone, "the cause")
		patient.waits(t, "the other one has not left")
		slow.release()
		require.NoError(t, patient.result(t))
		require.NotContains(t, b.kept(protocol.FromFirst(), ""), "9 ada: one")
	})
}

func TestAWaitingRunIsNotAdmitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, slow := full(t)
		e := lines("ada: one two")
		e.Run, e.First = "r", 1
		a := b.start(e)
		require.EqualValues(t, 1, b.nextLine("ada", "r"), "P15: it is not in the order yet")
		a.cancel(nil)
		require.ErrorIs(t, a.result(t), context.Canceled)
		require.EqualValues(t, 1, b.nextLine("ada", "r"), "P15: and never came into it")
		slow.release()
		b.add(e)
		require.EqualValues(t, 3, b.nextLine("ada", "r"))
	})
}

func TestEventsNeverWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, slow := full(t)
		waiting := b.start(lines("ada: one"))
		for range 1000 {
			require.NoError(t, b.start(joined("bob")).result(t), "an arrival does not hang on how fast others read")
		}
		require.Equal(t, []uint64{1}, b.pressed, "one tells for all that there is too little room")
		waiting.waits(t, "messages do wait")
		all := slow.rest()
		require.NoError(t, waiting.result(t))
		all = append(all, slow.rest()...)
		require.Len(t, all, 8+1000+1, "nothing is lost")
		require.Equal(t, "9 ada: one", all[len(all)-1])
		slow.release()
	})
}

// Without bound, arrivals would be a way to fill the memory.
func TestArrivalsWaitFarBeyondTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, slow := full(t)
		var last *attempt
		for range 10_000 {
			if last = b.start(joined("bob")); len(last.err) == 0 {
				break
			}
		}
		last.waits(t, "an arrival")
		require.NoError(t, b.start(left("bob")).result(t), "a departure frees more than it costs")
		slow.release()
		require.NoError(t, last.result(t))
	})
}

// Entries of more messages than a segment holds are cut: what a segment of tiny
// lines becomes once it is rendered is bounded.
func TestLargeEntriesAreCut(t *testing.T) {
	b := newBench(t, MinHistory)
	e := Entry{From: "ada", Lines: bytes.Repeat([]byte{'\n'}, 10_000), Count: 10_000, Run: "r", First: 1}
	b.add(e)
	require.EqualValues(t, 10_001, b.nextLine("ada", "r"))
	r := b.open(protocol.FromFirst(), "")
	next := uint64(1)
	for r.s != nil {
		entries, sealed := r.s.Entries(0)
		msgs := 0
		for _, part := range entries {
			require.Equal(t, next, part.Pos)
			require.Equal(t, part.Count, bytes.Count(part.Lines, []byte{'\n'}))
			next += uint64(part.Count)
			msgs += part.Count
		}
		require.LessOrEqual(t, msgs, maxSegmentMessages)
		if !sealed {
			break
		}
		r.s = b.advance(r.s)
	}
	require.EqualValues(t, 10_001, next)
}

// Telling readers costs a look at each of them.
func TestOneTellsForAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, slow := full(t)
		var attempts []*attempt
		for range 100 {
			attempts = append(attempts, b.start(lines("ada: one")))
		}
		require.Equal(t, []uint64{1}, b.told())
		time.Sleep(10*pressAgain + pressAgain/2)
		synctest.Wait()
		require.InDelta(t, 11, len(b.told()), 1, "again from time to time")
		slow.release()
		for _, a := range attempts {
			require.NoError(t, a.result(t))
		}
	})
}

// Whoever is woken without success waits on, and all get their turn.
func TestManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, slow := full(t)
		var attempts []*attempt
		for range 20 {
			attempts = append(attempts, b.start(bulk(eighth)))
		}
		for n := range 20 {
			done := 0
			for _, a := range attempts {
				if a.returned = a.returned || len(a.err) > 0; a.returned {
					done++
				}
			}
			require.Equal(t, n, done, "each segment that the reader leaves lets one in")
			slow.s = b.advance(slow.s)
			synctest.Wait()
		}
		for _, a := range attempts {
			assert.NoError(t, a.result(t))
		}
		slow.release()
	})
}
