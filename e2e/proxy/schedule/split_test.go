package schedule

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"pubsublab/client/pubsub"
	"pubsublab/e2e/wait"
	"pubsublab/protocol"
)

// cut is a connection whose reads end at certain bytes, whatever has arrived:
// splits that no kernel undoes.
type cut struct {
	*net.TCPConn
	at   []int64 // ascending
	read int64
}

func (c *cut) Read(p []byte) (int, error) {
	for len(c.at) > 0 && c.at[0] <= c.read {
		c.at = c.at[1:]
	}
	if len(c.at) > 0 && int64(len(p)) > c.at[0]-c.read {
		p = p[:c.at[0]-c.read]
	}
	n, err := c.TCPConn.Read(p)
	c.read += int64(n)
	return n, err
}

// cutting is a listener whose connections are cut.
type cutting struct {
	net.Listener
	at atomic.Pointer[[]int64]
}

func (l *cutting) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &cut{TCPConn: conn.(*net.TCPConn), at: slices.Clone(*l.at.Load())}, nil
}

// cuttingBroker returns a broker, and what says where it cuts what the
// connections after that send.
func cuttingBroker(t *testing.T) (addr string, at func(...int64)) {
	var listener *cutting
	addr = serve(t, func(l net.Listener) net.Listener {
		listener = &cutting{Listener: l}
		listener.at.Store(new([]int64))
		return listener
	})
	return addr, func(at ...int64) { listener.at.Store(&at) }
}

// eachCut calls f with no split, each split and each pair of splits of n bytes.
func eachCut(n int, f func(at ...int64)) {
	f()
	for i := int64(1); i < int64(n); i++ {
		f(i)
		for j := i + 1; j < int64(n); j++ {
			f(i, j)
		}
	}
}

// say does a whole session with a socket: it says all of it at once, and
// returns what it is told until the broker closes.
func say(t *testing.T, addr, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	conn.SetDeadline(wait.Deadline(t))
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	told, err := io.ReadAll(conn)
	require.NoError(t, err)
	return string(told)
}

// earlierAcks are those that another one follows: how many there are depends
// on how much the broker reads at once (P14).
var earlierAcks = regexp.MustCompile(`(?s)ack \d+\n(.*ack \d+\n)`)

// However what a publisher sends is split, it is told the same, and the same is
// delivered.
func TestEverySplitOfAPublisher(t *testing.T) {
	addr, at := cuttingBroker(t)
	const session = "publisher name=p%04d ack=yes run=r\r\nh\u00e9\n\nx\r\r\n\xff\nterminate\n"
	want, n := "", 0
	eachCut(len(fmt.Sprintf(session, 0)), func(cuts ...int64) {
		at(cuts...)
		told := say(t, addr, fmt.Sprintf(session, n))
		told = strings.ReplaceAll(told, fmt.Sprintf("p%04d", n), "p")
		for earlierAcks.MatchString(told) {
			told = earlierAcks.ReplaceAllString(told, "$1")
		}
		if n++; want == "" {
			want = told
			require.Contains(t, told, "next=1")
			require.Contains(t, told, "error: line 4 is not UTF-8: rejected\nack 4\n")
		}
		require.Equal(t, want, told, "split at %v", cuts)
	})
	at()
	got := map[string][]string{}
	s, err := pubsub.DialSubscriber(t.Context(), addr, pubsub.Config{From: protocol.FromFirst()})
	require.NoError(t, err)
	defer s.Close()
	for lines := 0; lines < 3*n; {
		item, err := s.Next(t.Context())
		require.NoError(t, err)
		if item.Event == nil {
			got[item.From] = append(got[item.From], item.Line)
			lines++
		}
	}
	require.Len(t, got, n)
	for name, lines := range got {
		require.Equal(t, []string{"h\u00e9", "", "x\r"}, lines, name)
	}
	t.Logf("%d sessions", n)
}

// However what a subscriber sends is split, it receives the same.
func TestEverySplitOfASubscriber(t *testing.T) {
	addr, at := cuttingBroker(t)
	say(t, addr, "PUBLISHER name=p topic=a\none\n\nh\u00e9\nterminate\n")
	const session = "subscriber topic=a from=first\r\nwhat?\n terminate \n"
	want, n := "", 0
	eachCut(len(session), func(cuts ...int64) {
		at(cuts...)
		conn, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		defer conn.Close()
		conn.SetDeadline(wait.Deadline(t))
		end := len(session) - len(" terminate \n")
		_, err = io.WriteString(conn, session[:end])
		require.NoError(t, err)
		var told strings.Builder
		r := bufio.NewReader(conn)
		for range 4 {
			line, err := r.ReadString('\n')
			require.NoError(t, err)
			told.WriteString(line)
		}
		_, err = io.WriteString(conn, session[end:])
		require.NoError(t, err)
		_, err = io.Copy(&told, r)
		require.NoError(t, err)
		text := strings.ReplaceAll(told.String(), conn.LocalAddr().String(), "s")
		if n++; want == "" {
			want = text
			require.Contains(t, text, "[FROM p #a] : one\n[FROM p #a] : \n[FROM p #a] : h\u00e9\n")
		}
		require.Equal(t, want, text, "split at %v", cuts)
	})
	t.Logf("%d sessions", n)
}

// dialCut makes connections whose reads are cut, and counts what is read.
type dialCut struct {
	at   []int64
	last *cut
}

func (d *dialCut) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	d.last = &cut{TCPConn: conn.(*net.TCPConn), at: d.at}
	return d.last, nil
}

// However what the Go client is told is split, it understands the same.
func TestEverySplitToTheClient(t *testing.T) {
	addr := serve(t, nil)
	want := []string{"one", "", "h\u00e9", "x\r"}
	longest := int64(1)
	for at := int64(1); at <= longest+20; at++ {
		d := &dialCut{at: []int64{at}}
		p, err := pubsub.DialPublisher(t.Context(), addr, pubsub.Config{Name: "p", Topic: fmt.Sprintf("t%d", at), Dial: d.dial})
		require.NoError(t, err)
		for _, line := range want {
			require.NoError(t, p.Publish(t.Context(), line))
		}
		require.NoError(t, p.Close(t.Context()), "split at %d", at)
		longest = max(longest, d.last.read)
	}
	publisher := longest
	longest = 1
	for at := int64(1); at <= longest; at++ {
		d := &dialCut{at: []int64{at}}
		s, err := pubsub.DialSubscriber(t.Context(), addr, pubsub.Config{Topic: "t1", From: protocol.FromFirst(), Dial: d.dial})
		require.NoError(t, err)
		var got []string
		for len(got) < len(want) {
			item, err := s.Next(t.Context())
			require.NoError(t, err)
			if item.Event == nil {
				got = append(got, item.Line)
			}
		}
		// What comes after that is none of this test's business.
		longest = max(longest, min(d.last.read, 1000))
		s.Close()
		require.Equal(t, want, got, "split at %d", at)
	}
	t.Logf("%d bytes to a publisher, %d to a subscriber", publisher, longest)
}
