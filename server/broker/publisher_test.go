package broker

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
)

func TestP6Lines(t *testing.T) {
	long := strings.Repeat("x", protocol.MaxLine)
	inBubble(t, Config{}, func(b *rig) {
		sub, pub := b.join("SUBSCRIBER"), b.join("PUBLISHER name=ada")
		for _, c := range []struct{ sent, got, told string }{
			{"hello\n", "hello\n", ""},
			{"\n", "\n", ""},
			{" \t spaces stay \n", " \t spaces stay \n", ""},
			{"a CR before the LF goes\r\n", "a CR before the LF goes\n", ""},
			{"another stays\r\r\n", "another stays\r\r\n", ""},
			{"in\rside\n", "in\rside\n", ""},
			{"日本語 ☕ \u202e\x1b[2J\n", "日本語 ☕ \u202e\x1b[2J\n", ""},
			{"terminate now\n", "terminate now\n", ""},
			{"not \xff UTF-8\n", "", "error: line 9 is not UTF-8: rejected\n"},
			{"a \x00 byte\n", "", "error: line 10 holds a NUL byte, expected text: rejected\n"},
			{long + "\n", long + "\n", ""},
			{long + "\r\n", long + "\n", ""},
			{long + "y\n", "", "error: line 13 is longer than 65536 bytes: rejected\n"},
			{strings.Repeat(long, 5) + "\nafter it\n", "after it\n", "error: line 14 is longer than 65536 bytes: rejected\n"},
		} {
			pub.send(c.sent)
			if c.got != "" {
				c.got = "[FROM ada] : " + c.got
			}
			sub.want(c.got, "P6: %.30q is delivered so", c.sent)
			pub.want(c.told, "P6: %.30q is answered so", c.sent)
		}
	})
}

func TestP6ManyLinesInOneRead(t *testing.T) {
	inBubble(t, Config{}, func(b *rig) {
		sub, pub := b.join("SUBSCRIBER"), b.join("PUBLISHER name=ada")
		pub.send("one\nbad\x00\ntwo\r\n\xff\n\nthree\nter")
		sub.want("[FROM ada] : one\n[FROM ada] : two\n[FROM ada] : \n[FROM ada] : three\n", "P6: the good ones, in order")
		pub.want("error: line 2 holds a NUL byte, expected text: rejected\nerror: line 4 is not UTF-8: rejected\n", "P6: the bad ones")
		pub.send("minate\nbehind\n")
		pub.wantClosed("", "P7: terminate")
		sub.want("", "P7: what is behind terminate is not published")
	})
}

func TestP7Ends(t *testing.T) {
	for _, c := range []struct {
		name, role string
		end        func(*testClient)
		got        string
		reason     protocol.Reason
	}{
		{"terminate", "PUBLISHER name=ada", func(p *testClient) { p.send("rest\nterminate\n") }, "rest", "terminate"},
		{"half-close", "PUBLISHER name=ada", func(p *testClient) { p.send("rest"); p.CloseWrite() }, "rest", "eof"},
		{"half-close behind terminate", "PUBLISHER name=ada", func(p *testClient) { p.send("rest\nterminate"); p.CloseWrite() }, "rest", "terminate"},
		{"half-close with acks", "PUBLISHER name=ada ack=yes", func(p *testClient) { p.send("rest"); p.CloseWrite() }, "", "reset"},
		{"reset", "PUBLISHER name=ada", func(p *testClient) { p.send("rest"); synctest.Wait(); p.reset() }, "", "reset"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, Config{}, func(b *rig) {
				sub, pub := b.join("SUBSCRIBER"), b.join(c.role)
				pub.send("before\n")
				sub.want("[FROM ada] : before\n", "P7: everything before")
				c.end(pub)
				if c.got == "" {
					sub.want("", "P7: no unterminated rest")
				} else {
					sub.want("[FROM ada] : "+c.got+"\n", "P7: the rest")
				}
				require.True(t, pub.ended(), "P7: the server closes")
				require.Contains(t, b.log.String(), "reason="+string(c.reason))
			})
		})
	}
}

