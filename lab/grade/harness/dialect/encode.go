package dialect

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Values are what fields stand for.
type Values struct {
	Role, Topic, Name, Text string
	Local, Server           string // host:port
	Count                   int    // of messages that this client sent before
	Now                     time.Time
	ID                      uint64     // makes the same {id} each time
	Random                  *rand.Rand // makes {random}; nil: from ID
}

// Step is what a client does next: opens a connection or turns to another one, waits until the
// server has said something, sends bytes as one write; in this order.
type Step struct {
	Connect bool // opens a connection, which is used from here on
	Port    int  // of the server for that; 0 is its main one, 1 the one behind that
	On      int  // turns to the connection that was opened as number On-1; 0: stays
	Wait    bool
	Pause   time.Duration // before the bytes, where they are not one with those before
	Data    []byte
}

// Registration is what a client sends and waits for before it publishes or receives. Values.Role is
// that of a session; spelt is how {role} is to be written, "" for as the client does.
func (d *Dialect) Registration(v Values, spelt string) ([]Step, error) {
	t := d.Register[v.Role]
	if v.Role = d.Words[v.Role]; spelt != "" {
		v.Role = spelt
	}
	return t.steps(v)
}

// Publishing is what a publisher does for one message.
func (d *Dialect) Publishing(v Values) ([]Step, error) {
	v.Role = d.Words[v.Role]
	return d.Message.steps(v)
}

// Terminating is what a publisher does to end; none where it only closes.
func (d *Dialect) Terminating(v Values) ([]Step, error) {
	if d.Terminate == nil {
		v.Text = terminate
		return d.Publishing(v)
	}
	v.Role = d.Words[v.Role]
	return d.Terminate.steps(v)
}

// steps fills a template in. It fails where a text does not fit its frame.
func (t Template) steps(v Values) ([]Step, error) {
	var steps []Step
	var s Step // what comes before the next bytes
	next := func() { steps, s = append(steps, s), Step{} }
	masked := false
	for len(t) > 0 {
		p := t[0]
		switch {
		case p.kind == "wait" && s.Wait, (p.kind == "connect" || p.kind == "on") && (s.Wait || s.Connect || s.On > 0):
			next()
		}
		switch p.kind {
		case "wait":
			s.Wait = true
		case "connect":
			s.Connect, s.Port = true, p.num
		case "on":
			s.On = p.num + 1
		case "masked":
			masked = true
		case "cut":
		default:
			end := slices.IndexFunc(t, part.turns)
			if end < 0 {
				end = len(t)
			}
			writes, err := t[:end].fill(v)
			if err != nil {
				return nil, err
			}
			for _, w := range writes {
				s.Data, s.Pause = w.data, w.pause
				if masked {
					s.Data = maskedFrame(w.data, v.ID)
				}
				next()
			}
			t = t[end:]
			continue
		}
		t = t[1:]
	}
	if s.Wait || s.Connect || s.On > 0 {
		next()
	}
	return steps, nil
}

// turns reports whether the bytes before the part and behind it are not one frame.
func (p part) turns() bool {
	return p.kind == "wait" || p.kind == "connect" || p.kind == "on" || p.kind == "masked"
}

// fill makes the bytes of parts that stand together, cut into writes.
func (t Template) fill(v Values) ([]write, error) {
	counted := make([]int, len(t)) // what each length says
	for range 8 {                  // decimal ones change their own width
		data, ends, err := t.bytes(v, counted)
		if err != nil {
			return nil, err
		}
		again := slices.Clone(counted)
		for i, p := range t {
			if p.kind != "length" {
				continue
			}
			what := data[ends[i]:]
			if p.counts == "body" {
				what = body(what)
			} else if p.counts != "" {
				what = nil
				for j, q := range t {
					if q.kind == p.counts {
						what = data[ends[j]-len(q.value(v)) : ends[j]]
					}
				}
			}
			again[i] = len(what) + p.num
			if p.letters {
				again[i] = utf8.RuneCount(what) + p.num
			}
		}
		if slices.Equal(again, counted) {
			return t.cut(data, ends), nil
		}
		counted = again
	}
	return nil, errors.New("a length never fits itself")
}

// write is bytes that are sent at once, behind a pause.
type write struct {
	data  []byte
	pause time.Duration
}

// cut divides bytes into writes.
func (t Template) cut(data []byte, ends []int) (writes []write) {
	start, pause := 0, time.Duration(0)
	for i, p := range t {
		if p.kind == "cut" && ends[i] > start {
			writes = append(writes, write{data[start:ends[i]], pause})
			start, pause = ends[i], time.Duration(p.num)*time.Millisecond
		}
	}
	if len(data) > start {
		writes = append(writes, write{data[start:], pause})
	}
	return writes
}

// bytes writes the parts, and where each ends.
func (t Template) bytes(v Values, counted []int) (data []byte, ends []int, err error) {
	for i, p := range t {
		text := ""
		switch p.kind {
		case "length":
			f, _ := parseFormat(p.format) // it was parsed
			text, err = f.write(max(0, counted[i]))
		case "pad":
			fill := "\x00"
			if p.format == "space" {
				fill = " "
			}
			if len(data) > p.num {
				err = fmt.Errorf("%d bytes are too many for a block of %d", len(data), p.num)
			} else {
				text = strings.Repeat(fill, p.num-len(data))
			}
		default:
			text = p.value(v)
		}
		if err != nil {
			return nil, nil, err
		}
		data = append(data, text...)
		ends = append(ends, len(data))
	}
	return data, ends, nil
}

// value is what a field that stands for itself is.
func (p part) value(v Values) string {
	switch p.kind {
	case "":
		return p.text
	case "time":
		for _, c := range clocks {
			if c.name == p.format {
				return c.write(v.Now)
			}
		}
	case "count":
		return fmt.Sprint(v.Count + p.num)
	case "id":
		return like(p.text, rand.New(rand.NewPCG(v.ID, 1)))
	case "random":
		if v.Random == nil {
			return like(p.text, rand.New(rand.NewPCG(v.ID, uint64(v.Count)+2)))
		}
		return like(p.text, v.Random)
	}
	return encodings[p.format].encode(v.named(p.kind))
}

// named are the values by the names of their fields.
func (v Values) named(kind string) string {
	port := func(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }
	switch kind {
	case "text":
		return v.Text
	case "role":
		return v.Role
	case "topic":
		return v.Topic
	case "name":
		return v.Name
	case "local":
		return v.Local
	case "port":
		return port(v.Local)
	case "server":
		return v.Server
	case "serverport":
		return port(v.Server)
	}
	return ""
}

// like makes a random text of the same shape.
func like(example string, r *rand.Rand) string {
	letters := "abcdef" // where the example holds no others, it may be hexadecimal
	if strings.IndexFunc(strings.ToLower(example), func(r rune) bool { return 'f' < r && r <= 'z' }) >= 0 {
		letters = "abcdefghijklmnopqrstuvwxyz"
	}
	made := []byte(example)
	for i, b := range made {
		switch {
		case '0' < b && b <= '9':
			made[i] = byte('1' + r.IntN(9))
		case 'a' <= b && b <= 'z':
			made[i] = letters[r.IntN(len(letters))]
		case 'A' <= b && b <= 'Z':
			made[i] = letters[r.IntN(len(letters))] - 'a' + 'A'
		}
	}
	return string(made)
}
