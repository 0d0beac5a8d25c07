package protocol

import (
	"fmt"
	"strings"
	"unicode"
)

// CheckTopic tells what is wrong with a publisher's topic, if anything (P11).
func CheckTopic(s string) error { return checkTokens(s, false) }

func checkTokens(s string, wildcards bool) error {
	if len(s) > MaxTopic {
		return fmt.Errorf("bad topic %s, expected at most %d bytes", quote(s), MaxTopic)
	}
	tokens := strings.Split(s, ".")
	if len(tokens) > MaxTokens {
		return fmt.Errorf("bad topic %s, expected at most %d tokens", quote(s), MaxTokens)
	}
	for i, token := range tokens {
		if token == "*" || token == ">" {
			if !wildcards {
				return fmt.Errorf("bad topic %s, expected no wildcard: * and > are for subscribers", quote(s))
			}
			if token == ">" && i < len(tokens)-1 {
				return fmt.Errorf("bad topic %s, expected > at the end only", quote(s))
			}
			continue
		}
		if token == "" || strings.ContainsFunc(token, func(r rune) bool {
			return !(unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) || r == '_' || r == '-') || r == unicode.ReplacementChar
		}) {
			return fmt.Errorf("bad topic %s, expected letters, digits, _ and - in tokens separated by single dots, such as news.sport", quote(s))
		}
	}
	return nil
}

// Filter says which topics a subscriber wants (P11). The zero value matches
// every message, those without a topic too. Filters are comparable, immutable
// and safe for concurrent use.
type Filter struct{ pattern string }

// ParseFilter reads a filter: a topic in which `*` stands for one token and a
// last `>` for one or more, as in NATS subjects.
func ParseFilter(s string) (Filter, error) {
	if err := checkTokens(s, true); err != nil {
		return Filter{}, err
	}
	return Filter{s}, nil
}

// String returns the filter as the subscriber wrote it.
func (f Filter) String() string { return f.pattern }

// Match tells whether a message with this topic ("" for none) passes the filter.
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
