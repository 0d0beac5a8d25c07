package dialect

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"
)

// invented are dialects as strangers invent them, each learnt from what it makes.
var invented = map[string]string{
	"lines":                    `{register: "{role}\n", message: "{text}\n"}`,
	"bare":                     `{register: "{role}", message: "{text}"}`,
	"CR LF":                    `{register: "{role}\r\n", message: "{text}\r\n"}`,
	"lower case":               `{roles: [publisher, subscriber], register: "{role}", message: "{text}\n"}`,
	"mixed case":               `{roles: [Publisher, subscriber], register: "{role}\n", message: "{text}"}`,
	"asked and acknowledged":   `{register: "{wait}{role}{wait}", message: "{text}"}`,
	"role, then topic":         `{register: "{role}{wait}{topic}{wait}", message: "{text}"}`,
	"role and topic as writes": `{register: "{role}{cut:100}{topic}", message: "{text}"}`,
	"role and topic as lines":  `{register: "{role}\n{cut}{topic}\n", message: "{text}\n"}`,
	"three writes":             `{register: "{role}{cut}{topic}{cut:100}{name}", message: "{text}"}`,
	"role topic":               `{register: "{role} {topic}", message: "{text}"}`,
	"role:topic":               `{register: "{role}:{topic}\n", message: "{text}\n"}`,
	"role|topic":               `{register: "{role}|{topic}", message: "{text}"}`,
	"role,topic":               `{register: "{role},{topic}", message: "{text}\n"}`,
	"topic,role":               `{register: "{topic},{role}", message: "{text}\n"}`,
	"a sentence":               `{register: "Hello server, I am a new {role} for {topic}, thanks!", message: "{text}"}`,
	"misspelt":                 `{roles: [PUBLSHER, SUBSCIBER], register: "{role}", message: "{text}"}`,
	"role with each message":   `{publisher: "", subscriber: "SUBSCRIBER {topic}", message: "PUBLISHER {topic} {text}"}`,
	"capitals":                 `{register: "{role}:{topic:upper}\n", message: "{text:lower}\n"}`,
	"no role":                  `{register: "", message: "{text}\n"}`,
	"numbers for roles":        `{roles: ["1", "2"], register: "{role}\n{wait}", message: "{text}\n"}`,
	"port":                     `{register: "{role} from port {port}\n", message: "{text}\n"}`,
	"address":                  `{register: "{role}@{local}\n", message: "[{local}] {text}\n"}`,
	"name":                     `{register: "{role}\n{wait}{name}\n", message: "{name}: {text}\n"}`,
	"random id":                `{register: "{role} client-{id:7f3a9c01}\n", message: "{id:7f3a9c01}|{text}\n"}`,
	"uuid":                     `{register: "{role} {id:0b9c3f6e-8d1a-4c55-9f0e-2a7b6c5d4e3f}\n", message: "{text}\n"}`,
	"time":                     `{register: "{role} {time:stamp}\n", message: "{time:clock} {text}\n"}`,
	"time in seconds":          `{register: "{role}\n", message: "{time:unix}|{text}"}`,
	"counted":                  `{register: "{role}\n", message: "{count:1}. {text}\n"}`,
	"NUL at the end":           "{register: \"{role}\\0\", message: \"{text}\\0\"}",
	"topic:text":               `{register: "{role}\n{wait}{topic}\n", message: "{topic}:{text}\n"}`,
	"role before text":         `{register: "{role}\n", message: "PUBLISHER: {text}\n"}`,
	"length of 1 byte":         `{register: "{length:be1}{role}", message: "{length:be2}{text}"}`,
	"length of 2 bytes":        `{register: "{length:be2}{role}", message: "{length:be2}{text}!"}`,
	"length of 4 bytes":        `{register: "{length:be4}{cut}{role}", message: "{length:be4}{cut}{text}"}`,
	"length of 8 bytes":        `{register: "{length:be8}{role}", message: "{length:be8}{text}"}`,
	"little end, 2":            `{register: "{length:le2}{role}", message: "{length:le2}{text}"}`,
	"little end, 4":            `{register: "{length:le4}{role}{wait}", message: "{length:le4}{text}"}`,
	"little end, 8":            `{register: "{length:le8}{role}", message: "{length:le8}{text}"}`,
	"length with itself":       `{register: "{length:be4:+4}{role}", message: "{length:be4:+4}{text}"}`,
	"length of characters":     `{register: "{length:be4:chars}{role}", message: "{length:be4:chars}{text}"}`,
	"type, length":             `{register: "R{length:be4}{role}", message: "M{length:be4}{text}"}`,
	"topic and lengths":        `{register: "{role} {topic}\n", message: "{length:be4}{topic} {text}"}`,
	"decimal line":             `{register: "{length:dec}\n{role}", message: "{length:dec}\n{text}"}`,
	"decimal, colon":           `{register: "{length:dec}:{role},", message: "{length:dec}:{text}"}`,
	"four digits":              `{register: "{length:zero4}{role}", message: "{length:zero4}{text}"}`,
	"ten digits":               `{register: "{length:zero10}{cut}{role}", message: "{length:zero10}{cut}{text}"}`,
	"header of 64":             `{register: "{length:left64}{cut}{role}", message: "{length:left64}{cut}{text}"}`,
	"header of 10, right":      `{register: "{length:right10}{role}", message: "{length:right10}{text}"}`,
	"blocks":                   `{register: "{role}{pad:1024}", message: "{text}{pad:1024}"}`,
	"blocks with newline":      `{register: "{role}\n{pad:512}", message: "{text}\n{pad:512}"}`,
	"blocks of spaces":         `{register: "{role}{pad:1024:space}", message: "{text}{pad:1024:space}"}`,
	"a struct":                 `{register: "{role}{pad:16}{topic}{pad:48}{pad:1072}", message: "PUB{pad:16}{topic}{pad:48}{text}{pad:1072}"}`,
	"JSON lines":               `{register: "{\"role\":\"{role}\",\"topic\":\"{topic}\"}\n", message: "{\"topic\":\"{topic}\",\"text\":\"{text:json}\"}\n"}`,
	"JSON without end":         `{register: "{\"type\": \"register\", \"role\": \"{role}\"}", message: "{\"type\": \"message\", \"text\": \"{text:json}\"}"}`,
	"JSON, UTF-8":              `{register: "{\"role\":\"{role}\"}\n", message: "{\"text\":\"{text:jsonutf8}\"}\n"}`,
	"JSON, different":          `{publisher: "{\"publish\":true}\n", subscriber: "{\"subscribe\":[\"{topic}\"]}\n{wait}", message: "{\"t\":\"{topic}\",\"m\":\"{text:json}\",\"at\":{time:float}}\n"}`,
	"JSON, lengths":            `{register: "{length:be4}{\"role\": \"{role}\"}", message: "{length:be4}{\"m\": \"{text:json}\"}"}`,
	"writeUTF":                 `{register: "{length:be2}{role}{wait}", message: "{length:be2}{text:mutf8}"}`,
	"lengths of each":          `{register: "{length:be2:role}{role}{length:be2}{topic}", message: "{length:be2:topic}{topic}{length:be2}{text:mutf8}"}`,
	"HTTP, JSON":               `{publisher: "", subscriber: "GET /{topic} HTTP/1.1\r\nHost: {server}\r\n\r\n", message: "{connect}POST /{topic} HTTP/1.1\r\nHost: {server}\r\nContent-Type: application/json\r\nContent-Length: {length:dec:body}\r\n\r\n{\"message\": \"{text:json}\"}"}`,
	"HTTP, form":               `{publisher: "", subscriber: "GET /{topic} HTTP/1.1\r\nHost: {server}\r\n\r\n", message: "{connect}POST /publish HTTP/1.0\r\nHost: {server}\r\nContent-Length: {length:dec:body}\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\ntopic={topic}&message={text:form}"}`,
	"WebSocket":                `{register: "GET / HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\nSec-WebSocket-Key: {id:dGhlIHNhbXBsZSBub25jZQ==}\r\n\r\n", message: "{masked}{text}"}`,
	"a key without digits":     `{register: "GET / HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\nSec-WebSocket-Key: {id:dGhlIHNhbXBsZSBubkljZQ==}\r\n\r\n", message: "{masked}{text}"}`,
	"two connections":          `{register: "{role}\n{wait}{connect:6000}{role} data\n", message: "{on:1}{text}\n"}`,
	"several rounds":           `{register: "{wait}{role}\n{wait}{name}\n{wait}{topic}\n{wait}", message: "{text}\n"}`,
	"answers within messages":  `{register: "{role}\n{wait}", message: "PUBLISH {topic}\n{wait}{text}\n"}`,
	"braces":                   `{register: "{{role}}\n", message: "{{text}}{no field}\n"}`,
	"bytes":                    `{register: "{hex:00ff}{role}{hex:fe}", message: "{hex:00ff}{text}{hex:fe}"}`,
}

