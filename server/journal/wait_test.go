package journal_test

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
	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

// full is a journal without room, and a reader that keeps it so.
func full(t *testing.T) (*rig, *journaltest.Reader) {
	b := newRig(t, journal.MinHistory)
	r := b.Open(protocol.FromFirst(), "")
	for range 8 {
		b.Add(journaltest.Bulk(journaltest.Eighth))
	}
	return b, r
}

func TestP16AppendWaitsForTheSlowest(t *testing.T) {
	for name, leave := range map[string]func(b *rig, r *journaltest.Reader){
		"Release": func(b *rig, r *journaltest.Reader) { r.Release() },
		"Advance": func(b *rig, r *journaltest.Reader) { r.Leave() },
		"reading": func(b *rig, r *journaltest.Reader) { r.Rest() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, slow := full(t)
				fast := b.Open(protocol.From{}, "")
				a := b.Begin(journaltest.Lines("ada: one"))
				require.False(t, a.Returned(), "P16: there is no room")
				require.Equal(t, []uint64{1}, b.Asked(), "the readers of the oldest segment are asked to leave")
				fast.Release()
				require.False(t, a.Returned(), "another reader's leaving makes no room")
				leave(b, slow)
				require.NoError(t, a.Err())
				require.Equal(t, []uint64{1}, b.Asked())
				slow.Release()
				kept := b.Kept(protocol.FromFirst(), "")
				require.Equal(t, "9 ada: one", kept[len(kept)-1])
			})
		})
	}
}

func TestP16TheWaitingIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, slow := full(t)
		a := b.Begin(journaltest.Lines("ada: one"))
		time.Sleep(2*journal.BackpressureEvery + time.Millisecond)
		require.False(t, a.Returned(), "P16: there is still no room")
		require.Equal(t, []uint64{1, 1, 1}, b.Asked(), "whoever came into the segment since has to hear of it")
		slow.Leave()
		require.NoError(t, a.Err())
		time.Sleep(time.Hour)
		require.Len(t, b.Asked(), 3, "nobody waits any more")
		slow.Release()
	})
}

func TestP16ASecondReaderOfTheSegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, first := full(t)
		second := b.Open(protocol.FromFirst(), "")
		a := b.Begin(journaltest.Lines("ada: one"))
		first.Release()
		require.False(t, a.Returned(), "P16: the second one has still not taken it")
		second.Release()
		require.NoError(t, a.Err())
	})
}

func TestP16AsManySegmentsAsItTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, slow := full(t)
		a := b.Begin(journaltest.Bulk(2*journaltest.Eighth + 1))
		for seq := uint64(1); seq <= 3; seq++ {
			require.False(t, a.Returned(), "three segments have to go")
			require.Equal(t, seq, b.Asked()[len(b.Asked())-1], "the oldest that is left")
			slow.Leave()
		}
		require.NoError(t, a.Err())
		slow.Release()
	})
}

func TestP17CloseEndsTheWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, slow := full(t)
		a, other := b.Begin(journaltest.Lines("ada: one")), b.Begin(journaltest.Lines("bob: two"))
		b.Close()
		require.ErrorIs(t, a.Err(), journal.ErrClosed)
		require.ErrorIs(t, other.Err(), journal.ErrClosed)
		require.Len(t, slow.Rest(), 8, "P17: what was accepted can be read, and no more")
	})
}

func TestAppendOfAClientThatLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, slow := full(t)
		gone := errors.New("the client left")
		a, patient := b.Begin(journaltest.Lines("ada: one")), b.Begin(journaltest.Lines("bob: two"))
		a.Cancel(gone)
		require.ErrorIs(t, a.Err(), gone, "the cause")
		require.False(t, patient.Returned(), "the other one has not left")
		slow.Release()
		require.NoError(t, patient.Err())
		require.NotContains(t, b.Kept(protocol.FromFirst(), ""), "9 ada: one")
	})
}

func TestAWaitingRunIsNotAdmitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, slow := full(t)
		e := journaltest.Lines("ada: one two")
		e.Run, e.First = "r", 1
		a := b.Begin(e)
		require.EqualValues(t, 1, b.NextLine("ada", "r"), "P15: it is not in the order yet")
		a.Cancel(nil)
		require.ErrorIs(t, a.Err(), context.Canceled)
		require.EqualValues(t, 1, b.NextLine("ada", "r"), "P15: and never came into it")
		slow.Release()
		b.Add(e)
		require.EqualValues(t, 3, b.NextLine("ada", "r"))
	})
}

func TestEventsNeverWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, slow := full(t)
		waiting := b.Begin(journaltest.Lines("ada: one"))
		for range 1000 {
			require.NoError(t, b.Begin(journaltest.Joined("bob")).Err(), "an arrival does not hang on how fast others read")
		}
		require.Equal(t, []uint64{1}, b.Asked(), "one tells for all that there is too little room")
		require.False(t, waiting.Returned(), "messages do wait")
		all := slow.Rest()
		require.NoError(t, waiting.Err())
		all = append(all, slow.Rest()...)
		require.Len(t, all, 8+1000+1, "nothing is lost")
		require.Equal(t, "9 ada: one", all[len(all)-1])
		slow.Release()
	})
}

// Without bound, arrivals would be a way to fill the memory.
func TestArrivalsWaitFarBeyondTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, slow := full(t)
		var last *journaltest.Attempt
		for range 10_000 {
			if last = b.Begin(journaltest.Joined("bob")); !last.Returned() {
				break
			}
		}
		require.False(t, last.Returned(), "an arrival")
		require.NoError(t, b.Begin(journaltest.Left("bob")).Err(), "a departure frees more than it costs")
		slow.Release()
		require.NoError(t, last.Err())
	})
}

// Entries of more messages than a segment holds are cut: what a segment of tiny lines becomes once
// it is rendered is bounded.
func TestLargeEntriesAreCut(t *testing.T) {
	b := newRig(t, journal.MinHistory)
	e := journal.Entry{From: "ada", Lines: bytes.Repeat([]byte{'\n'}, 10_000), Count: 10_000, Run: "r", First: 1}
	b.Add(e)
	require.EqualValues(t, 10_001, b.NextLine("ada", "r"))
	r := b.Open(protocol.FromFirst(), "")
	next := uint64(1)
	for r.Segment() != nil {
		entries, sealed := r.Segment().Entries(0)
		msgs := 0
		for _, part := range entries {
			require.Equal(t, next, part.Pos)
			require.Equal(t, part.Count, bytes.Count(part.Lines, []byte{'\n'}))
			next += uint64(part.Count)
			msgs += part.Count
		}
		require.LessOrEqual(t, msgs, journal.MaxSegmentMessages)
		if !sealed {
			break
		}
		r.Leave()
	}
	require.EqualValues(t, 10_001, next)
}

// Telling readers costs a look at each of them.
func TestOneTellsForAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, slow := full(t)
		var attempts []*journaltest.Attempt
		for range 100 {
			attempts = append(attempts, b.Begin(journaltest.Lines("ada: one")))
		}
		require.Equal(t, []uint64{1}, b.Asked())
		time.Sleep(10*journal.BackpressureEvery + journal.BackpressureEvery/2)
		synctest.Wait()
		require.InDelta(t, 11, len(b.Asked()), 1, "again from time to time")
		slow.Release()
		for _, a := range attempts {
			require.NoError(t, a.Err())
		}
	})
}

// Whoever is woken without success waits on, and all get their turn.
func TestManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, slow := full(t)
		var attempts []*journaltest.Attempt
		for range 20 {
			attempts = append(attempts, b.Begin(journaltest.Bulk(journaltest.Eighth)))
		}
		for n := range 20 {
			done := 0
			for _, a := range attempts {
				if a.Returned() {
					done++
				}
			}
			require.Equal(t, n, done, "each segment that the reader leaves lets one in")
			slow.Leave()
		}
		for _, a := range attempts {
			assert.NoError(t, a.Err())
		}
		slow.Release()
	})
}
