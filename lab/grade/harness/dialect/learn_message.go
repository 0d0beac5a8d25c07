package dialect

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// considered are the lines that a template has to explain: all, or where that cannot be, because a
// client takes no letters beyond ASCII or cuts long lines, those that make no difficulties.
var considered = []*regexp.Regexp{regexp.MustCompile(``), regexp.MustCompile(`^[0-9A-Za-z .,;-]*$`), regexp.MustCompile(`^[0-9A-Za-z .,;-]{1,60}$`)}

// message learns how a publisher publishes, and how it says terminate.
func (l *learner) message(d *Dialect) error {
	var first error
	for _, lines := range considered {
		for waits := range noWaits + 1 {
			err := l.messageOf(d, lines, waits)
			if err == nil {
				return nil
			}
			if first == nil {
				first = err
			}
		}
	}
	return first
}

func (l *learner) messageOf(d *Dialect, lines *regexp.Regexp, waits int) error {
	var all, last [][]segment
	var values []Values
	var ids []*string
	sizes := map[int]bool{}
	for i, s := range l.sessions {
		for n, typed := range s.Typed {
			window := slices.DeleteFunc(slices.Clone(l.events[i]), func(e event) bool {
				return e.at < typed.At || n+1 < len(s.Typed) && e.at >= s.Typed[n+1].At
			})
			sent := segments(window, false, waits)
			if n == len(s.messages()) {
				last = append(last, sent)
				continue
			}
			if !lines.MatchString(typed.Text) {
				continue
			}
			if !slices.ContainsFunc(window, func(e event) bool { return e.up }) {
				return fmt.Errorf("%.40q was typed at the client as a publisher, and it sent nothing", typed.Text)
			}
			v := l.values(i)
			v.Role, v.Text, v.Count = d.Words[s.Role], typed.Text, n
			all, values, ids = append(all, sent), append(values, v), append(ids, &l.ids[i])
			sizes[len(typed.Text)] = true
		}
	}
	if len(sizes) < 2 {
		return errors.New("fewer than two lines of different lengths were sent by the client as a publisher")
	}
	if err := l.explainMessage(d, all, values, ids); err != nil {
		return err
	}
	d.Terminate = l.terminates(last)
	return nil
}

// explainMessage finds the template of a message, and the encoding of its text.
func (l *learner) explainMessage(d *Dialect, all [][]segment, values []Values, ids []*string) error {
	for _, e := range encodingOrder {
		if !holdEach(all, values, e) {
			continue
		}
		t, err := explain(all, values, ids, e, "random")
		if err != nil {
			continue
		}
		if better := t.likely(); better != e { // nothing was typed that shows the difference
			if u, err := explain(all, values, ids, better, "random"); err == nil {
				t = u
			}
		}
		d.Message = t
		return nil
	}
	for i, v := range values {
		if !slices.ContainsFunc(all[i], func(s segment) bool { return holdsOne(s.data, []string{v.Text}) }) {
			return fmt.Errorf("what is typed at the client is not in what it sends: %.40q became %.60q; it may be encrypted, compressed, or changed", v.Text, all[i][0].data)
		}
	}
	return errors.New("what the client sends around a message differs from message to message in a way that is not understood (a checksum, a format of its own)")
}

// holdEach reports whether what was sent holds its text in an encoding, for each message.
func holdEach(all [][]segment, values []Values, encoding string) bool {
	for i, v := range values {
		text := []byte(encodings[encoding].encode(v.Text))
		if !slices.ContainsFunc(all[i], func(s segment) bool { return bytes.Contains(s.data, text) }) {
			return false
		}
	}
	return true
}

// likely is the encoding that the surroundings of the text speak for.
func (t Template) likely() string {
	for i, p := range t {
		if p.kind != "text" {
			continue
		}
		before, behind := "", ""
		if i > 0 {
			before = t[i-1].text
		}
		if i+1 < len(t) {
			behind = t[i+1].text
		}
		switch {
		case strings.HasSuffix(before, `"`) && strings.HasPrefix(behind, `"`) && p.format == "":
			return "json"
		case strings.HasSuffix(before, "=") && strings.Contains(t.String(), "urlencoded"):
			return "form"
		case i > 0 && t[i-1].format == "be2" && t[i-1].num == 0 && i == len(t)-1 && p.format == "":
			return "mutf8"
		}
		return p.format
	}
	return ""
}

