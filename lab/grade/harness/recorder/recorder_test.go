package recorder

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTapeKeepsTheFirstBytesAndTheirTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tape, began := New(5), time.Now()
		tape.Write([]byte("ab"))
		time.Sleep(time.Second)
		n, err := tape.Write([]byte("cdefg"))
		assert.Equal(t, 5, n)
		assert.NoError(t, err)
		assert.Equal(t, "abcde", string(tape.Bytes()))
		assert.Equal(t, began, tape.At(1))
		assert.Equal(t, began.Add(time.Second), tape.At(2))
		assert.Zero(t, tape.At(5))
	})
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tape := New(100)
		has := func(text string) func([]byte) bool {
			return func(data []byte) bool { return bytes.Contains(data, []byte(text)) }
		}
		go func() {
			time.Sleep(time.Second)
			tape.Write([]byte("hel"))
			time.Sleep(time.Second)
			tape.Write([]byte("lo"))
			time.Sleep(time.Second)
			tape.End()
		}()
		began := time.Now()
		assert.True(t, tape.Wait(t.Context(), has("hello")))
		assert.Equal(t, 2*time.Second, time.Since(began))
		assert.False(t, tape.Wait(t.Context(), has("more")), "it has ended")
		assert.Equal(t, 3*time.Second, time.Since(began))

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		assert.False(t, New(1).Wait(ctx, has("more")))
		assert.Equal(t, time.Minute+3*time.Second, time.Since(began))
	})
}

func TestQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tape, began := New(100), time.Now()
		go func() {
			for range 3 {
				time.Sleep(time.Second)
				tape.Write([]byte("."))
			}
		}()
		tape.Quiet(t.Context(), 2*time.Second)
		assert.Equal(t, 5*time.Second, time.Since(began))
	})
}