// TestInvented learns each dialect from sessions, and speaks it then as it was.
func TestInvented(t *testing.T) {
	for name, text := range invented {
		t.Run(name, func(t *testing.T) {
			d := parsed(t, text)
			sessions, _, err := simulate(d, typedTexts)
			require.NoError(t, err)
			learnt, err := Learn(sessions)
			require.NoError(t, err)
			assertSame(t, d, learnt)
		})
	}
}

// assertSame compares what two dialects make of values that were not recorded.
func assertSame(t *testing.T, d, learnt *Dialect) {
	t.Helper()
	t.Logf("%s", learnt)
	for _, text := range []string{"x", "m9-abcdef-123.", `"q" \ é 語`, typedTexts(1)[3][:300]} {
		v := Values{
			Role: Publisher, Topic: "sport", Name: "zoe", Text: text, Local: "127.0.0.1:61234", Server: "127.0.0.1:7777",
			Count: 41, Now: time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC), ID: 999,
		}
		for _, role := range []string{Publisher, Subscriber} {
			v.Role = role
			want, err := d.Registration(v, "")
			require.NoError(t, err)
			got, err := learnt.Registration(v, "")
			require.NoError(t, err)
			assert.Equal(t, shown(want), shown(got), "registration as a %s", role)
		}
		v.Role = Publisher
		want, err := d.Publishing(v)
		require.NoError(t, err)
		got, err := learnt.Publishing(v)
		require.NoError(t, err)
		assert.Equal(t, shown(want), shown(got), "message")
	}
}

