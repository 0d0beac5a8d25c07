package broker

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// wireTo returns a conn whose other end is a pipe's, with records.
func wireTo(t *testing.T) (*conn, net.Conn) {
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	return &conn{Conn: near, ctx: context.Background(), stall: time.Minute, records: new(records)}, far
}

// What is gathered is one write, and what somebody else writes meanwhile keeps its place: in the middle
// while records are gathered, and behind them while they are written.
func TestRecordsKeepTheirPlace(t *testing.T) {
	wire, far := wireTo(t)
	behind := make(chan error, 1)
	write := func(ready []byte) (int, error) {
		go func() {
			_, err := wire.Write([]byte("behind "))
			behind <- err
		}()
		select {
		case err := <-behind:
			t.Error("what comes behind was written first", err)
		case <-time.After(20 * time.Millisecond):
		}
		return wire.write(ready)
	}
	done := make(chan error, 1)
	go func() {
		done <- wire.records.gather(make([]byte, 0, 8), func() error {
			for _, text := range []string{"one ", "the reader's ", "two "} {
				if _, err := wire.Write([]byte(text)); err != nil {
					return err
				}
			}
			return nil
		}, write)
	}()
	got := make([]byte, 100)
	n, err := far.Read(got)
	require.NoError(t, err)
	require.Equal(t, "one the reader's two ", string(got[:n]), "in one write")
	n, err = far.Read(got)
	require.NoError(t, err)
	require.Equal(t, "behind ", string(got[:n]))
	require.NoError(t, <-done)
	require.NoError(t, <-behind)
}

// Whatever pieces a run has, the client's TLS reads their bytes, as many as a stage has room for.
func TestStageEncrypts(t *testing.T) {
	certified := httptest.NewTLSServer(nil) // for its certificate
	defer certified.Close()
	wire, far := wireTo(t)
	secure := tls.Server(wire, certified.TLS.Clone())
	client := tls.Client(far, &tls.Config{InsecureSkipVerify: true})
	go secure.Handshake()
	require.NoError(t, client.Handshake())
	long := strings.Repeat("0123456789abcdef", 3<<10)
	for name, run := range map[string][]string{
		"one":                         {"a line\n"},
		"many":                        slices.Repeat([]string{"a line\n", "another\n"}, 500),
		"long between short":          {"a\n", long, "b\n", "c\n"},
		"more than there is room for": {"a\n", long, long},
		"exactly a record":            {long[:recordSize], long[:recordSize]},
	} {
		t.Run(name, func(t *testing.T) {
			pieces := [][]byte{}
			for _, text := range run {
				pieces = append(pieces, []byte(text))
			}
			want := strings.Join(run, "")
			want = want[:min(len(want), stageSize-recordsRoom)]
			room := stages.Get().(*stage)
			defer stages.Put(room)
			done := make(chan error, 1)
			n, writes := 0, 0
			go func() {
				done <- wire.records.gather(room.bytes[:], func() (err error) {
					n, err = room.encrypt(secure, pieces)
					return err
				}, func(ready []byte) (int, error) {
					writes++
					if &ready[0] != &room.bytes[0] {
						t.Error("what was gathered did not fit into the stage")
					}
					return wire.write(ready)
				})
			}()
			got := make([]byte, len(want))
			_, err := io.ReadFull(client, got)
			require.NoError(t, err)
			require.Equal(t, want, string(got))
			require.NoError(t, <-done)
			require.Equal(t, len(want), n)
			require.Equal(t, 1, writes)
		})
	}
}