func TestP14Acks(t *testing.T) {
	inBubble(t, Config{}, func(b *rig) {
		pub := b.join("PUBLISHER name=ada ack=yes")
		pub.send("one\n")
		pub.want("ack 1\n", "P14")
		pub.send("two\nthree\n")
		pub.want("ack 3\n", "P14: cumulative, once for what was read at once")
		pub.send("bad\x00\n")
		pub.want("error: line 4 holds a NUL byte, expected text: rejected\nack 4\n", "P14: rejected ones count")
		pub.send("five\nterminate\n")
		pub.wantClosed("ack 5\n", "P14: the last ack comes before the end")
	})
}

func TestP14AcksUnread(t *testing.T) {
	inBubble(t, Config{}, func(b *rig) {
		sub := b.join("SUBSCRIBER")
		pub := b.joinWith("PUBLISHER name=ada ack=yes", 512)
		for range 1000 {
			pub.send("line\n")
			synctest.Wait()
		}
		sub.want(strings.Repeat("[FROM ada] : line\n", 1000), "P14: a publisher that reads no acks publishes all the same")
		var acks strings.Builder
		for pub.in.buf != nil || acks.Len() == 0 {
			acks.WriteString(pub.buffered())
			synctest.Wait()
			if strings.HasSuffix(acks.String(), "ack 1000\n") {
				return
			}
		}
		require.Fail(t, "P14: the last ack says all of it", acks.String()[max(0, acks.Len()-100):])
	})
}

func TestP15Resume(t *testing.T) {
	inBubble(t, Config{}, func(b *rig) {
		sub := b.join("SUBSCRIBER")
		pub := b.connect(roomy)
		pub.send("PUBLISHER name=ada run=r1 ack=yes\n")
		pub.want(b.welcome(protocol.Publisher, "ada", 1, 1, 1), "P15: a new run starts at 1")
		pub.send("one\ntwo\nthr")
		pub.want("ack 2\n", "P14")
		pub.reset()
		synctest.Wait()

		pub = b.connect(roomy)
		pub.send("PUBLISHER name=ada run=r1 ack=yes\nthree\nfour\x00\n")
		synctest.Wait()
		// How many acks there are besides the last is the broker's choice.
		answers := strings.ReplaceAll(pub.buffered(), "ack 3\n", "")
		require.Equal(t, b.welcome(protocol.Publisher, "ada", 1, 1, 3)+
			"error: line 4 holds a NUL byte, expected text: rejected\nack 4\n", answers, "P15: it goes on from its 3rd line")

		again := b.connect(roomy) // takes over
		again.send("PUBLISHER name=ada run=r1 ack=yes\n")
		again.want(b.welcome(protocol.Publisher, "ada", 1, 1, 5), "P15: rejected lines count")
		again.send("five\n")
		again.want("ack 5\n", "P14: counted over the whole run")
		sub.want("[FROM ada] : one\n[FROM ada] : two\n[FROM ada] : three\n[FROM ada] : five\n", "P15: nothing lost, nothing doubled")

		other := b.connect(roomy)
		other.send("PUBLISHER name=ada run=r2\n")
		other.want(b.welcome(protocol.Publisher, "ada", 1, 1, 1), "P15: a new run starts at 1")
		other.send("eins\n")
		sub.want("[FROM ada] : eins\n", "P10")

		back := b.connect(roomy)
		back.send("PUBLISHER name=ada run=r1 ack=yes\n")
		back.want(b.welcome(protocol.Publisher, "ada", 1, 1, 6), "P15: the run before goes on where it was")
		back.send("six\n")
		back.want("ack 6\n", "P14")
		other = b.connect(roomy)
		other.send("PUBLISHER name=ada run=r2 ack=yes\n")
		other.want(b.welcome(protocol.Publisher, "ada", 1, 1, 2), "P15: and so does the other")
		sub.want("[FROM ada] : six\n", "P15: nothing lost, nothing doubled")
	})
}

func TestRejectionsUnread(t *testing.T) {
	inBubble(t, Config{StallTimeout: 30 * time.Second}, func(b *rig) {
		pub := b.joinWith("PUBLISHER name=ada", 4096)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 100_000 {
				if _, err := pub.Write([]byte("\x00\n")); err != nil {
					return
				}
			}
		}()
		synctest.Wait()
		select {
		case <-done:
			require.Fail(t, "a publisher that reads no errors has to wait: they cannot be kept without bound")
		default:
		}
		time.Sleep(31 * time.Second)
		<-done
		require.True(t, pub.ended(), "P16: it is disconnected when it takes nothing for long")
	})
}
