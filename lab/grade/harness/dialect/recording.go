package dialect

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"
)

// event is one thing that happened in a session.
type event struct {
	at     time.Duration
	conn   int
	port   int // of a connection that was opened
	open   bool
	up     bool
	masked bool // data is what frames of WebSocket held
	data   []byte
}

// events are those of all connections, in order.
func (s Session) events() []event {
	var all []event
	for i, c := range s.Conns {
		all = append(all, event{at: c.At, conn: i, port: c.Port, open: true})
		chunks := make([]event, len(c.Chunks))
		for j, k := range c.Chunks {
			chunks[j] = event{at: k.At, conn: i, up: k.Up, data: k.Data}
		}
		all = append(all, unframed(chunks)...)
	}
	slices.SortStableFunc(all, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	return all
}

// unframed takes what the frames of a WebSocket hold out of them.
func unframed(chunks []event) []event {
	var rest [2][]byte
	var greeted [2]bool
	var out []event
	side := func(up bool) int {
		if up {
			return 0
		}
		return 1
	}
	for _, e := range chunks {
		i := side(e.up)
		if !greeted[i] {
			rest[i] = append(rest[i], e.data...)
			head, tail, whole := bytes.Cut(rest[i], []byte("\r\n\r\n"))
			if !whole || !strings.Contains(strings.ToLower(string(head)), "upgrade: websocket") {
				out = append(out, e)
				continue
			}
			greeted[i] = true
			e.data = e.data[:len(e.data)-len(tail)]
			out = append(out, e)
			rest[i] = tail
		} else {
			rest[i] = append(rest[i], e.data...)
		}
		for {
			opcode, payload, size := readFrame(rest[i])
			if size == 0 {
				break
			}
			rest[i] = rest[i][size:]
			if opcode <= 2 {
				out = append(out, event{at: e.at, conn: e.conn, up: e.up, masked: true, data: payload})
			}
		}
	}
	return out
}

// cut is where one write ended, and how long it was until the next.
type cut struct {
	at    int
	pause time.Duration
}

// segment is what a client sent without waiting or turning to another connection.
type segment struct {
	marks []part // before it
	data  []byte
	cuts  []cut
}

// Which waiting for the server is believed: it may have been by chance that the server was first.
const (
	allWaits = iota
	laterWaits
	noWaits
)

// segments are what a client did among some events, beginning on a connection. What the server said
// is a mark where the client may have waited for it; first says whether that counts before the
// client has said anything.
func segments(events []event, first bool, waits int) []segment {
	all := []segment{{}}
	current, heard, masked, spoke := 0, false, false, false
	var said time.Duration // when the client spoke last
	last := func() *segment { return &all[len(all)-1] }
	mark := func(p part) {
		if len(last().data) > 0 {
			all = append(all, segment{})
		}
		last().marks = append(last().marks, p)
	}
	for _, e := range events {
		switch {
		case e.open && (e.conn > 0 || e.port > 0 || !first):
			if heard {
				mark(part{kind: "wait"})
			}
			mark(part{kind: "connect", num: e.port})
			current, heard = e.conn, false
		case e.open:
		case !e.up:
			heard = heard || waits == allWaits || waits == laterWaits && spoke
			heard = heard && (first || spoke)
		default:
			if e.conn != current {
				mark(part{kind: "on", num: e.conn})
				current = e.conn
			}
			if heard {
				mark(part{kind: "wait"})
			}
			if e.masked && !masked {
				mark(part{kind: "masked"})
				masked = true
			}
			if len(last().data) > 0 {
				last().cuts = append(last().cuts, cut{len(last().data), e.at - said})
			}
			last().data = append(last().data, e.data...)
			heard, spoke, said = false, true, e.at
		}
	}
	return all
}

// asked is what was said to a session before a line was typed or a message came: its registration.
func registration(s Session, events []event, texts []string) (before []event, acknowledged bool) {
	end := len(events)
	for i, e := range events {
		if len(s.Typed) > 0 && e.at >= s.Typed[0].At || !e.up && !e.open && holdsOne(e.data, texts) {
			end = i
			break
		}
	}
	before = events[:end]
	for _, e := range before {
		if !e.open {
			acknowledged = !e.up
		}
	}
	spoke := slices.ContainsFunc(before, func(e event) bool { return e.up })
	return before, acknowledged && spoke
}

// holdsOne reports whether one of the texts is in data, in some encoding.
func holdsOne(data []byte, texts []string) bool {
	return slices.ContainsFunc(texts, func(text string) bool {
		for _, e := range encodings {
			if bytes.Contains(data, []byte(e.encode(text))) {
				return true
			}
		}
		return false
	})
}

// receive finds out how subscribers get messages.
func (l *learner) receive() Receive {
	var r Receive
	var streams [][]byte
	for i, s := range l.sessions {
		if s.Role != Subscriber {
			continue
		}
		for c := range s.Conns {
			var data []byte
			for _, e := range l.events[i] {
				if e.conn == c && !e.up && !e.open {
					if data = append(data, e.data...); e.masked {
						r.frame = "websocket"
					}
				}
			}
			if holdsOne(data, l.texts) {
				streams = append(streams, data)
			}
		}
	}
	r.json = slices.ContainsFunc(streams, func(data []byte) bool { return l.escapes(data) })
	if len(streams) == 0 || r.frame != "" {
		return r
	}
	for _, name := range slices.Concat(lengthFormats, []string{"dec", "zero2", "zero3", "zero4", "zero5", "zero6", "zero8", "zero10"}, padded) {
		f, _ := parseFormat(name)
		for _, more := range []int{0, f.width, 1, -1} {
			p := part{kind: "length", format: name, num: more}
			if l.tiled(Receive{frame: "length", count: p}, streams) {
				r.frame, r.count = "length", p
				return r
			}
		}
	}
	for _, size := range []int{4096, 2048, 1024, 1000, 512, 500, 300, 256, 255, 200, 128, 100, 64} {
		if l.tiled(Receive{frame: "block", size: size}, streams) {
			r.frame, r.size = "block", size
			return r
		}
	}
	return r
}

// padded are decimal lengths of the sizes that headers have.
var padded = func() (names []string) {
	for _, size := range []string{"4", "5", "8", "10", "16", "32", "64", "100", "128", "256"} {
		names = append(names, "left"+size, "right"+size, "nul"+size)
	}
	return names
}()

// tiled reports whether frames fill all streams to their ends, and each text that is in a stream is
// within a frame, of its own: what looks like lengths may be letters.
func (l *learner) tiled(r Receive, streams [][]byte) bool {
	sizes := map[int]bool{}
	for _, data := range streams {
		within := map[string]bool{}
		d := r.NewDecoder()
		d.rest = data
		for len(d.rest) > 0 {
			payload, size := d.next()
			if size == 0 || d.plain || r.frame == "block" && !blank(d.rest[len(payload):size]) {
				return false
			}
			held := 0
			for _, text := range l.texts {
				if holdsOne(payload, []string{text}) {
					within[text] = true
					held++
				}
			}
			if held > 1 && !nested(l.texts) {
				return false
			}
			sizes[len(payload)] = true
			d.rest = d.rest[size:]
		}
		for _, text := range l.texts {
			if !within[text] && holdsOne(data, []string{text}) {
				return false
			}
		}
		if len(within) < 2 {
			return false
		}
	}
	return len(sizes) > 1
}

// nested reports whether one text is within another.
func nested(texts []string) bool {
	for i, a := range texts {
		for j, b := range texts {
			if i != j && strings.Contains(b, a) {
				return true
			}
		}
	}
	return false
}

// blank reports whether a block's rest is not text: it begins with a NUL or is all spaces.
func blank(rest []byte) bool {
	return len(rest) == 0 || rest[0] == 0 || len(bytes.TrimLeft(rest, " ")) == 0
}

// escapes reports whether texts come as JSON has them: one that needs escapes shows it, and others
// where they are in quotes within braces.
func (l *learner) escapes(data []byte) bool {
	quoted := false
	for _, text := range l.texts {
		for _, e := range []string{"json", "jsonutf8"} {
			escaped := encodings[e].encode(text)
			if escaped != text && bytes.Contains(data, []byte(escaped)) && !bytes.Contains(data, []byte(text)) {
				return true
			}
		}
		if bytes.Contains(data, []byte(text)) && encodings["json"].encode(text) != text {
			return false
		}
		at := bytes.Index(data, []byte(`"`+text+`"`))
		quoted = quoted || at > 0 && bytes.IndexByte(data[:at], '{') >= 0
	}
	return quoted
}
