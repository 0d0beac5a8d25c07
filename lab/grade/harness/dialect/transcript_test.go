package dialect

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recorded says what is learnt of the transcripts in testdata: what little clients of many kinds
// said to a server.
var recorded = map[string]string{
	"asked":         `a publisher sends "{wait}PUBLISHER{wait}", a subscriber "{wait}SUBSCRIBER{wait}", a message is "{text}"`,
	"c-block":       `a publisher sends "PUBLISHER{pad:1024}", a subscriber "SUBSCRIBER{pad:1024}", a message is "{text}{pad:1024}"`,
	"c-nul":         `a publisher sends "PUBLISHER\x00", a subscriber "SUBSCRIBER\x00", a message is "{text}\n\x00"`,
	"c-struct":      `a publisher sends "\x01\x00\x00\x00{topic}{pad:548}", a subscriber "\x02\x00\x00\x00{topic}{pad:548}", a message is "\x03\x00\x00\x00{topic}{pad:36}{text}{pad:548}"`,
	"crlf":          `a publisher sends "Publisher\r\n", a subscriber "Subscriber\r\n", a message is "{text}\r\n"`,
	"decimal-line":  `a publisher sends "{length:dec:role}\nPUBLISHER", a subscriber "{length:dec:role}\nSUBSCRIBER", a message is "{length:dec:-1}\n{topic}/{text}"`,
	"hmac":          `what the client sends around a message differs from message to message in a way that is not understood (a checksum, a format of its own)`,
	"http-form":     `a publisher sends nothing, a subscriber "GET /events?topic={topic} HTTP/1.0\r\n\r\n{wait}", a message is "{connect}POST /pub HTTP/1.1\r\nAccept-Encoding: identity\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {length:dec:body}\r\nHost: {server}\r\nUser-Agent: Python-urllib/3.11\r\nConnection: close\r\n\r\ntopic={topic}&m={text:form}"`,
	"http-json":     `a publisher sends nothing, a subscriber "GET /stream/{topic} HTTP/1.1\r\nHost: {server}\r\nAccept-Encoding: identity\r\n\r\n{wait}", a message is "{connect}POST /publish HTTP/1.1\r\nHost: {server}\r\nAccept-Encoding: identity\r\nContent-Length: {length:dec:body}\r\nContent-Type: application/json\r\n\r\n{\"topic\": \"{topic}\", \"message\": \"{text:json}\"}"`,
	"id-time":       `a publisher sends "HELLO PUBLISHER id={id:be39151b} addr={local}\n", a subscriber "HELLO SUBSCRIBER id={id:be39151b} addr={local}\n", a message is "{count:1}|{id:be39151b}|{time:clock}|{text}\n"`,
	"java-int":      `a publisher sends "{length:be4}{cut}PUBLISHER", a subscriber "{length:be4}{cut}SUBSCRIBER", a message is "{length:be4}{text}"`,
	"java-objects":  `the client sends serialised objects of Java (ObjectOutputStream), which only Java can make`,
	"java-writeutf": `a publisher sends "{length:be2:role}PUBLISHER{cut}{length:be2}{topic}", a subscriber "{length:be2:role}SUBSCRIBER{cut}{length:be2}{topic}", a message is "{length:be2}{text:mutf8}"`,
	"node-bare":     `a publisher sends "{topic}:PUBLISHER", a subscriber "{topic}:SUBSCRIBER", a message is "[{topic}] {text}"`,
	"node-json":     `a publisher sends "{\"action\":\"connect\",\"role\":\"PUBLISHER\",\"topic\":\"{topic}\",\"ts\":{time:milli}}\n", a subscriber "{\"action\":\"connect\",\"role\":\"SUBSCRIBER\",\"topic\":\"{topic}\",\"ts\":{time:milli}}\n", a message is "{\"action\":\"message\",\"topic\":\"{topic}\",\"data\":\"{text:jsonutf8}\",\"ts\":{time:milli}}\n"`,
	"pickle":        `the client sends pickles, which only Python can make`,
	"rounds":        `a publisher sends "LOGIN {name}\n{wait}ROLE PUBLISHER\n{wait}", a subscriber "LOGIN {name}\n{wait}ROLE SUBSCRIBER\n{wait}SUB {topic}\n{wait}", a message is "TOPIC {topic}\n{wait}DATA {text}\n"`,
	"xor":           `what is typed at the client is not in what it sends: "m1-k3vq9x-001." became "7kw1i,+c\"wjjkt\n"; it may be encrypted, compressed, or changed`,
	"zero4":         `a publisher sends "{length:zero4:role}PUBLISHER{length:zero4}{topic}{wait}", a subscriber "{length:zero4:role}SUBSCRIBER{length:zero4}{topic}{wait}", a message is "{length:zero4}{text}"`,
	"zlib":          `what is typed at the client is not in what it sends: "m1-k3vq9x-001." became "\x00\x00\x00\x16x\x9c\xcb5\xd4\xcd6.+\xb4\xac\xd0500\xd4\x03\x00 \x02\x03\xee"; it may be encrypted, compressed, or changed`,
}

// TestRecorded learns from transcripts of real programs.
func TestRecorded(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			d, err := Learn(transcript(t, file))
			got := fmt.Sprint(err)
			if err == nil {
				got = d.String()
			}
			assert.Equal(t, recorded[name], got)
		})
	}
	assert.Len(t, files, len(recorded))
}

// transcript reads a recording: a line for each thing that happened.
func transcript(t testing.TB, file string) (sessions []Session) {
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	for line := range strings.Lines(string(data)) {
		words := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
		if words[0] == "#" {
			continue
		}
		if words[0] == "session" {
			sessions = append(sessions, Session{Role: words[1], Topic: words[2], Name: words[3]})
			continue
		}
		s := &sessions[len(sessions)-1]
		switch words[0] {
		case "typed":
			words = strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
			s.Typed = append(s.Typed, Typed{At: seconds(t, words[1]), Text: unquoted(t, words[2])})
		case "conn":
			s.Conns = append(s.Conns, Conn{At: seconds(t, words[1]), Local: words[2], Server: words[3]})
		default:
			n, err := strconv.Atoi(words[0])
			require.NoError(t, err, line)
			c := &s.Conns[n]
			c.Chunks = append(c.Chunks, Chunk{At: seconds(t, words[2]), Up: words[1] == "up", Data: []byte(unquoted(t, words[3]))})
		}
	}
	return sessions
}

func seconds(t testing.TB, text string) time.Duration {
	d, err := time.ParseDuration(text + "s")
	require.NoError(t, err)
	return d
}

func unquoted(t testing.TB, text string) string {
	s, err := strconv.Unquote(text)
	require.NoError(t, err)
	return s
}