// Where two writes were read as one in most of the recordings, they are two all the same; and one that came
// late once, on a busy machine, is no pause of the client's.
func TestWritesReadTogether(t *testing.T) {
	d := parsed(t, `{register: "{role}{cut}{topic}", message: "{text}"}`)
	for _, late := range []time.Duration{0, 80 * time.Millisecond} {
		sessions, _, err := simulate(d, typedTexts)
		require.NoError(t, err)
		for i := range sessions {
			chunks := sessions[i].Conns[0].Chunks
			if i > 0 {
				chunks[0].Data = append(chunks[0].Data, chunks[1].Data...)
				sessions[i].Conns[0].Chunks = slices.Delete(chunks, 1, 2)
			} else {
				chunks[1].At += late
			}
		}
		learnt, err := Learn(sessions)
		require.NoError(t, err)
		assert.Equal(t, d.String(), learnt.String())
		assertSame(t, d, learnt)
	}
}

// A word that was written byte by byte, and read in parts once, is one word.
func TestWordInParts(t *testing.T) {
	d := parsed(t, `{publisher: "PUBLISHER\n", subscriber: "SUBSCRIBER {topic}\n", message: "{text}\n"}`)
	sessions, _, err := simulate(d, typedTexts)
	require.NoError(t, err)
	c := &sessions[0].Conns[0]
	first, second := c.Chunks[0], c.Chunks[0]
	first.Data, second.Data = first.Data[:1], first.Data[1:]
	c.Chunks = slices.Replace(c.Chunks, 0, 1, first, second)
	learnt, err := Learn(sessions)
	require.NoError(t, err)
	assert.Equal(t, d.String(), learnt.String())
}

// One message in two parts is none of a client that sends messages in parts.
func TestOneMessageInParts(t *testing.T) {
	d := parsed(t, `{register: "{role}", message: "{topic}|{text}"}`)
	sessions, _, err := simulate(d, typedTexts)
	require.NoError(t, err)
	c := &sessions[0].Conns[0]
	whole := c.Chunks[1]
	first, second := whole, whole
	first.Data, second.Data = whole.Data[:len("news|")], whole.Data[len("news|"):]
	c.Chunks = slices.Replace(c.Chunks, 1, 2, first, second)
	learnt, err := Learn(sessions)
	require.NoError(t, err)
	assert.Equal(t, d.String(), learnt.String())
}

