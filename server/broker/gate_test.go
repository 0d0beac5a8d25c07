package broker

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
)

func TestP18Tokens(t *testing.T) {
	inBubble(t, Config{Tokens: []string{"sesame", "mellon"}}, func(b *bench) {
		for _, c := range []struct{ role, text string }{
			{"PUBLISHER", "this server wants a token, expected token=... in the role line"},
			{"PUBLISHER token=sesam", "wrong token"},
			{"SUBSCRIBER token=sesamee", "wrong token"},
		} {
			p := b.connect(roomy)
			p.send(c.role + "\n")
			p.wantClosed("error: "+c.text+"\n", "P18: closed at once after "+c.role)
		}
		p := b.connect(roomy)
		p.send("SUBSCRIBER token=\n")
		p.want("error: bad token, expected 1 to 256 bytes\n"+protocol.Prompt, "P2")
		p.send("SUBSCRIBER name=s token=mellon\n")
		p.want(b.welcome(protocol.Subscriber, "s", 0, 1, 1), "P18: one of the tokens")
		b.join("PUBLISHER name=p token=sesame").send("hello\n")
		p.want("[FROM p] : hello\n", "P18")
		require.NotContains(t, b.log.String(), "sesam", "no token, right or wrong, is in the log")
		require.NotContains(t, b.log.String(), "mellon")
	})
}

func TestP18GuessingIsSlow(t *testing.T) {
	inBubble(t, Config{Tokens: []string{"sesame"}}, func(b *bench) {
		try := func(addr, token string) string {
			conn, err := b.listener.dial(addr, roomy)
			require.NoError(t, err)
			p := &peer{conn, t, addr}
			p.want(protocol.Prompt, "P1")
			p.send("SUBSCRIBER token=" + token + "\n")
			synctest.Wait()
			defer p.Close()
			return p.buffered()
		}
		for range failureBurst {
			require.Equal(t, "error: wrong token\n", try("10.1.1.1:1", "guess"))
		}
		const wait = "error: too many wrong tokens from your address, try again later\n"
		require.Equal(t, wait, try("10.1.1.1:2", "guess"))
		require.Equal(t, wait, try("10.1.1.1:3", "sesame"), "P18: nor is the right one told from wrong ones")
		require.Regexp(t, "^registered as ", try("10.1.1.2:1", "sesame"), "P18: other addresses are not concerned")
		time.Sleep(failureSeconds * time.Second)
		require.Regexp(t, "^registered as ", try("10.1.1.1:4", "sesame"), "P18: after a while it is listened to again")
		require.Equal(t, "error: wrong token\n", try("10.1.1.1:5", "guess"))
		require.Equal(t, wait, try("10.1.1.1:6", "guess"))
	})
}

func TestMaxPerAddress(t *testing.T) {
	inBubble(t, Config{MaxPerAddress: 2}, func(b *bench) {
		dial := func(addr string) *peer {
			conn, err := b.listener.dial(addr, roomy)
			require.NoError(t, err)
			return &peer{conn, t, addr}
		}
		first := dial("10.1.1.1:1")
		first.want(protocol.Prompt, "P1")
		dial("10.1.1.1:2").want(protocol.Prompt, "P1")
		dial("10.1.1.1:3").wantClosed("error: too many connections from your address\n", "the third of this address")
		dial("10.1.1.2:1").want(protocol.Prompt, "another address")
		first.Close()
		time.Sleep(2 * lingerTimeout)
		dial("10.1.1.1:4").want(protocol.Prompt, "there is room again")
	})
}
