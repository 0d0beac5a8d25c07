package dialect

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// instance is one of the messages (or registrations) that a template is to be found for.
type instance struct {
	data   []byte
	values Values
	id     string // what the random part of the registration was
}

// unifier looks for one template that makes all instances: what is the same in all is literal, and
// what differs has to be explained by a field.
type unifier struct {
	all      []instance
	encoding string // of text
	random   string // the kind of field for what looks random: "id", "random", or "" for none
	budget   int    // what may still be tried: what clients send is hostile
}

// found is a part of a template, and where it ends in each instance.
type found struct {
	part part
	ends []int
}

// unify returns the parts that make all instances, if there are such.
func unify(all []instance, encoding, random string) ([]found, bool) {
	u := &unifier{all: all, encoding: encoding, random: random, budget: 1000}
	return u.solve(make([]int, len(all)))
}

// solve explains what stands behind the offsets.
func (u *unifier) solve(at []int) ([]found, bool) {
	if u.budget--; u.budget < 0 {
		return nil, false
	}
	same := u.common(at)
	literal := func(size int) found {
		return found{part{text: string(u.all[0].data[at[0] : at[0]+size])}, u.moved(at, size)}
	}
	if u.atEnd(u.moved(at, same)) {
		return []found{literal(same)}, true
	}
	for _, match := range []func(*unifier, []int, int, int) []found{
		(*unifier).matchValues, (*unifier).matchLength, (*unifier).matchPad, (*unifier).matchCount,
		(*unifier).matchTime, (*unifier).matchRandom,
	} {
		for from := range same + 1 {
			for _, f := range match(u, u.moved(at, from), from, same) {
				if rest, ok := u.solve(f.ends); ok {
					return append([]found{literal(from), f}, rest...), true
				}
			}
		}
	}
	return nil, false
}

// common is how many bytes are the same in all.
func (u *unifier) common(at []int) int {
	first := u.all[0].data[at[0]:]
	n := len(first)
	for i, in := range u.all[1:] {
		other := in.data[at[i+1]:]
		n = min(n, len(other))
		for j := range n {
			if first[j] != other[j] {
				n = j
				break
			}
		}
	}
	return n
}

func (u *unifier) moved(at []int, by int) []int {
	moved := slices.Clone(at)
	for i := range moved {
		moved[i] += by
	}
	return moved
}

func (u *unifier) atEnd(at []int) bool {
	for i, in := range u.all {
		if at[i] != len(in.data) {
			return false
		}
	}
	return true
}

// each asks for a size of the field in every instance; a negative one means that it is none.
func (u *unifier) each(at []int, p part, size func(i int, rest []byte) int) []found {
	ends := slices.Clone(at)
	for i, in := range u.all {
		n := size(i, in.data[at[i]:])
		if n < 0 {
			return nil
		}
		ends[i] += n
	}
	return []found{{p, ends}}
}

// matchValues finds what is known to differ between the instances.
func (u *unifier) matchValues(at []int, _, _ int) (all []found) {
	for _, kind := range []string{"text", "topic", "role", "name", "server", "local", "port", "serverport", "id"} {
		value := func(i int) string {
			if kind == "id" {
				return u.all[i].id
			}
			return u.all[i].values.named(kind)
		}
		if !u.differ(value) {
			continue
		}
		for _, e := range encodingOrder {
			if kind == "text" && e != u.encoding || kind != "text" && e != u.encoding && e != "" && e != "upper" && e != "lower" {
				continue
			}
			p := part{kind: kind, format: e}
			if kind == "id" {
				p.text = u.all[0].id
			}
			all = append(all, u.each(at, p, func(i int, rest []byte) int {
				text := encodings[e].encode(value(i))
				if !bytes.HasPrefix(rest, []byte(text)) {
					return -1
				}
				return len(text)
			})...)
		}
	}
	return all
}

// differ reports whether a value is there in all instances, and not the same in all.
func (u *unifier) differ(value func(i int) string) bool {
	differs := false
	for i := range u.all {
		if value(i) == "" {
			return false
		}
		differs = differs || value(i) != value(0)
	}
	return differs
}

// lengthFormats are tried in this order: a wider field explains the zeros before a narrow one.
var lengthFormats = []string{"be8", "be4", "be2", "be1", "le8", "le4", "le2", "le1"}

// matchLength finds a number that grows with what follows.
func (u *unifier) matchLength(at []int, _, _ int) (all []found) {
	formats := slices.Concat(lengthFormats, u.decimals(at))
	for _, name := range formats {
		f, _ := parseFormat(name) // they are written here
		n := make([]int, len(at))
		fits := u.each(at, part{kind: "length", format: name}, func(i int, rest []byte) int {
			var size int
			var ok bool
			if n[i], size, _, ok = f.read(rest); !ok {
				return -1
			}
			return size
		})
		if fits == nil || !slices.ContainsFunc(n, func(v int) bool { return v != n[0] }) {
			continue
		}
		for _, p := range []part{{counts: "body"}, {}, {letters: true}, {counts: "text"}, {counts: "role"}, {counts: "topic"}, {counts: "name"}} {
			p.kind, p.format = "length", name
			more, same := 0, true
			for i, in := range u.all {
				counted := in.data[fits[0].ends[i]:]
				if p.counts == "body" {
					counted = body(counted)
				} else if p.counts != "" {
					counted = []byte(encodings[u.encoding].encode(in.values.named(p.counts)))
				}
				size := len(counted)
				if p.letters {
					size = utf8.RuneCount(counted)
				}
				if i == 0 {
					more = n[i] - size
				}
				same = same && n[i]-size == more
			}
			if p.num = more; same && u.plausible(f, p) {
				all = append(all, found{p, fits[0].ends})
			}
		}
	}
	// One that counts just what follows explains it better than one that counts a byte less.
	slices.SortStableFunc(all, func(a, b found) int {
		switch {
		case (a.part.num == 0) == (b.part.num == 0):
			return 0
		case a.part.num == 0:
			return -1
		}
		return 1
	})
	return all
}

