package broker

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// say is what a client sends, with a pause before each piece after the first.
type say struct {
	pause  time.Duration
	pieces []string
}

func (s say) to(p *testClient) {
	for i, piece := range s.pieces {
		if i > 0 {
			time.Sleep(s.pause)
		}
		p.send(piece)
		synctest.Wait()
	}
}

func keys(text string) []string { return strings.Split(text, "") }

// A role line that comes in pieces is one, or is refused in words: nothing of it is a message (P3).
// And messages that look a little like one are messages.
func TestP3Pieces(t *testing.T) {
	const torn = "error: " + protocol.TornRoleLine + "\n"
	slow, typed := 300*time.Millisecond, 400*time.Millisecond
	for name, c := range map[string]struct {
		say  say
		got  string // by a subscriber, of a publisher that is called P
		told string // what the client is told at last; "" for only that it has a role
	}{
		"three pieces":                {say{slow, []string{"PUBLISHER", " name=ada", " topic=news\nhello\n"}}, "", torn},
		"three pieces, space behind":  {say{slow, []string{"PUBLISHER ", "name=ada", " topic=news\nhello\n"}}, "", torn},
		"a token in pieces":           {say{slow, []string{"PUBLISHER", " ", "to", "ken=", "secret\nhello\n"}}, "", torn},
		"torn before the word's end":  {say{slow, []string{"PUBL", "ISHER name=P", " ack=no", "\nhello\n"}}, "hello\n", ""},
		"typed keys":                  {say{typed, keys("PUBLISHER name=P\r\nhi\r\nterminate\r\n")}, "hi\n", ""},
		"typed keys, no more":         {say{typed, keys("publisher\r\nhi\r\n")}, "hi\n", ""},
		"typed, then a long pause":    {say{2 * typedSilence, []string{"PUBL", "ISHER", " ", "n"}}, "", torn},
		"typed, Enter after a pause":  {say{2 * typedSilence, []string{"P", "UBLISHER", " ", "\r\n", "hi\n"}}, "hi\n", ""},
		"CR, then LF":                 {say{slow, []string{"PUBLISHER\r", "\nhello\n"}}, "hello\n", ""},
		"space, then CR, then LF":     {say{slow, []string{"PUBLISHER ", "\r", "\nhello\n"}}, "hello\n", ""},
		"telnet's negotiation":        {say{0, []string{"\xff\xfb\x1f\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0\xff\xfd", "\x03PUBLISHER name=P\r\nhi\r\n"}}, "hi\n", ""},
		"telnet's character mode":     {say{typed, keys("PUBLISHER\r\x00")}, "", "error: the role line ends in CR NUL, as telnet's do in character mode, expected LF: type \"toggle crlf\" at telnet's own prompt\n" + protocol.Prompt},
		"unframed, torn word":         {say{3 * typedSilence / 2, []string{"PUBL", "ISHER", "hello", "again"}}, "hello\nagain\n", ""},
		"unframed":                    {say{slow, []string{"PUBLISHER", "name is ada", "name=ada", " name=ada", "x"}}, "name is ada\nname=ada\nname=ada\nx\n", ""},
		"unframed, space first":       {say{slow, []string{"PUBLISHER", " hello ", "x"}}, "hello\nx\n", ""},
		"unframed, like a key":        {say{2 * typedSilence, []string{"PUBLISHER", " na", "x"}}, "nax\n", ""},
		"a token on a very slow link": {say{4 * typedSilence, []string{"PUBLISHER", " ", "to", "ken=secret\n"}}, "", torn},
		"unframed, white space":       {say{2 * protocol.RoleTimeout, []string{"PUBLISHER", " ", "x"}}, "\nx\n", ""},
		"unframed, space behind role": {say{slow, []string{"PUBLISHER \t", "hello", "x"}}, "hello\nx\n", ""},
		"a message with a key":        {say{slow, []string{"PUBLISHER\n", " name=ada\n"}}, " name=ada\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, func(b *rig) {
				sub, pub := b.join("SUBSCRIBER"), b.connect(roomy)
				c.say.to(pub)
				time.Sleep(3 * typedSilence)
				synctest.Wait()
				told, got := pub.buffered(), sub.buffered()
				got = strings.NewReplacer("[FROM P] : ", "", "[FROM "+pub.name+"] : ", "").Replace(got)
				require.Equal(b.t, c.got, got, "P3: what others hear")
				if c.told == "" {
					require.Regexp(b.t, `^registered as PUBLISHER [^\n]*\n$`, told)
				} else {
					require.True(b.t, strings.HasSuffix(told, c.told), "P3: told %q", told)
				}
			})
		})
	}
}

