package dialect

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"
)

// typedTexts are what is typed at a publisher in a recording.
func typedTexts(i int) []string {
	return []string{
		fmt.Sprintf("m%d-k3vq9x-001.", i),
		fmt.Sprintf("m%d-k3vq9x-002. and a longer one", i),
		fmt.Sprintf(`m%d-k3vq9x-003. "quotes", back\slash, Grüße, 日本語 & more`, i),
		fmt.Sprintf("m%d-k3vq9x-004. %s", i, strings.Repeat("a long one; ", 30)),
		fmt.Sprintf("m%d-k3vq9x-005.", i),
	}
}

// clock of a recording.
type recording struct {
	now     time.Duration
	session Session
}

func (r *recording) chunk(conn int, up bool, data []byte) {
	r.now += time.Millisecond
	c := &r.session.Conns[conn]
	c.Chunks = append(c.Chunks, Chunk{At: r.now, Up: up, Data: data})
}

// do plays a client that follows steps, and a server that says something wherever it is waited for. It
// returns what the client sent.
func (r *recording) do(steps []Step) (sent [][]byte) {
	conn := 0
	for _, s := range steps {
		if s.Connect {
			conn = len(r.session.Conns)
			r.now += time.Millisecond
			r.session.Conns = append(r.session.Conns, Conn{At: r.now, Port: s.Port})
		}
		if s.On > 0 && s.On <= len(r.session.Conns) {
			conn = s.On - 1
		}
		if s.Wait {
			r.chunk(conn, false, []byte("go on: "))
		}
		if r.now += s.Pause; len(s.Data) > 0 {
			r.chunk(conn, true, s.Data)
			sent = append(sent, s.Data)
		}
	}
	return sent
}

// published is one message of a recording.
type published struct {
	values Values
	data   [][]byte // that went to the server
}

// simulate records clients that speak a dialect.
func simulate(d *Dialect, texts func(int) []string) (sessions []Session, all []published, err error) {
	for i := range 4 {
		role := []string{Publisher, Subscriber}[i%2]
		v := Values{
			Role: role, Topic: []string{"news", "weather"}[i/2], Name: []string{"ann", "bob", "carl", "dora9"}[i],
			Local: fmt.Sprintf("127.0.0.1:%d", 40000+1234*i), Server: fmt.Sprintf("127.0.0.1:%d", 5000+i),
			Now: time.Date(2026, 11, 26, 9, 10, 11+i, 0, time.UTC), ID: uint64(i * 77),
		}
		r := &recording{session: Session{Role: role, Topic: v.Topic, Name: v.Name, Conns: []Conn{{Local: v.Local, Server: v.Server}}}}
		steps, err := d.Registration(v, "")
		if err != nil {
			return nil, nil, err
		}
		r.do(steps)
		if role == Publisher {
			for n, text := range texts(i) {
				r.now += time.Second
				r.session.Typed = append(r.session.Typed, Typed{At: r.now, Text: text})
				v.Text, v.Count, v.Now = text, n, v.Now.Add(time.Second)
				steps, err := d.Publishing(v)
				if err != nil {
					return nil, nil, err
				}
				all = append(all, published{values: v, data: r.do(steps)})
			}
		} else {
			for _, text := range texts(i - 1) {
				r.now += time.Second
				r.chunk(0, false, []byte("[FROM 127.0.0.1:4711] : "+text+"\n"))
			}
		}
		sessions = append(sessions, r.session)
	}
	return sessions, all, nil
}

// parsed reads a dialect.
func parsed(t testing.TB, text string) *Dialect {
	d := &Dialect{}
	require.NoError(t, yaml.Unmarshal([]byte(text), d), "%s", text)
	return d
}