// At once goes what the client says without a pause, and nothing else.
func TestAtOnce(t *testing.T) {
	for text, want := range map[string]string{
		`{register: "{role}{cut}{topic}{wait}{name}", message: "{text}"}`: "{role}{topic}{wait}{name}",
		`{register: "{role}{cut:100}{topic}", message: "{text}"}`:         "",
		`{register: "{role}{wait}{topic}", message: "{text}{cut}"}`:       "",
	} {
		d := parsed(t, text)
		hasty, ok := d.AtOnce(Publisher)
		assert.Equal(t, want != "", ok, "%s", text)
		if ok {
			assert.Equal(t, want, hasty.Register[Publisher].String())
			assert.NotEqual(t, want, d.Register[Publisher].String(), "the dialect itself is not changed")
		}
	}
}

// shownStep is a step with text for bytes, which can be read.
type shownStep struct {
	Step
	Data string
}

func shown(steps []Step) (all []shownStep) {
	for _, s := range steps {
		text := string(s.Data)
		s.Data = nil
		all = append(all, shownStep{s, text})
	}
	return all
}

// FuzzLearn records clients of drawn dialects, changes a byte that they sent, and learns: what is
// learnt makes just what was recorded.
func FuzzLearn(f *testing.F) {
	for name, text := range invented {
		f.Add(text, uint64(len(name)), uint16(len(name)), byte(len(name)%2))
	}
	f.Fuzz(func(t *testing.T, text string, draw uint64, place uint16, change byte) {
		d := &Dialect{}
		if len(text) > 400 || yaml.Unmarshal([]byte(text), d) != nil {
			return
		}
		random := rand.New(rand.NewPCG(draw, 1))
		var texts []string
		for i := range 4 {
			texts = append(texts, fmt.Sprintf("m1-k3vq9x-%03d.%s", i, strings.Repeat(string(rune('a'+i)), random.IntN(300))))
		}
		sessions, all, err := simulate(d, func(int) []string { return texts })
		if err != nil {
			return
		}
		meddle(sessions, int(place), change)
		learnt, err := Learn(sessions)
		if err != nil {
			return
		}
		for _, m := range all {
			steps, err := learnt.Publishing(m.values)
			require.NoError(t, err, "%s", learnt)
			if learnt.Message.has("id") || learnt.Message.has("random") || learnt.Message.has("time") {
				continue // they are made anew
			}
			var want, got []byte
			for _, data := range m.data {
				want = append(want, data...)
			}
			for _, s := range steps {
				got = append(got, s.Data...)
			}
			assert.Equal(t, string(want), string(got), "%s", learnt)
		}
	})
}

// meddle changes one byte that a client sent.
func meddle(sessions []Session, place int, change byte) {
	for _, s := range sessions {
		for _, c := range s.Conns {
			for _, k := range c.Chunks {
				if k.Up && place < len(k.Data) {
					k.Data[place] ^= change
					return
				}
				if k.Up {
					place -= len(k.Data)
				}
			}
		}
	}
}

// A client that only connects, to another port than the server's main one, says with that what it is.
func TestFirstConnectionToAnotherPort(t *testing.T) {
	const port = 26601
	var sessions []Session
	for i := range 2 {
		publisher := Session{Role: Publisher, Conns: []Conn{{}}}
		subscriber := Session{Role: Subscriber, Conns: []Conn{{Port: port}}}
		for j, text := range typedTexts(i) {
			at := time.Duration(j+1) * time.Second
			publisher.Typed = append(publisher.Typed, Typed{At: at, Text: text})
			publisher.Conns[0].Chunks = append(publisher.Conns[0].Chunks, Chunk{At: at + 1, Up: true, Data: []byte(text + "\n")})
			subscriber.Conns[0].Chunks = append(subscriber.Conns[0].Chunks, Chunk{At: at + 2, Data: []byte("somebody => " + text + "\n")})
		}
		sessions = append(sessions, publisher, subscriber)
	}
	d, err := Learn(sessions)
	require.NoError(t, err)
	steps, err := d.Registration(Values{Role: Subscriber}, "")
	require.NoError(t, err)
	assert.Equal(t, []Step{{Connect: true, Port: port}}, steps)
	steps, err = d.Registration(Values{Role: Publisher}, "")
	require.NoError(t, err)
	assert.Empty(t, steps)
}
