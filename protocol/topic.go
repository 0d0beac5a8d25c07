package protocol

import (
	"strings"
	"unicode"
)

// CheckTopic returns what is wrong with a publisher's topic, if anything (P11).
func CheckTopic(s string) error { return checkTokens(s, false) }

func checkTokens(s string, wildcards bool) error {
	if len(s) > MaxTopic {
		return Errorf("bad topic %s, expected at most %d bytes", Quoted(s), MaxTopic)
	}
	tokens := strings.Split(s, ".")
	if len(tokens) > MaxTokens {
		return Errorf("bad topic %s, expected at most %d tokens", Quoted(s), MaxTokens)
	}
	for i, token := range tokens {
		if token == "*" || token == ">" {
			if !wildcards {
				return Errorf("bad topic %s, expected no wildcard: * and > are for subscribers", Quoted(s))
			}
			if token == ">" && i < len(tokens)-1 {
				return Errorf("bad topic %s, expected > at the end only", Quoted(s))
			}
			continue
		}
		if token == "" || strings.ContainsFunc(token, func(r rune) bool {
			return !(unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) || r == '_' || r == '-') || r == unicode.ReplacementChar
		}) {
			return Errorf("bad topic %s, expected letters, digits, _ and - in tokens separated by single dots, such as news.sport", Quoted(s))
		}
	}
	return nil
}

// Filter is which topics a subscriber wants (P11). The zero value matches every message, also those
// without a topic. Filters are comparable, immutable and safe for concurrent use.
type Filter struct{ pattern string }

// ParseFilter reads a filter: a topic in which `*` stands for one token and a last `>` for one or
// more, as in NATS subjects.
func ParseFilter(s string) (Filter, error) {
	if err := checkTokens(s, true); err != nil {
		return Filter{}, err
	}
	return Filter{s}, nil
}

// String returns the filter as the subscriber wrote it.
func (f Filter) String() string { return f.pattern }

// Match reports whether a message with this topic ("" for none) passes the filter.
func (f Filter) Match(topic string) bool {
	if f.pattern == "" {
		return true
	}
	if topic == "" {
		return false
	}
	pattern, more := f.pattern, true
	for more {
		var want, got string
		want, pattern, more = strings.Cut(pattern, ".")
		if want == ">" {
			return true
		}
		var moreTopic bool
		got, topic, moreTopic = strings.Cut(topic, ".")
		if want != "*" && want != got || more != moreTopic {
			return false
		}
	}
	return true
}

// Shape is what a filter is without its words: how many tokens there are, which of them are `*`,
// and whether a `>` follows. Of each shape, one filter at most matches a topic, and Filter says
// which. So whoever has many filters looks up those of a topic, once for each shape, instead of
// trying each (P11). Shapes are comparable; the zero value is that of the zero Filter.
type Shape struct {
	tokens int    // before the `>`
	stars  uint16 // bit i is set where token i is `*`
	more   bool   // a `>` follows
}

// Shape returns the filter's shape.
func (f Filter) Shape() (s Shape) {
	if f.pattern == "" {
		return s
	}
	for token := range strings.SplitSeq(f.pattern, ".") {
		switch token {
		case ">":
			s.more = true
			return s
		case "*":
			s.stars |= 1 << s.tokens
		}
		s.tokens++
	}
	return s
}

// Filter returns the one filter of this shape that a message with this topic ("" for none) passes.
// ok is false where there is none.
func (s Shape) Filter(topic string) (f Filter, ok bool) {
	if s == (Shape{}) {
		return Filter{}, true
	}
	if topic == "" {
		return Filter{}, false
	}
	pattern, more := make([]byte, 0, len(topic)+len(".>")), true
	for i := range s.tokens {
		if !more {
			return Filter{}, false
		}
		var token string
		token, topic, more = strings.Cut(topic, ".")
		if s.stars&(1<<i) != 0 {
			token = "*"
		}
		pattern = append(append(pattern, token...), '.')
	}
	if more != s.more {
		return Filter{}, false
	}
	if s.more {
		return Filter{string(append(pattern, '>'))}, true
	}
	return Filter{string(pattern[:len(pattern)-1])}, true
}
