package broker

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

func TestP2RoleInAnyCase(t *testing.T) {
	for _, line := range []string{"PUBLISHER\n", "publisher\r\n", "  Publisher \n", "pUBLISHER name=ada topic=a.b\n"} {
		inBubble(t, Config{}, func(b *rig) {
			p := b.connect(roomy)
			p.send(line)
			name := p.name
			if strings.Contains(line, "name=ada") {
				name = "ada"
			}
			p.want(b.welcome(protocol.Publisher, name, 1, 0, 0), "P4: accepted %q", line)
		})
	}
}

func TestP2Mistakes(t *testing.T) {
	for _, c := range []struct{ line, text string }{
		{"", `no role given, expected PUBLISHER or SUBSCRIBER`},
		{"reader", `unknown role "reader", expected PUBLISHER or SUBSCRIBER`},
		{"\x1b[2J", `unknown role "\x1b[2J", expected PUBLISHER or SUBSCRIBER`},
		{"PUBLISHER \xff", `the role line is not UTF-8`},
		{"PUBLISHER news", `unexpected "news" after the role, expected key=value such as topic=news`},
		{"PUBLISHER color=red", `unknown key "color" of a PUBLISHER, expected one of name, topic, ack, run, token`},
		{"PUBLISHER from=first", `unknown key "from" of a PUBLISHER, expected one of name, topic, ack, run, token`},
		{"SUBSCRIBER ack=yes", `unknown key "ack" of a SUBSCRIBER, expected one of name, topic, from, format, token`},
		{"PUBLISHER name=a name=b", `key "name" given twice`},
		{"PUBLISHER name=a/b", `bad name "a/b", expected 1 to 64 of A-Z a-z 0-9 . _ -`},
		{"PUBLISHER topic=a.*", `bad topic "a.*", expected no wildcard: * and > are for subscribers`},
		{"SUBSCRIBER topic=>.a", `bad topic ">.a", expected > at the end only`},
		{"PUBLISHER ack=maybe", `bad ack "maybe", expected yes or no`},
		{"PUBLISHER run=r", `run= needs name=, expected both or neither`},
		{"SUBSCRIBER from=0", `bad from "0", expected new, first, -N (the last N) or a position from 1 up`},
		{"SUBSCRIBER format=xml", `unknown format "xml", expected plain, stamped, tsv, json`},
	} {
		inBubble(t, Config{}, func(b *rig) {
			p := b.connect(roomy)
			p.send(c.line + "\n")
			p.want("error: "+c.text+"\n"+protocol.Prompt, "P2: what was wrong, and the prompt again, after %q", c.line)
			p.send("SUBSCRIBER name=s\n")
			p.want(b.welcome(protocol.Subscriber, "s", 0, 1, 1), "P2: a mistake can be mended")
		})
	}
}

// sick is a journal that cannot go on.
type sick struct{ journal.Journal }

func (sick) Health() error { return errors.New("no disk") }

// A health check is answered and is no client, with and without a token.
func TestP2Health(t *testing.T) {
	for _, token := range []string{"", "secret"} {
		cfg := Config{}
		if token != "" {
			cfg.Tokens = []string{token}
		}
		inBubble(t, cfg, func(b *rig) {
			p := b.connect(roomy)
			p.send("health\r\n")
			p.wantClosed("healthy\n", "P2")
			require.NotContains(t, b.log.String(), "client connected")
		})
	}
	inBubble(t, Config{Journal: sick{journal.NewMemory(journal.MinHistory)}}, func(b *rig) {
		p := b.connect(roomy)
		p.send("HEALTH\n")
		p.wantClosed("error: unhealthy: no disk\n", "P2")
	})
}

// mute is a journal that does not answer.
type mute struct{ journal.Journal }

var errNoAnswer = errors.New("no answer")

func (mute) Open(context.Context, protocol.From, protocol.Filter) (journal.Start, error) {
	return journal.Start{}, errNoAnswer
}

func (mute) NextLine(context.Context, string, string) (uint64, error) { return 0, errNoAnswer }

// Who cannot be let in may come back: it is no refusal.
func TestP4TheJournalDoesNotAnswer(t *testing.T) {
	for _, role := range []string{"SUBSCRIBER name=s", "PUBLISHER name=p run=r ack=yes"} {
		inBubble(t, Config{Journal: mute{journal.NewMemory(journal.MinHistory)}}, func(b *rig) {
			p := b.connect(roomy)
			p.send(role + "\n")
			p.wantClosed("", "P4")
			require.Contains(t, b.log.String(), `msg="cannot let the client in"`)
		})
	}
}

