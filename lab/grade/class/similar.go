package class

import (
	"cmp"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"
)

// What counts as copied. A window of so many tokens, compared without names, numbers and texts, is
// the same by chance now and then; most of a program is not.
const (
	window     = 25  // tokens
	leastShare = 0.5 // of the smaller one's windows
	leastSize  = 60  // windows of the smaller one: less is too little to say anything
)

// Pair is two submissions that are nearly the same, apart from names, texts and comments.
type Pair struct {
	A, B  string
	Share float64 // of the smaller one that is in the other, 0 to 1
	Same  []Match // the longest passages, longest first
}

// Match is a passage that two submissions share, as each of them has it.
type Match struct{ A, B Passage }

// Passage is some lines of a file.
type Passage struct {
	File string
	Line int // of the first
	Text string
}

// token is a word of a program, without what students change when they copy.
type token struct {
	kind       string // a keyword or a sign; "x" for names, "1" for numbers, `"` for texts
	file, line int
}

var (
	// Comments, texts, names, numbers, and signs, in the languages of [languages] taken together.
	lexer = regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*|#[^\n]*|"""(?:.*?)"""|'''(?:.*?)'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[\p{L}_$][\p{L}\p{N}_$]*|[0-9][0-9a-zA-Z_.]*|[^\s\p{L}]`)
	// The words that say what a program does. All others are names.
	keywords = regexp.MustCompile(`^(if|elif|else|for|while|do|switch|case|match|break|continue|return|try|except|catch|finally|throw|throws|raise|with|def|func|fn|function|class|struct|new|lambda|async|await|go|select|defer|import|from|package|include|synchronized|static|void|not|and|or|in|is)$`)
)

func tokens(sources []source) []token {
	var all []token
	for i, s := range sources {
		line, last := 1, 0
		for _, at := range lexer.FindAllStringIndex(s.text, -1) {
			line += strings.Count(s.text[last:at[0]], "\n")
			last = at[0]
			if kind := kindOf(s.text[at[0]:at[1]]); kind != "" {
				all = append(all, token{kind, i, line})
			}
		}
	}
	return all
}

// kindOf is what is compared of a word of a program; nothing of a comment.
func kindOf(word string) string {
	switch first := word[0]; {
	case strings.HasPrefix(word, "//"), strings.HasPrefix(word, "/*"):
		return ""
	case first == '#':
		if strings.HasPrefix(word, "#include") {
			return "include"
		}
		return ""
	case first == '"', first == '\'':
		return `"`
	case '0' <= first && first <= '9':
		return "1"
	case keywords.MatchString(word):
		return word
	case first == '_' || first == '$' || first >= 0x80 || 'A' <= first && first <= 'Z' || 'a' <= first && first <= 'z':
		return "x"
	}
	return word
}

// program is a submission, prepared to be compared.
type program struct {
	name    string
	sources []source
	tokens  []token
	hashes  []uint64       // of the window that begins at each token
	windows map[uint64]int // where each of them begins first; only those that are compared
}

func newProgram(name string, sources []source) program {
	p := program{name: name, sources: sources, tokens: tokens(sources), windows: map[uint64]int{}}
	for i := 0; i+window <= len(p.tokens); i++ {
		sum := fnv.New64a()
		for _, t := range p.tokens[i : i+window] {
			sum.Write([]byte(t.kind))
			sum.Write([]byte{0})
		}
		p.hashes = append(p.hashes, sum.Sum64())
		if _, again := p.windows[sum.Sum64()]; !again {
			p.windows[sum.Sum64()] = i
		}
	}
	return p
}

// similar finds the pairs that are nearly the same, the most alike first. What more than a third of a class
// (and at least five) has is taken for a handout, and not compared.
func similar(class map[string][]source) []Pair {
	var programs []program
	spread := map[uint64]int{} // in how many programs a window is
	for name, sources := range class {
		p := newProgram(name, sources)
		programs = append(programs, p)
		for w := range p.windows {
			spread[w]++
		}
	}
	slices.SortFunc(programs, func(a, b program) int { return cmp.Compare(a.name, b.name) })
	for _, p := range programs {
		for w := range p.windows {
			if spread[w] > max(4, len(programs)/3) {
				delete(p.windows, w)
			}
		}
	}
	var pairs []Pair
	for i, a := range programs {
		for _, b := range programs[i+1:] {
			small, large := a, b
			if len(a.windows) > len(b.windows) {
				small, large = b, a
			}
			shared := 0
			for w := range small.windows {
				if _, ok := large.windows[w]; ok {
					shared++
				}
			}
			share := float64(shared) / float64(max(len(small.windows), leastSize))
			if share >= leastShare {
				pairs = append(pairs, Pair{a.name, b.name, share, matches(a, b)})
			}
		}
	}
	slices.SortFunc(pairs, func(x, y Pair) int {
		return cmp.Or(cmp.Compare(y.Share, x.Share), cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B))
	})
	return pairs
}

// mostMatches is how many passages of a pair are shown.
const mostMatches = 3

// matches are the longest passages that two programs share.
func matches(a, b program) []Match {
	type run struct{ a, b, size int }
	var runs []run
	for i := 0; i < len(a.hashes); {
		r := run{a: i}
		_, compared := a.windows[a.hashes[i]]
		if j, ok := b.windows[a.hashes[i]]; ok && compared {
			r.b = j
			x, y := a.fileFrom(i), b.fileFrom(j)
			for r.size < min(len(x), len(y)) && x[r.size].kind == y[r.size].kind {
				r.size++
			}
		}
		if r.size >= window {
			runs = append(runs, r)
		}
		i += max(r.size, 1)
	}
	slices.SortStableFunc(runs, func(x, y run) int { return cmp.Compare(y.size, x.size) })
	var found []Match
	for _, r := range runs[:min(len(runs), mostMatches)] {
		found = append(found, Match{a.passage(r.a, r.size), b.passage(r.b, r.size)})
	}
	return found
}

// fileFrom are the tokens from one on to the end of its file.
func (p program) fileFrom(i int) []token {
	end := slices.IndexFunc(p.tokens[i:], func(t token) bool { return t.file != p.tokens[i].file })
	if end < 0 {
		return p.tokens[i:]
	}
	return p.tokens[i : i+end]
}

// passageLimit is how many lines of a passage are shown.
const passageLimit = 40

func (p program) passage(first, size int) Passage {
	from, to := p.tokens[first], p.tokens[first+size-1]
	lines := strings.Split(p.sources[from.file].text, "\n")[from.line-1 : to.line]
	return Passage{p.sources[from.file].name, from.line, strings.Join(lines[:min(len(lines), passageLimit)], "\n")}
}
