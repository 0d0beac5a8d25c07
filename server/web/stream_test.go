package web

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/server/broker"
	"pubsublab/server/journal"
)

// epoch is the time in a bubble, until somebody sleeps.
const epoch = "2000-01-01T00:00:00.000000Z"

func message(pos int, from, topic, line string) string {
	return fmt.Sprintf("id: %d\ndata: {\"pos\":%[1]d,\"time\":%q,\"from\":%q,\"topic\":%q,\"line\":%q}\n\n", pos, epoch, from, topic, line)
}

// welcome is the first event of a stream.
func (r *rig) welcome(name string, publishers, subscribers, next int) string {
	return fmt.Sprintf("retry: 1000\nid: %d\nevent: registered\ndata: {\"name\":%q,\"publishers\":%d,\"subscribers\":%d,\"next\":%d,\"journal\":%q}\n\n",
		next-1, name, publishers, subscribers, next, r.connz().Brokers[0].Journal.ID)
}

// What curl and a browser see of a conversation.
func TestStreamAndPublish(t *testing.T) {
	inBubble(t, broker.Config{}, func(r *rig) {
		s := r.subscribe("/subscribe?topic=news.%3E&name=eve")
		s.want(r.welcome("eve", 0, 1, 1), "P4: the first event")
		status, answer := r.post("/publish?name=ada&topic=news.sea", "hello\nbad\xff\n\r\n<b>\"\nlast")
		require.Equal(r, 200, status)
		require.JSONEq(r, `{"taken":4,"rejected":1,"errors":["line 2 is not UTF-8: rejected"],"position":4,"next":6}`, answer)
		r.post("/publish?name=bob", "no topic")
		event := func(kind, name, topic, more string) string {
			return fmt.Sprintf("event: %s\ndata: {\"event\":%[1]q,\"time\":%q,\"role\":\"PUBLISHER\",\"name\":%q,\"topic\":%q%s}\n\n", kind, epoch, name, topic, more)
		}
		s.want(event("joined", "ada", "news.sea", "")+
			message(1, "ada", "news.sea", "hello")+message(2, "ada", "news.sea", "")+
			message(3, "ada", "news.sea", `<b>"`)+message(4, "ada", "news.sea", "last")+
			event("left", "ada", "news.sea", `,"lines":4,"reason":"eof"`)+
			event("joined", "bob", "", "")+event("left", "bob", "", `,"lines":1,"reason":"eof"`),
			"P6, P11, P13: what its filter matches, and who came and left")

		plain := r.subscribe("/subscribe?format=plain&from=first&name=nc")
		plain.want(fmt.Sprintf("registered as SUBSCRIBER name=nc publishers=0 subscribers=2 next=1 journal=%s\n", r.connz().Brokers[0].Journal.ID)+
			"[FROM ada #news.sea] : hello\n[FROM ada #news.sea] : \n[FROM ada #news.sea] : <b>\"\n[FROM ada #news.sea] : last\n[FROM bob] : no topic\n",
			"P8, P12: what nc gets")
	})
}

// A browser that comes back goes on after the last message that it has, also where it has none.
func TestStreamResumes(t *testing.T) {
	inBubble(t, broker.Config{}, func(r *rig) {
		r.post("/publish?name=ada", "1\n2\n3\n")
		for last, first := range map[int]int{0: 1, 2: 3, 3: 4} {
			s := r.subscribe("/subscribe?from=new&name=eve", "Last-Event-ID", fmt.Sprint(last))
			text := s.take()
			for pos := 1; pos <= 3; pos++ {
				require.Equal(r, pos >= first, strings.Contains(text, fmt.Sprintf("id: %d\ndata", pos)), "position %d after %d", pos, last)
			}
			require.Contains(r, text, fmt.Sprintf(`"next":%d`, first), "after %d", last)
			s.body.Close()
			synctest.Wait()
		}
	})
}

// What is no longer kept is said, in its place (P12).
func TestStreamGap(t *testing.T) {
	inBubble(t, broker.Config{Journal: journal.NewMemory(journal.MinHistory)}, func(r *rig) {
		status, _ := r.post("/publish?name=ada", strings.Repeat(strings.Repeat("x", 60000)+"\n", 22))
		require.Equal(r, 200, status)
		oldest := r.connz().Brokers[0].Journal.Oldest
		require.Greater(r, oldest, uint64(1))
		text := r.subscribe("/subscribe?from=1").take()
		_, text, _ = strings.Cut(text, "\n\n")
		require.True(r, strings.HasPrefix(text, fmt.Sprintf("event: gap\ndata: {\"event\":\"gap\",\"missing\":%d}\n\n", oldest-1)), text[:60])
		require.EqualValues(r, 1, r.connz().Brokers[0].Gaps)
	})
}

