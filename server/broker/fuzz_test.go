package broker

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
)

// seedSessions are what clients say, whole sessions and what is left of them.
var seedSessions = []string{
	"", "\n", "\n\n\n", "PUBLISHER", "SUBSCRIBER", "publisher\r\n", "PUBLISHER\r", " SUBSCRIBER \n",
	"PUBLISHER name=ada topic=news.sea\nThe fog is lifting.\nterminate\n",
	"PUBLISHER name=ada ack=yes run=r\none\n\ntwo\r\r\nthree",
	"PUBLISHER name=healthy\nlet me in\nterminate\n",
	"PUBLISHER name=healthy ack=yes run=h\nlet me in\n",
	"SUBSCRIBER name=healthy format=json from=-3\nterminate\n",
	"SUBSCRIBER from=first topic=> format=tsv\n", "SUBSCRIBER from=99999999999999999\n", "SUBSCRIBER from=-9223372036854775807\n",
	"READER\nPUBLISHER ack=maybe\nSUBSCRIBER format=xml\n",
	"PUBLISHER\n\xff\nzero\x00\n" + strings.Repeat("long", 20_000) + "\nafter\n terminate \nignored\n",
	strings.Repeat("x", 2000), strings.Repeat("PUBLISHER ", 200), "PUBLISHER name=\x1b[2J\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "PUBLISHER\n" + strings.Repeat("\n", 5000),
}

// Whatever a client says, in whatever pieces, with whatever pauses, and however it leaves: the
// broker goes on, lets go of the client, and two others beside it publish and receive their lines
// exactly. pauses has a bit for each piece: whether the client then falls silent for longer than a
// bare role word may wait (P3).
func FuzzSession(f *testing.F) {
	for i, text := range seedSessions {
		f.Add([]byte(text), uint16(len(text)), uint32(i), uint8(i))
		f.Add([]byte(text), uint16(1+i), uint32(0), uint8(i+1))
	}
	f.Fuzz(func(t *testing.T, text []byte, piece uint16, pauses uint32, leave uint8) {
		if len(text) > 1<<18 {
			t.Skip("longer says nothing more")
		}
		inBubble(t, Config{}, func(b *rig) {
			sub := b.join("SUBSCRIBER name=witness format=tsv")
			pub := b.join("PUBLISHER name=healthy-publisher ack=yes run=r")
			lines := 0
			publish := func() {
				for range 3 {
					lines++
					pub.send(fmt.Sprintf("line %d\n", lines))
				}
			}
			publish()
			client, err := b.listener.dial("10.9.9.9:999", roomy)
			require.NoError(t, err)
			defer client.Close()
			for pieces := 0; len(text) > 0; pieces++ {
				// Not more pieces than take a moment, however long the text is.
				n := min(len(text), max(int(piece), 1, len(text)/64))
				client.SetWriteDeadline(time.Now().Add(time.Hour))
				if _, err := client.Write(text[:n]); err != nil {
					break // the broker has had enough
				}
				if text = text[n:]; pauses>>(pieces%32)&1 == 1 {
					time.Sleep(2 * protocol.UnframedSilence)
				} else {
					synctest.Wait()
				}
				if pieces%8 == 0 {
					publish()
				}
			}
			publish()
			switch leave % 4 {
			case 0:
				client.CloseWrite()
			case 1:
				client.Close()
			case 2:
				client.reset()
			case 3: // it stays, and is let go for its silence, or has a role
			}
			time.Sleep(b.broker.cfg.RoleTimeout + 2*b.broker.cfg.StallTimeout)
			if leave%4 != 3 {
				b.broker.mu.Lock()
				require.Len(t, b.broker.sessions, 2, "the client is gone")
				b.broker.mu.Unlock()
			}
			publish()
			pub.send("terminate\n")
			synctest.Wait()
			told := pub.buffered()
			require.True(t, strings.HasSuffix(told, fmt.Sprintf("ack %d\n", lines)), "P14: every line is acknowledged, got %q", told)
			require.NotContains(t, told, "error", "nobody takes the publisher's name")
			wantExactly(t, sub.buffered(), lines)
			wantSense(t, client.buffered())
		})
	})
}

// wantExactly requires that a tsv subscriber received so many lines of the healthy publisher, all
// others' with them in one order, and nothing else.
func wantExactly(t *testing.T, text string, lines int) {
	t.Helper()
	got, pos := 0, uint64(0)
	for line := range strings.Lines(text) {
		require.True(t, strings.HasSuffix(line, "\n"))
		m, e, err := protocol.ParseTSV(protocol.TrimLine([]byte(line)))
		require.NoError(t, err, "P13: %q", line)
		if e.Kind != 0 {
			require.NotEqual(t, protocol.Gap, e.Kind)
			continue
		}
		pos++
		require.Equal(t, pos, m.Pos, "P12: no position is left out")
		require.NoError(t, protocol.CheckMessage(m.Line), "P6, P7")
		if m.From == "healthy-publisher" {
			got++
			require.Equal(t, fmt.Sprintf("line %d", got), m.Line, "P9")
		}
	}
	require.Equal(t, lines, got, "P10")
}

// wantSense requires that all a client was told is the protocol's.
func wantSense(t *testing.T, told string) {
	t.Helper()
	told = strings.TrimPrefix(told, protocol.Prompt)
	for line := range strings.Lines(told) {
		line = strings.TrimPrefix(line, protocol.Prompt)
		line = strings.TrimSuffix(line, "\n")
		require.NotContains(t, line, "\x1b", "no control characters that the client's own words put there")
		known := false
		for _, prefix := range []string{"registered as ", protocol.ErrorPrefix, "ack ", "[", "{", "#"} {
			known = known || strings.HasPrefix(line, prefix)
		}
		known = known || line == "" || line[0] >= '0' && line[0] <= '9'
		require.True(t, known, "unexpected %q", line)
	}
}
