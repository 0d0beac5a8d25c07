package broker

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

func TestP8P11Topics(t *testing.T) {
	inBubble(t, Config{}, func(b *rig) {
		filters := []string{"", " topic=news", " topic=news.sport", " topic=news.*", " topic=news.>", " topic=*.sport", " topic=>"}
		subs := make([]*testClient, len(filters))
		for i, filter := range filters {
			subs[i] = b.join("SUBSCRIBER" + filter)
		}
		for _, c := range []struct {
			topic, head string
			matches     string // one letter a filter
		}{
			{"", "[FROM p] : ", "y......"},
			{" topic=news", "[FROM p #news] : ", "yy....y"},
			{" topic=news.sport", "[FROM p #news.sport] : ", "y.yyyyy"},
			{" topic=news.sport.tennis", "[FROM p #news.sport.tennis] : ", "y...y.y"},
			{" topic=newsy.sport", "[FROM p #newsy.sport] : ", "y....yy"},
		} {
			pub := b.join("PUBLISHER name=p" + c.topic)
			pub.send("x\nterminate\n")
			for i, sub := range subs {
				want := ""
				if c.matches[i] == 'y' {
					want = c.head + "x\n"
				}
				sub.want(want, "P8, P11: filter %q, topic %q", filters[i], c.topic)
			}
		}
	})
}

func TestP12History(t *testing.T) {
	inBubble(t, Config{}, func(b *rig) {
		pub, other := b.join("PUBLISHER name=a topic=t"), b.join("PUBLISHER name=b")
		pub.send("1\n2\n3\n")
		synctest.Wait()
		other.send("4\n5\n")
		synctest.Wait()
		pub.send("6\n7\n")
		synctest.Wait()
		for _, c := range []struct {
			role string
			next int
			got  string
		}{
			{"", 8, ""},
			{" from=new", 8, ""},
			{" from=first", 1, "1234567"},
			{" from=-1", 7, "7"},
			{" from=-3", 5, "567"},
			{" from=-5", 3, "34567"},
			{" from=-100", 1, "1234567"},
			{" from=1", 1, "1234567"},
			{" from=3", 3, "34567"},
			{" from=5", 5, "567"},
			{" from=7", 7, "7"},
			{" from=8", 8, ""},
			{" from=9", 8, ""},
			{" topic=t from=first", 1, "12367"},
			{" topic=t from=-2", 6, "67"},
			{" topic=t from=-4", 2, "2367"},
			{" topic=t from=4", 4, "67"},
			{" topic=nobody from=-1", 8, ""},
		} {
			sub := b.connect(roomy)
			sub.send("SUBSCRIBER name=s" + c.role + "\n")
			var want strings.Builder
			want.WriteString(b.welcome(protocol.Subscriber, "s", 2, 1, uint64(c.next)))
			for _, n := range c.got {
				from := "a #t"
				if n == '4' || n == '5' {
					from = "b"
				}
				fmt.Fprintf(&want, "[FROM %s] : %c\n", from, n)
			}
			sub.want(want.String(), "P12: SUBSCRIBER%s", c.role)
			sub.Close()
			synctest.Wait()
		}
	})
}

func TestP12Gap(t *testing.T) {
	withHistory(t, journal.MinHistory, Config{}, func(b *rig) {
		pub := b.join("PUBLISHER name=a")
		line := strings.Repeat("x", 60_000)
		for range 30 {
			pub.send(line + "\n")
			synctest.Wait()
		}
		for _, c := range []struct{ format, gap string }{
			{"plain", "[GAP %d]"}, {"tsv", "#gap\t%d"}, {"json", `{"event":"gap","missing":%d}`},
		} {
			sub := b.join("SUBSCRIBER from=2 format=" + c.format)
			synctest.Wait()
			got := strings.Split(sub.buffered(), "\n")
			var missing int
			_, err := fmt.Sscanf(got[0], c.gap, &missing)
			require.NoError(t, err, "P12: a gap stands first: %.60q", got[0])
			lines := 0
			for _, l := range got[1:] {
				if strings.Contains(l, "xxx") {
					lines++
				}
			}
			require.Equal(t, 29, missing+lines, "P12: what is missing and what is there is all that was asked for")
			require.Positive(t, missing)
			require.Positive(t, lines)
		}
		sub := b.join("SUBSCRIBER from=first")
		synctest.Wait()
		require.NotContains(t, sub.buffered(), "GAP", "P12: first is the oldest kept")
	})
}