func TestP2ThirdMistakeCloses(t *testing.T) {
	inBubble(t, Config{}, func(b *rig) {
		p := b.connect(roomy)
		p.send("one\n")
		p.want("error: unknown role \"one\", expected PUBLISHER or SUBSCRIBER\n"+protocol.Prompt, "the first")
		p.send("two\n")
		p.want("error: unknown role \"two\", expected PUBLISHER or SUBSCRIBER\n"+protocol.Prompt, "the second")
		p.send("three\nPUBLISHER\n")
		p.wantClosed("error: unknown role \"three\", expected PUBLISHER or SUBSCRIBER\n", "P2: the third mistake")
	})
}

func TestP2RoleTimeout(t *testing.T) {
	inBubble(t, Config{}, func(b *rig) {
		silent, slow := b.connect(roomy), b.connect(roomy)
		time.Sleep(5 * time.Second)
		slow.send("PUBLI")
		time.Sleep(5*time.Second - time.Millisecond)
		silent.wantOpen("P2: there are 10 s")
		slow.want("", "P2: a part of a role is waited for")
		time.Sleep(2 * time.Millisecond)
		silent.wantClosed("error: "+protocol.NoRole+"\n", "P2: no role within 10 s")
		slow.wantClosed("error: "+protocol.OpenRoleLine+"\n", "P2: trickling does not help")
	})
}

func TestP2RoleLineTooLong(t *testing.T) {
	for _, tail := range []string{"", "\n"} {
		inBubble(t, Config{}, func(b *rig) {
			p := b.connect(roomy)
			p.send(strings.Repeat("x", protocol.MaxRoleLine+1) + tail)
			p.wantClosed("error: the role line is longer than 1024 bytes\n", "P2")
		})
	}
	inBubble(t, Config{}, func(b *rig) {
		p := b.connect(roomy)
		line := "PUBLISHER name=ada"
		p.send(line + strings.Repeat(" ", protocol.MaxRoleLine-len(line)) + "\r\n")
		p.want(b.welcome(protocol.Publisher, "ada", 1, 0, 0), "P2: 1,024 bytes are allowed")
	})
}

func TestP3Unframed(t *testing.T) {
	inBubble(t, Config{}, func(b *rig) {
		sub := b.connect(roomy)
		sub.send("SUBSCRIBER")
		sub.want("", "P3: the role line may go on")
		time.Sleep(protocol.UnframedSilence)
		sub.want(b.welcome(protocol.Subscriber, sub.name, 0, 1, 1), "P3: 200 ms of silence after a bare role")
		pub := b.connect(roomy)
		pub.send("publisher")
		time.Sleep(protocol.UnframedSilence)
		pub.want(b.welcome(protocol.Publisher, pub.name, 1, 1, 0), "P3")
		for _, read := range []string{"hello", "  spaced out ", "žluťoučký kůň"} {
			pub.send(read)
			sub.want("[FROM "+pub.name+"] : "+strings.TrimSpace(read)+"\n", "P3: each read is one message")
		}
		pub.send("one\ntwo")
		sub.want("[FROM "+pub.name+"] : one\n", "P3: the first LF makes it framed")
		pub.send(" and more\n")
		sub.want("[FROM "+pub.name+"] : two and more\n", "P3: for good")
		pub.send(" terminate \n")
		pub.wantClosed("", "P7: terminate, white space trimmed")
	})
}

func TestP3UnframedTerminate(t *testing.T) {
	inBubble(t, Config{}, func(b *rig) {
		sub := b.join("SUBSCRIBER")
		pub := b.connect(roomy)
		pub.send("PUBLISHER")
		time.Sleep(protocol.UnframedSilence)
		pub.want(b.welcome(protocol.Publisher, pub.name, 1, 1, 0), "P3")
		pub.send("last words")
		sub.want("[FROM "+pub.name+"] : last words\n", "P3")
		pub.send("terminate")
		pub.wantClosed("", "P7: terminate with no newline")
		sub.want("", "P7: terminate is not a message")
	})
}

func TestP3LateLineEndOfTheRole(t *testing.T) {
	inBubble(t, Config{}, func(b *rig) {
		sub := b.join("SUBSCRIBER")
		pub := b.connect(roomy)
		pub.send("PUBLISHER")
		time.Sleep(protocol.UnframedSilence)
		pub.want(b.welcome(protocol.Publisher, pub.name, 1, 1, 0), "P3")
		pub.send("\nhello ")
		pub.send("there\n")
		sub.want("[FROM "+pub.name+"] : hello there\n", "P3: an LF right behind the role word ends the role line")
	})
}

