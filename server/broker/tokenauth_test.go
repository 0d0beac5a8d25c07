package broker

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
)

func TestP18Tokens(t *testing.T) {
	inBubble(t, Config{Tokens: []string{"sesame", "mellon"}}, func(b *rig) {
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

// Who guesses has to wait for each guess; a right token is let in all the same, whoever else is
// behind its address.
func TestP18GuessingIsSlow(t *testing.T) {
	inBubble(t, Config{Tokens: []string{"sesame"}}, func(b *rig) {
		try := func(addr, token string) (answer string, after time.Duration) {
			conn, err := b.listener.dial(addr, roomy)
			require.NoError(b.t, err)
			p := &testClient{conn, b.t, addr}
			defer p.Close()
			p.want(protocol.Prompt, "P1")
			start := time.Now()
			p.send("SUBSCRIBER token=" + token + "\n")
			one := make([]byte, 1)
			_, err = p.Read(one)
			require.NoError(b.t, err)
			after = time.Since(start)
			synctest.Wait()
			return string(one) + p.buffered(), after
		}
		const wrong, right = "^error: wrong token\n$", "^registered as SUBSCRIBER "
		for _, c := range []struct {
			addr, token string
			times       int
			answer      string
			after       time.Duration
		}{
			{"10.1.1.1:1", "guess", failureBurst, wrong, 0},
			{"[::ffff:10.1.1.1]:1", "guess", 1, wrong, guessDelay},
			{"10.1.1.1:2", "guess", 2, wrong, guessDelay},
			{"10.1.1.1:3", "sesame", 3, right, guessDelay},
			{"10.1.1.2:1", "sesame", 1, right, 0},
			{"[2001:db8::1]:1", "guess", failureBurst, wrong, 0},
			{"[2001:db8::ffff:1]:1", "guess", 1, wrong, guessDelay},
			{"[2001:db8:0:1::1]:1", "guess", 1, wrong, 0},
		} {
			for range c.times {
				answer, after := try(c.addr, c.token)
				require.Regexp(b.t, c.answer, answer, "P18: %s from %s", c.token, c.addr)
				require.Equal(b.t, c.after, after, "P18: %s from %s", c.token, c.addr)
			}
		}
		time.Sleep(failureBurst * failureSeconds * time.Second)
		_, after := try("10.1.1.1:4", "guess")
		require.Zero(b.t, after, "P18: after a while an address has its few tries at once again")
	})
}

func TestNetworkOf(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.7:5000": "192.0.2.7", "[::ffff:192.0.2.7]:5000": "192.0.2.7",
		"[2001:db8:1:2:3:4:5:6]:1": "2001:db8:1:2::/64", "[::1]:1": "::/64",
		"[fe80::1%eth0]:1": "fe80::1%eth0", "[fe80::2%eth0]:1": "fe80::2%eth0", "pipe": "pipe",
	} {
		require.Equal(t, want, networkOf(&memConn{remote: memAddr(addr)}))
	}
}

// SetTokens ends what came in with a token that is gone, and nothing else.
func TestP18TokensAreReplaced(t *testing.T) {
	inBubble(t, Config{Tokens: []string{"old", "both"}}, func(b *rig) {
		pub, sub := b.join("PUBLISHER name=gone token=old"), b.join("SUBSCRIBER token=old")
		tsv := b.join("SUBSCRIBER token=old format=tsv")
		stays := b.join("SUBSCRIBER token=both")
		entering := b.connect(roomy)
		pub.send("before\n")
		stays.want("[FROM gone] : before\n", "P10")
		sub.want("[FROM gone] : before\n", "P10")
		synctest.Wait()
		tsv.buffered()
		b.broker.SetTokens([]string{"both", "new"})
		pub.wantClosed("error: "+protocol.TokenGone+"\n", "P18: a publisher is told")
		sub.wantClosed("", "P18, P8: a plain subscriber is closed")
		synctest.Wait()
		require.Contains(b.t, tsv.buffered(), "error: "+protocol.TokenGone+"\n", "P18: a program is told")
		entering.send("PUBLISHER token=old\n")
		entering.wantClosed("error: "+protocol.WrongToken+"\n", "P18: the old one is wrong now")
		b.join("PUBLISHER name=p token=new").send("after\n")
		stays.want("[FROM p] : after\n", "P18: who has another one stays")
	})
}

// What a refused role line held is neither told nor logged where there are tokens: one of the words
// may be one.
func TestP18RefusedRoleLinesAreNotRepeated(t *testing.T) {
	for line, told := range map[string]string{
		"PUBLISHER sesame":                 `word 2 of the role line: unexpected "…" after the role, expected key=value such as topic=news`,
		"PUBLISHER name=ada,token=sesame":  `word 2 of the role line: bad name "…", expected 1 to 64 of A-Z a-z 0-9 . _ -`,
		"PUBLISHER topic=news;sesame":      `word 2 of the role line: bad topic "…", expected letters, digits, _ and - in tokens separated by single dots, such as news.sport`,
		"sesame":                           `word 1 of the role line: unknown role "…", expected PUBLISHER or SUBSCRIBER`,
		"PUBLISHER sesame=1":               `word 2 of the role line: unknown key "…" of a PUBLISHER, expected one of name, topic, ack, run, token`,
		"PUBLISHER topic=a sesame= sesame": `word 3 of the role line: unknown key "…" of a PUBLISHER, expected one of name, topic, ack, run, token`,
		"PUBLISHER ack=sesame":             `word 2 of the role line: bad ack "…", expected yes or no`,
		"PUBLISHER name=a run=sesame!":     `word 3 of the role line: bad run "…", expected 1 to 64 of A-Z a-z 0-9 . _ -`,
		"SUBSCRIBER from=sesame":           `word 2 of the role line: bad from "…", expected new, first, -N (the last N) or a position from 1 up`,
		"SUBSCRIBER format=sesame":         `word 2 of the role line: unknown format "…", expected plain, stamped, tsv, json`,
		"SUBSCRIBER topic=sesame!":         `word 2 of the role line: bad topic "…", expected letters, digits, _ and - in tokens separated by single dots, such as news.sport`,
		"SUBSCRIBER token=sesame token=x":  `word 3 of the role line: key "…" given twice`,
	} {
		inBubble(t, Config{Tokens: []string{"sesame"}}, func(b *rig) {
			p := b.connect(roomy)
			p.send(line + "\n")
			p.want("error: "+told+"\n"+protocol.Prompt, "P18: "+line)
			p.send("x\nx\n")
			synctest.Wait()
			require.NotContains(b.t, b.log.String(), "sesame", line)
		})
	}
}

// A token as a name, a topic or a run would be told to everybody.
func TestP18TokensInTheWrongPlace(t *testing.T) {
	for _, line := range []string{"PUBLISHER name=mellon", "PUBLISHER topic=mellon", "SUBSCRIBER topic=mellon", "PUBLISHER name=a run=mellon",
		"PUBLISHER topic=news.mellon", "SUBSCRIBER topic=mellon.>"} {
		inBubble(t, Config{Tokens: []string{"sesame", "mellon"}}, func(b *rig) {
			p := b.connect(roomy)
			p.send(line + " token=sesame\n")
			p.wantClosed("error: "+protocol.TokenMisplaced+"\n", "P18: "+line)
			p = b.connect(roomy)
			p.send(line + "\n")
			p.wantClosed("error: "+protocol.NoToken+"\n", "P18: nobody learns from it what is a token")
			require.NotContains(b.t, b.log.String(), "mellon", line)
		})
	}
}

// Many at one address who know no token never keep one out who does.
func TestMaxPerAddressLetsTokensIn(t *testing.T) {
	inBubble(t, Config{MaxPerAddress: 3, Tokens: []string{"sesame"}}, func(b *rig) {
		dial := func(port int) *testClient {
			conn, err := b.listener.dial(fmt.Sprintf("[2001:db8::%d]:1", port), roomy)
			require.NoError(b.t, err)
			p := &testClient{conn, b.t, ""}
			p.want(protocol.Prompt, "P1")
			return p
		}
		silent := []*testClient{dial(1), dial(2), dial(3)}
		for i := range 5 {
			p := dial(10 + i)
			p.send("SUBSCRIBER token=sesame\n")
			synctest.Wait()
			require.Regexp(b.t, "^registered as ", p.buffered(), "P18: however many there are")
		}
		silent[0].wantClosed("error: "+protocol.ManyFromAddress+"\n", "the oldest of those that have shown no token goes")
		silent[1].wantOpen("the others stay")
		for i := range 3 {
			dial(20 + i)
		}
		silent[2].wantClosed("error: "+protocol.ManyFromAddress+"\n", "no more than three of them are there")
	})
}

// The only one that an address may have gives way, too.
func TestMaxPerAddressOfOne(t *testing.T) {
	inBubble(t, Config{MaxPerAddress: 1, Tokens: []string{"sesame"}}, func(b *rig) {
		dial := func() *testClient {
			conn, err := b.listener.dial("10.1.1.1:1", roomy)
			require.NoError(b.t, err)
			p := &testClient{conn, b.t, ""}
			p.want(protocol.Prompt, "P1")
			return p
		}
		for range 3 {
			silent := dial()
			p := dial()
			silent.wantClosed("error: "+protocol.ManyFromAddress+"\n", "P18: it has shown no token")
			p.send("SUBSCRIBER token=sesame\n")
			synctest.Wait()
			require.Regexp(b.t, "^registered as ", p.buffered(), "P18")
			p.Close()
			synctest.Wait()
		}
		require.Empty(b.t, b.broker.networks, "nobody is counted any more")
	})
}

// That holds while its answer waits, because many wrong ones came from there.
func TestMaxPerAddressLetsTokensInAfterGuesses(t *testing.T) {
	inBubble(t, Config{MaxPerAddress: 3, Tokens: []string{"sesame"}}, func(b *rig) {
		dial := func(token string) *testClient {
			conn, err := b.listener.dial("10.1.1.1:1", roomy)
			require.NoError(b.t, err)
			p := &testClient{conn, b.t, ""}
			p.want(protocol.Prompt, "P1")
			p.send("SUBSCRIBER token=" + token + "\n")
			synctest.Wait()
			return p
		}
		for range failureBurst {
			dial("guess").wantClosed("error: "+protocol.WrongToken+"\n", "P18")
			time.Sleep(time.Millisecond)
		}
		p := dial("sesame")
		for range 5 {
			dial("guess")
		}
		time.Sleep(guessDelay)
		synctest.Wait()
		require.Regexp(b.t, "^registered as ", p.buffered(), "P18: whatever else comes meanwhile")
	})
}

func TestMaxPerAddress(t *testing.T) {
	inBubble(t, Config{MaxPerAddress: 2}, func(b *rig) {
		dial := func(addr string) *testClient {
			conn, err := b.listener.dial(addr, roomy)
			require.NoError(t, err)
			return &testClient{conn, t, addr}
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