func TestP13Formats(t *testing.T) {
	inBubble(t, Config{}, func(b *rig) {
		subs := map[string]*testClient{}
		for _, f := range []string{"plain", "stamped", "tsv", "json"} {
			subs[f] = b.join("SUBSCRIBER format=" + f)
		}
		synctest.Wait()
		for _, s := range subs {
			s.buffered() // joins
		}
		pub := b.join("PUBLISHER name=ada topic=a.b")
		pub.send("tab\there \"q\" \\\r\r\nterminate\n")
		// The bubble's clock begins at midnight UTC 2000-01-01.
		const at = `2000-01-01T00:00:00.000000Z`
		subs["plain"].want("[FROM ada #a.b] : tab\there \"q\" \\\r\r\n", "P8")
		subs["stamped"].want("["+at+" FROM ada #a.b] : tab\there \"q\" \\\r\r\n", "P13")
		subs["tsv"].want("#joined\t"+at+"\tPUBLISHER\tada\ta.b\n"+
			"1\t"+at+"\tada\ta.b\ttab\there \"q\" \\\r\r\n"+
			"#left\t"+at+"\tPUBLISHER\tada\ta.b\t1\tterminate\n", "P13")
		subs["json"].want(`{"event":"joined","time":"`+at+`","role":"PUBLISHER","name":"ada","topic":"a.b"}`+"\n"+
			`{"pos":1,"time":"`+at+`","from":"ada","topic":"a.b","line":"tab\there \"q\" \\\r"}`+"\n"+
			`{"event":"left","time":"`+at+`","role":"PUBLISHER","name":"ada","topic":"a.b","lines":1,"reason":"terminate"}`+"\n", "P13")
		subs["plain"].Close()
		subs["tsv"].want("#left\t"+at+"\tSUBSCRIBER\t"+subs["plain"].name+"\t\t1\teof\n", "P13: subscribers leave with what was delivered to them")
	})
}

func TestSubscriberEnds(t *testing.T) {
	inBubble(t, Config{}, func(b *rig) {
		typed := b.join("SUBSCRIBER")
		typed.send("something\n terminate \n")
		typed.wantClosed("", "a subscriber may say terminate")
		closed := b.join("SUBSCRIBER")
		closed.CloseWrite()
		closed.wantClosed("", "a subscriber that closes its side is gone")
		reset := b.join("SUBSCRIBER")
		reset.reset()
		synctest.Wait()
		require.Regexp(t, regexp.MustCompile(`(?s)subscriber left.*reason=terminate.*subscriber left.*reason=eof.*subscriber left.*reason=reset`), b.log.String())
	})
}

// A subscriber that does not read: --slow=block (P16).
func TestP16Block(t *testing.T) {
	withHistory(t, journal.MinHistory, Config{StallTimeout: 30 * time.Second}, func(b *rig) {
		stuck := b.joinWith("SUBSCRIBER name=stuck", 1000)
		healthy := b.join("SUBSCRIBER name=healthy")
		pub := b.joinWith("PUBLISHER name=a", 1000)
		line := strings.Repeat("x", 999) + "\n"
		const lines = 3000
		sent := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			for sent = 0; sent < lines; sent++ {
				if _, err := pub.Write([]byte(line)); err != nil {
					return
				}
			}
		}()
		received := 0
		take := func() {
			for {
				synctest.Wait()
				s := healthy.buffered()
				if s == "" {
					return
				}
				received += strings.Count(s, "\n")
			}
		}
		take()
		require.Less(t, sent, 1100, "P16: publishers wait when history is full of what the slow one has not taken")
		require.LessOrEqual(t, sent-received, 2, "P16: the healthy one has all of it (one line waits in the broker, one in the connection)")
		time.Sleep(29 * time.Second)
		take()
		require.Less(t, sent, 1100, "P16: for as long as --stall-timeout")
		stuck.wantOpen("P16: not yet")
		time.Sleep(31 * time.Second)
		take()
		<-done
		take()
		require.Equal(t, lines, sent, "P16: then everyone else goes on")
		require.Equal(t, lines, received, "P16: and the healthy one misses nothing")
		require.True(t, stuck.ended())
		require.Contains(t, b.log.String(), "msg=\"subscriber left\" addr="+stuck.name+" name=stuck")
		require.Contains(t, b.log.String(), "reason=stalled")
	})
}

// A subscriber that does not read: --slow=disconnect (P16).
func TestP16Disconnect(t *testing.T) {
	withHistory(t, journal.MinHistory, Config{CutSlow: true}, func(b *rig) {
		stuck := b.joinWith("SUBSCRIBER name=stuck", 1000)
		idle := b.join("SUBSCRIBER name=idle topic=nothing")
		healthy := b.join("SUBSCRIBER name=healthy")
		pub := b.joinWith("PUBLISHER name=a", 1000)
		line := strings.Repeat("x", 999) + "\n"
		const lines = 3000
		received := 0
		for range lines {
			pub.send(line)
			synctest.Wait()
			received += strings.Count(healthy.buffered(), "\n")
		}
		require.Equal(t, lines, received, "P16: nobody else misses or waits for anything")
		require.True(t, stuck.ended(), "P16: cut as soon as it would hold publishers up")
		idle.wantOpen("P16: a subscriber with nothing to take is not slow")
	})
}

// A subscriber that is slow but takes something is never cut off by --slow=block.
func TestP16Trickle(t *testing.T) {
	withHistory(t, journal.MinHistory, Config{StallTimeout: 30 * time.Second}, func(b *rig) {
		slow := b.joinWith("SUBSCRIBER name=slow", 1000)
		pub := b.joinWith("PUBLISHER name=a", 1000)
		line := strings.Repeat("x", 59_999) + "\n"
		const lines = 40
		go func() {
			for range lines {
				if _, err := pub.Write([]byte(line)); err != nil {
					return
				}
			}
		}()
		received := 0
		for range 5 * 60 {
			time.Sleep(29 * time.Second)
			synctest.Wait()
			received += len(slow.buffered())
		}
		require.Greater(t, received, 250_000, "P16: it takes about 1,000 bytes each time")
		slow.wantOpen("P16")
	})
}