// A network may hold a part of the role line back for so long that what came looks like an unframed
// client's. The rest is no message.
func TestP3RoleLineInTwoPieces(t *testing.T) {
	inBubble(t, Config{}, func(b *rig) {
		sub := b.join("SUBSCRIBER")
		pub := b.connect(roomy)
		pub.send("PUBLISHER")
		time.Sleep(protocol.UnframedSilence)
		pub.want(b.welcome(protocol.Publisher, pub.name, 1, 1, 0), "P3")
		pub.send(" name=ada token=secret\nhello\n")
		pub.wantClosed("error: "+protocol.TornRoleLine+"\n", "P3: it is told what was wrong")
		sub.want("", "P3: nobody hears the token")

		pub = b.connect(roomy)
		pub.send("PUBLISHER")
		time.Sleep(protocol.UnframedSilence)
		pub.want(b.welcome(protocol.Publisher, pub.name, 1, 1, 0), "P3")
		pub.send("name=ada\n indented name=ada\n")
		sub.want("[FROM "+pub.name+"] : name=ada\n[FROM "+pub.name+"] :  indented name=ada\n", "P3: these are messages")
	})
}

func TestP5Takeover(t *testing.T) {
	inBubble(t, Config{}, func(b *rig) {
		sub := b.join("SUBSCRIBER format=plain name=x")
		old := b.join("PUBLISHER name=x")
		old.send("from the old\n")
		sub.want("[FROM x] : from the old\n", "a publisher may have a subscriber's name")
		fresh := b.connect(roomy)
		fresh.send("PUBLISHER name=x\n")
		fresh.want(b.welcome(protocol.Publisher, "x", 1, 1, 0), "P5: the new one takes over")
		old.wantClosed("error: "+protocol.TakenOver+"\n", "P5: the older publisher is told")
		fresh.send("from the new\n")
		sub.want("[FROM x] : from the new\n", "the new one publishes")

		sub2 := b.connect(roomy)
		sub2.send("SUBSCRIBER name=x\n")
		sub2.want(b.welcome(protocol.Subscriber, "x", 1, 1, 3), "P5: subscribers too")
		sub.wantClosed("", "P5, P8: the older subscriber is told nothing")
		tsv := b.join("SUBSCRIBER name=y format=tsv")
		b.join("SUBSCRIBER name=y format=tsv")
		tsv.wantClosed("error: "+protocol.TakenOver+"\n", "P5: unless it reads tsv")
	})
}

// busyJournal takes a second for a departure.
type busyJournal struct{ journal.Journal }

func (j busyJournal) Append(ctx context.Context, e journal.Entry, done func(error)) error {
	if e.Event != nil && e.Event.Kind == protocol.Left {
		time.Sleep(time.Second)
	}
	return j.Journal.Append(ctx, e, done)
}

// Several come while the one whose name they want is still leaving: the last of them has it.
func TestP5LastOneTakesOver(t *testing.T) {
	inBubble(t, Config{Journal: busyJournal{journal.NewMemory(1 << 20)}}, func(b *rig) {
		sub := b.join("SUBSCRIBER format=json")
		sub.buffered()
		first := b.join("PUBLISHER name=x")
		var waiting []*testClient
		for range 5 {
			c := b.connect(roomy)
			c.send("PUBLISHER name=x\n")
			c.want("", "P5: nobody publishes in this name before the first has left")
			waiting = append(waiting, c)
		}
		time.Sleep(time.Second)
		last := waiting[len(waiting)-1]
		last.want(b.welcome(protocol.Publisher, "x", 1, 1, 0), "P5: the last one has the name")
		for _, c := range append(waiting[:len(waiting)-1], first) {
			c.wantClosed("error: "+protocol.TakenOver+"\n", "P5: the earlier ones are told")
		}
		require.Equal(t, 2, strings.Count(sub.buffered(), `"event":"joined"`), "P13: the others never joined")
	})
}

func TestP18MaxClients(t *testing.T) {
	inBubble(t, Config{MaxClients: 2}, func(b *rig) {
		first := b.join("SUBSCRIBER")
		b.connect(roomy)
		conn, err := b.listener.dial("10.0.0.9:1", roomy)
		assert.NoError(t, err)
		third := &testClient{conn, t, ""}
		third.wantClosed("error: the server is full, try again later\n", "P18: more than --max-clients")
		first.Close()
		synctest.Wait()
		time.Sleep(2 * lingerTimeout)
		b.join("SUBSCRIBER")
	})
}

func TestProbesAreNotClients(t *testing.T) {
	inBubble(t, Config{}, func(b *rig) {
		b.connect(roomy).Close()
		synctest.Wait()
		assert.NotContains(t, b.log.String(), "client connected")
		p := b.connect(roomy)
		time.Sleep(probeTimeout)
		synctest.Wait()
		assert.Contains(t, b.log.String(), `msg="client connected" addr=`+p.name)
		p.reset()
		synctest.Wait()
		assert.Contains(t, b.log.String(), `msg="client left without a role" addr=`+p.name)
	})
}