// body is what stands behind an empty line, as in HTTP; nil where there is none.
func body(data []byte) []byte {
	_, behind, _ := bytes.Cut(data, []byte("\r\n\r\n"))
	return behind
}

// plausible bounds what a length may count besides what follows it: itself, a kind, a newline; in a
// header of text, other lines behind it.
func (u *unifier) plausible(f format, p part) bool {
	if p.counts == "body" {
		return p.num == 0 && f.order == nil
	} else if p.counts != "" {
		return p.num == 0 && u.differ(func(i int) string { return u.all[i].values.named(p.counts) })
	}
	least := -16
	if f.order == nil {
		least = -4096
	}
	return least <= p.num && p.num <= 16
}

// decimals are the decimal formats that a length may have here.
func (u *unifier) decimals(at []int) []string {
	var widths []int
	first := u.all[0].data[at[0]:]
	digits := len(first) - len(bytes.TrimLeft(first, "0123456789"))
	spaces := len(first) - len(bytes.TrimLeft(first, " "))
	behind := func(pad string) int { return len(first) - len(bytes.TrimLeft(first[digits:], pad)) }
	widths = append(widths, digits, spaces+len(first[spaces:])-len(bytes.TrimLeft(first[spaces:], "0123456789")))
	var names []string
	add := func(kind string, width int) {
		if name := kind + strconv.Itoa(width); width > 1 && width <= 256 && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if digits > 0 {
		for w := digits; w > 1; w-- {
			add("zero", w)
		}
		if n := behind(" "); n > digits+1 {
			add("left", n)
		}
		if n := behind("\x00"); n > digits+1 {
			add("nul", n)
		}
		names = append(names, "dec")
	}
	if spaces > 0 {
		add("right", widths[1])
	}
	return names
}

// matchPad finds what fills up to a fixed place.
func (u *unifier) matchPad(at []int, _, _ int) (all []found) {
	for _, p := range []part{{kind: "pad"}, {kind: "pad", format: "space"}} {
		fill := "\x00"
		if p.format != "" {
			fill = " "
		}
		p.num = blockLimit
		uneven, sameSize := false, true
		for i, in := range u.all {
			rest := in.data[at[i]:]
			run := len(rest) - len(bytes.TrimLeft(rest, fill))
			if run == 0 {
				p.num = 0
			}
			p.num = min(p.num, at[i]+run)
			uneven = uneven || at[i] != at[0]
			sameSize = sameSize && len(in.data) == len(u.all[0].data)
		}
		if p.num == 0 || !uneven {
			continue
		}
		ends := slices.Repeat([]int{p.num}, len(at))
		if p.num >= slices.Max(at) {
			all = append(all, found{p, ends})
		}
		if size := len(u.all[0].data); sameSize && p.format == "" && size > p.num && size <= blockLimit {
			p.num = size // what a buffer held before stands behind the NUL
			all = append(all, found{p, slices.Repeat([]int{size}, len(at))})
		}
	}
	return all
}

// matchCount finds a number that grows by one with each message.
func (u *unifier) matchCount(at []int, _, _ int) []found {
	if !u.differ(func(i int) string { return strconv.Itoa(u.all[i].values.Count) }) {
		return nil
	}
	p := part{kind: "count", num: -1}
	fits := u.each(at, p, func(i int, rest []byte) int {
		n, size, _, ok := format{}.read(append(bytes.Clone(rest[:min(len(rest), 10)]), ' '))
		base := n - u.all[i].values.Count
		if p.num < 0 {
			p.num = base
		}
		if !ok || base < 0 || base != p.num {
			return -1
		}
		return size
	})
	for i := range fits {
		fits[i].part = p
	}
	return fits
}

// matchTime finds a time of the client's.
func (u *unifier) matchTime(at []int, _, _ int) (all []found) {
	for _, c := range clocks {
		all = append(all, u.each(at, part{kind: "time", format: c.name}, func(_ int, rest []byte) int {
			if found := c.shape.Find(rest[:min(len(rest), 40)]); len(found) > 0 {
				return len(found)
			}
			return -1
		})...)
	}
	return all
}

var (
	word = regexp.MustCompile(`^[0-9A-Za-z]+`)
	key  = regexp.MustCompile(`^[0-9A-Za-z+/]{22}==`)
	uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`)
)

// matchRandom finds letters and digits in which nothing else can be seen. In a message it has to
// look like an identifier: it might be a checksum, which the grader could not make.
func (u *unifier) matchRandom(at []int, from, same int) (all []found) {
	shapes := []*regexp.Regexp{uuid, key, word}
	if u.random == "random" {
		shapes = shapes[:1]
	} else if u.random == "" {
		return nil
	}
	for _, shape := range shapes {
		example := string(shape.Find(u.all[0].data[at[0]:]))
		if example == "" || from+len(example) < same {
			continue
		}
		if from > 0 && shape == word && word.Match(u.all[0].data[at[0]-1:at[0]]) {
			continue // within a word
		}
		digits := strings.Trim(example, "0123456789") == ""
		all = append(all, u.each(at, part{kind: u.random, text: example}, func(_ int, rest []byte) int {
			text := string(shape.Find(rest))
			if shape == word && !strings.ContainsAny(text, "0123456789") || len(text) != len(example) && !(digits && strings.Trim(text, "0123456789") == "") {
				return -1
			}
			return len(text)
		})...)
	}
	return all
}