// A stream on which nothing happens stays alive, and what happens then comes as ever.
func TestStreamKeepsAlive(t *testing.T) {
	inBubble(t, broker.Config{}, func(r *rig) {
		s := r.subscribe("/subscribe")
		s.take()
		time.Sleep(46 * time.Second)
		s.want(":\n\n:\n\n:\n\n", "a comment every 15 s")
		r.post("/publish?name=ada", "hello")
		require.Contains(r, s.take(), "id: 1\ndata: ")
	})
}

// The last word says why, and whether to come back.
func TestStreamEnds(t *testing.T) {
	inBubble(t, broker.Config{}, func(r *rig) {
		s := r.subscribe("/subscribe?name=eve")
		s.take()
		again := r.subscribe("/subscribe?name=eve")
		s.wantEnd("event: end\ndata: {\"error\":\"another connection took this name over\",\"again\":false}\n\n", "P5")
		again.take()
		require.NoError(r, r.broker.Shutdown(r.Context()))
		again.wantEnd("event: end\ndata: {\"error\":\"the server is shutting down\",\"again\":true}\n\n", "P17")
	})
}

// A run goes on where it stopped, and nothing is lost or doubled (P15).
func TestPublishOnce(t *testing.T) {
	inBubble(t, broker.Config{}, func(r *rig) {
		for _, c := range []struct {
			first, body string
			status      int
			answer      string
		}{
			{"1", "a\nb\n", 200, `{"taken":2,"rejected":0,"errors":[],"position":2,"next":3}`},
			{"1", "a\nb\nc", 200, `{"taken":3,"rejected":0,"errors":[],"position":3,"next":4}`},
			{"9", "i\n", 409, `{"error":"first= is ahead of the run, expected no more than next","taken":0,"rejected":0,"errors":[],"position":3,"next":4}`},
			{"4", "\x00\nd\n", 200, `{"taken":1,"rejected":1,"errors":["line 4 holds a NUL byte, expected text: rejected"],"position":4,"next":6}`},
			{"6", "e\nterminate\nf\n", 200, `{"taken":1,"rejected":0,"errors":[],"position":5,"next":7}`},
		} {
			status, answer := r.post("/publish?name=ada&run=r1&first="+c.first, c.body)
			require.Equal(r, c.status, status, c.body)
			require.JSONEq(r, c.answer, answer, c.body)
		}
		plain := r.subscribe("/subscribe?format=plain&from=first").take()
		_, plain, _ = strings.Cut(plain, "\n")
		require.Equal(r, "[FROM ada] : a\n[FROM ada] : b\n[FROM ada] : c\n[FROM ada] : d\n[FROM ada] : e\n", plain)
	})
}

// Lines are delivered while the body is still coming, and a drain ends it at a line's end (P17).
func TestPublishWhileItComes(t *testing.T) {
	onLoopback(t, broker.Config{}, nil, func(r *rig) {
		stream := r.do("GET", "/subscribe?format=plain", nil)
		defer stream.Body.Close()
		lines := bufio.NewReader(stream.Body)
		want := func(line, why string) {
			got, err := lines.ReadString('\n')
			require.NoError(r, err, why)
			require.Equal(r, line, got, why)
		}
		lines.ReadString('\n') // P4
		body, in := io.Pipe()
		type result struct {
			status int
			text   string
		}
		answered := make(chan result, 1)
		go func() {
			status, text := read(t, r.do("POST", "/publish?name=ada", body))
			answered <- result{status, text}
		}()
		fmt.Fprint(in, "one\ntw")
		want("[FROM ada] : one\n", "a line, and not the beginning of one")
		fmt.Fprint(in, "o\nthr")
		want("[FROM ada] : two\n", "the next one")
		require.Equal(r, "PUBLISHER", r.connz().Connections[1].Role)
		down := make(chan error, 1)
		go func() { down <- r.broker.Shutdown(t.Context()) }()
		got := <-answered
		require.Equal(r, 503, got.status)
		require.JSONEq(r, `{"error":"the server is shutting down","taken":2,"rejected":0,"errors":[],"position":2,"next":3}`, got.text)
		_, err := lines.ReadByte()
		require.ErrorIs(r, err, io.EOF, "nothing of the third")
		in.Close()
		require.NoError(r, <-down)
	})
}