// terminates is what a publisher sent last, where that is another thing than the word as a message.
func (l *learner) terminates(last [][]segment) *Template {
	if len(last) == 0 {
		return nil
	}
	var own Template
	for _, s := range last[0] {
		own = append(own, s.marks...).literal(string(s.data))
	}
	for _, other := range last[1:] {
		if !slices.EqualFunc(last[0], other, func(a, b segment) bool { return bytes.Equal(a.data, b.data) }) {
			return nil
		}
	}
	if strings.Contains(own.String(), terminate) {
		return nil
	}
	return &own
}

// explain finds one template for what was sent in several ways.
func explain(all [][]segment, values []Values, ids []*string, encoding, random string) (Template, error) {
	var t Template
	for i, s := range all {
		if !slices.EqualFunc(s, all[0], func(a, b segment) bool { return slices.Equal(a.marks, b.marks) }) {
			return nil, fmt.Errorf("it speaks and waits in another order each time (%d times)", i+1)
		}
	}
	texts, enough := 0, 1
	if random == "random" { // messages go in parts where all do
		enough = len(all)
	}
	for n := range all[0] {
		instances := make([]instance, len(all))
		for i := range all {
			instances[i] = instance{data: all[i][n].data, values: values[i], id: *ids[i]}
		}
		parts, ok := unify(instances, encoding, random)
		if !ok {
			return nil, fmt.Errorf("%.60q and %.60q", all[0][n].data, all[len(all)-1][n].data)
		}
		t = append(t, all[0][n].marks...)
		start := make([]int, len(all))
		for _, f := range withCuts(parts, all, n, enough) {
			if f.part.kind == "" {
				t = t.literal(f.part.text)
			} else {
				t = append(t, f.part)
			}
			for i := range instances {
				if f.part.kind == "id" && *ids[i] == "" {
					*ids[i] = string(instances[i].data[start[i]:f.ends[i]])
				}
			}
			if start = f.ends; f.part.kind == "text" {
				texts++
			}
		}
	}
	if random == "random" && texts != 1 {
		return nil, errors.New("the text is not in it once")
	}
	return t, nil
}

// longestPause is the longest pause between two writes that is kept, in milliseconds.
const longestPause = 2000

// withCuts puts {cut} where one write ended and another began, in as many instances as is enough: such short
// writes are read together now and then, and none of them is read in two.
func withCuts(parts []found, all [][]segment, n, enough int) []found {
	for i, s := range all {
		for _, c := range s[n].cuts {
			parts = cutAt(parts, i, c.at)
		}
	}
	var kept []found
	for k, f := range parts {
		if f.part.kind == "cut" {
			pauses := pausesAt(f.ends, all, n)
			needs := enough
			if k+1 < len(parts) && parts[k-1].part.kind == "" && parts[k+1].part.kind == "" {
				needs = len(all) // it may be within a word, which some write byte by byte
			}
			if len(pauses) < needs {
				continue
			}
			f.part.num = usualPause(pauses, len(all))
		}
		kept = append(kept, f)
	}
	return kept
}

// cutAt puts {cut} where one instance has it, unless that is within a field.
func cutAt(parts []found, i, at int) []found {
	start := make([]int, len(parts[0].ends))
	for k, f := range parts {
		ends, text := f.ends, ""
		switch {
		case at <= start[i] || at > f.ends[i] || at < f.ends[i] && f.part.kind != "":
			start = f.ends
			continue
		case at == f.ends[i] && k+1 < len(parts) && parts[k+1].part.kind == "cut":
			return parts
		case at < f.ends[i]:
			size := at - start[i]
			text, f.part.text = f.part.text[size:], f.part.text[:size]
			ends = slices.Clone(start)
			for j := range ends {
				ends[j] += size
			}
		}
		pieces := []found{{f.part, ends}, {part{kind: "cut"}, ends}}
		if text != "" {
			pieces = append(pieces, found{part{text: text}, f.ends})
		}
		return slices.Concat(parts[:k], pieces, parts[k+1:])
	}
	return parts
}

// pausesAt is how long those paused that were seen to begin another write at a place.
func pausesAt(ends []int, all [][]segment, n int) (pauses []time.Duration) {
	for i, s := range all {
		for _, c := range s[n].cuts {
			if c.at == ends[i] {
				pauses = append(pauses, c.pause)
			}
		}
	}
	return pauses
}

// usualPause is how long clients pause at a cut, in milliseconds; 0 where they go on at once. A busy machine
// makes one of them wait, and what was read together has lost its pause.
func usualPause(pauses []time.Duration, all int) int {
	pauses = append(slices.Clone(pauses), make([]time.Duration, all-len(pauses))...)
	slices.Sort(pauses)
	usual := pauses[(all-1)/2].Round(50 * time.Millisecond)
	return min(int(usual.Milliseconds()), longestPause)
}