// What begins like a key is no message when no more comes of it: the rest may be a
// token, and come later still.
func TestP3KeyWithoutEnd(t *testing.T) {
	inBubble(t, Config{}, func(b *rig) {
		sub, pub := b.join("SUBSCRIBER"), b.connect(roomy)
		say{time.Second, []string{"PUBLISHER", " to"}}.to(pub)
		time.Sleep(protocol.RoleTimeout)
		synctest.Wait()
		require.True(b.t, strings.HasSuffix(pub.buffered(), "error: "+protocol.TornRoleLine+"\n"), "P3")
		require.True(b.t, pub.ended(), "P3: closed")
		require.Empty(b.t, sub.buffered(), "P3: nobody hears of it")
	})
}

// The same for subscribers, whose filter would be missing.
func TestP3PiecesOfASubscriber(t *testing.T) {
	for name, c := range map[string]struct {
		say  say
		told string
	}{
		"three pieces":    {say{300 * time.Millisecond, []string{"SUBSCRIBER", " to", "pic=news\n"}}, "error: " + protocol.TornRoleLine + "\n"},
		"with a space":    {say{300 * time.Millisecond, []string{"SUBSCRIBER ", "from=first\n"}}, "error: " + protocol.TornRoleLine + "\n"},
		"typed keys":      {say{300 * time.Millisecond, keys("SUBSCRIBER topic=news\r\n")}, ""},
		"unframed":        {say{300 * time.Millisecond, []string{"SUBSCRIBER", "hello"}}, "[FROM p] : here\n"},
		"unframed, space": {say{300 * time.Millisecond, []string{"SUBSCRIBER", " "}}, "[FROM p] : here\n"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, func(b *rig) {
				sub := b.connect(roomy)
				c.say.to(sub)
				time.Sleep(3 * typedSilence)
				b.join("PUBLISHER name=p").send("here\n")
				synctest.Wait()
				_, rest, ok := strings.Cut(sub.buffered(), "\n")
				require.True(b.t, ok)
				require.Equal(b.t, c.told, rest)
				require.Equal(b.t, strings.HasPrefix(rest, "error"), sub.ended(), "P3: an error closes")
			})
		})
	}
}

// A health check may come in pieces too, and without a line end.
func TestP2HealthInPieces(t *testing.T) {
	for _, s := range []say{
		{time.Second, keys("HEALTH\r\n")}, {150 * time.Millisecond, []string{"HEA", "LTH\n"}}, {time.Second, []string{"health"}},
	} {
		inBubble(t, Config{}, func(b *rig) {
			p := b.connect(roomy)
			s.to(p)
			time.Sleep(typedSilence)
			p.wantClosed("healthy\n", "P2")
			require.NotContains(b.t, b.log.String(), "client connected")
		})
	}
}

// A health check fails when newcomers cannot get in, and only then.
func TestP2HealthGoesTheWayOfNewcomers(t *testing.T) {
	inBubble(t, Config{Journal: mute{journal.NewMemory(journal.MinHistory)}}, func(b *rig) {
		p := b.connect(roomy)
		p.send("HEALTH\n")
		p.wantClosed("error: unhealthy: no answer\n", "P2: what a subscriber would meet with")
	})
	dial := func(b *rig) *testClient {
		conn, err := b.listener.dial("10.0.0.1:1", roomy)
		require.NoError(b.t, err)
		return &testClient{conn, b.t, ""}
	}
	inBubble(t, Config{Journal: sick{journal.NewMemory(journal.MinHistory)}, MaxClients: 1}, func(b *rig) {
		b.connect(roomy)
		dial(b).wantClosed("error: unhealthy: no disk\n", "P18: a limit does not hide it")
	})
	inBubble(t, Config{MaxClients: 1}, func(b *rig) {
		b.connect(roomy)
		for range 200 {
			dial(b).want("error: "+protocol.Full+"\n", "P18: everyone is told, in a flood too")
		}
	})
}

// FuzzStripTelnet requires that text stays as it is, and that pieces change nothing.
func FuzzStripTelnet(f *testing.F) {
	f.Add([]byte("PUBLISHER name=a"), []byte("\xff\xfb\x01"), 3)
	f.Add([]byte("x"), []byte("\xff\xfa\x1f\xff\xff\xf0\xff\xf0\xff"), 0)
	f.Fuzz(func(t *testing.T, text, noise []byte, at int) {
		if bytes.IndexByte(text, 0xff) >= 0 || bytes.IndexByte(text, '\n') >= 0 {
			t.Skip("no telnet text")
		}
		require.Equal(t, string(text), string(stripTelnet(append([]byte(nil), text...))))
		got := stripTelnet(append(append([]byte(nil), text...), noise...))
		require.True(t, strings.HasPrefix(string(got), string(text)), "text before stays")
		both := append(append([]byte(nil), noise...), '\n')
		behind := append(both, noise...)
		got = stripTelnet(append([]byte(nil), behind...))
		require.True(t, strings.HasSuffix(string(got), "\n"+string(noise)), "what is behind the line stays")
	})
}
