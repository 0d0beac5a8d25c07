package protocol

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestP11Topics(t *testing.T) {
	const syntax = ", expected letters, digits, _ and - in tokens separated by single dots, such as news.sport"
	const noWildcard = ", expected no wildcard: * and > are for subscribers"
	for topic, text := range map[string]string{
		"a":                                     "",
		"news.sea.fog":                          "",
		"A-1.b_2.9":                             "",
		"čaj.お茶.मौसम":                           "",
		strings.Repeat("x", MaxTopic):           "",
		strings.Repeat("x", MaxTopic+1):         `bad topic "` + strings.Repeat("x", 60) + `…", expected at most 256 bytes`,
		strings.Repeat("x.", MaxTokens-1) + "x": "",
		strings.Repeat("x.", MaxTokens) + "x":   `bad topic "` + strings.Repeat("x.", MaxTokens) + `x", expected at most 16 tokens`,
		"":                                      `bad topic ""` + syntax,
		".":                                     `bad topic "."` + syntax,
		"a.":                                    `bad topic "a."` + syntax,
		".a":                                    `bad topic ".a"` + syntax,
		"a..b":                                  `bad topic "a..b"` + syntax,
		"a b":                                   `bad topic "a b"` + syntax,
		"a/b":                                   `bad topic "a/b"` + syntax,
		"a\tb":                                  `bad topic "a\tb"` + syntax,
		"a#":                                    `bad topic "a#"` + syntax,
		"a]":                                    `bad topic "a]"` + syntax,
		"a\xff":                                 `bad topic "a\xff"` + syntax,
		"\ufffd":                                "bad topic \"\ufffd\"" + syntax,
		"a*":                                    `bad topic "a*"` + syntax,
		">a":                                    `bad topic ">a"` + syntax,
		"*":                                     `bad topic "*"` + noWildcard,
		"a.>":                                   `bad topic "a.>"` + noWildcard,
		"a.*.b":                                 `bad topic "a.*.b"` + noWildcard,
	} {
		err := CheckTopic(topic)
		if text == "" {
			assert.NoError(t, err, "P11: %q", topic)
		} else {
			assert.EqualError(t, err, text, "P11: %q", topic)
		}
	}
}

func TestP11Filters(t *testing.T) {
	for _, c := range []struct {
		filter     string
		in, notFor []string
	}{
		{"news", []string{"news"}, []string{"", "new", "news.sea", "News"}},
		{"news.sea", []string{"news.sea"}, []string{"", "news", "news.sea.fog", "news.se", "sea.news"}},
		{"*", []string{"news", "é"}, []string{"", "news.sea"}},
		{"news.*", []string{"news.sea"}, []string{"", "news", "news.sea.fog", "old.sea"}},
		{"*.sea", []string{"news.sea"}, []string{"", "sea", "news.sea.sea", "news.fog"}},
		{"*.*", []string{"a.b"}, []string{"", "a", "a.b.c"}},
		{"a.*.c", []string{"a.b.c"}, []string{"a.c", "a.b.b.c", "a.b.d"}},
		{">", []string{"news", "news.sea.fog"}, []string{""}},
		{"news.>", []string{"news.sea", "news.sea.fog"}, []string{"", "news", "new.s"}},
		{"*.>", []string{"a.b", "a.b.c"}, []string{"", "a"}},
		{"a.*.>", []string{"a.b.c", "a.b.c.d"}, []string{"a.b", "a", "b.b.c"}},
	} {
		f, err := ParseFilter(c.filter)
		require.NoError(t, err)
		assert.Equal(t, c.filter, f.String())
		for _, topic := range c.in {
			assert.True(t, f.Match(topic), "P11: %q matches %q", c.filter, topic)
			assert.True(t, Filter{}.Match(topic), "P11: no filter matches everything")
		}
		for _, topic := range c.notFor {
			assert.False(t, f.Match(topic), "P11: %q does not match %q", c.filter, topic)
		}
		for _, topic := range append(c.in, c.notFor...) {
			requireShape(t, f, topic)
			requireShape(t, Filter{}, topic)
		}
	}
	assert.True(t, Filter{}.Match(""), "P11: no filter matches messages with no topic")
	_, err := ParseFilter(">.a")
	assert.EqualError(t, err, `bad topic ">.a", expected > at the end only`)
	for _, bad := range []string{"", "a.", "a.*b", "**", ">>", "a b", ">.>"} {
		f, err := ParseFilter(bad)
		assert.Error(t, err, "P11: %q", bad)
		assert.Zero(t, f)
	}
}

// requireShape asserts that a filter is the one of its shape that matches a topic, if it matches
// it.
func requireShape(t *testing.T, f Filter, topic string) {
	t.Helper()
	one, ok := f.Shape().Filter(topic)
	require.Equal(t, f.Match(topic), ok && one == f, "P11: the filter of the shape of %q for %q is %q", f, topic, one)
	if ok {
		require.True(t, one.Match(topic), "P11: the filter of the shape of %q for %q is %q", f, topic, one)
		require.Equal(t, f.Shape(), one.Shape())
	}
}

// matches is Filter.Match written the obvious way.
func matches(filter, topic []string) bool {
	switch {
	case len(filter) == 0:
		return len(topic) == 0
	case len(topic) == 0:
		return false
	case filter[0] == ">":
		return true
	}
	return (filter[0] == "*" || filter[0] == topic[0]) && matches(filter[1:], topic[1:])
}

func FuzzP11Filter(f *testing.F) {
	for _, filter := range []string{"a", "a.b", "*", "a.*", "*.b", ">", "a.>", "*.>", "a.*.>", ">.a", "a..b"} {
		for _, topic := range []string{"", "a", "a.b", "a.b.c", "b.b", "é.b", "a.", ".a"} {
			f.Add(filter, topic)
		}
	}
	f.Fuzz(func(t *testing.T, pattern, topic string) {
		filter, err := ParseFilter(pattern)
		if CheckTopic(pattern) == nil {
			require.NoError(t, err, "every topic is a filter")
			require.True(t, filter.Match(pattern), "of itself")
		}
		if err != nil || CheckTopic(topic) != nil {
			return
		}
		require.Equal(t, pattern, filter.String())
		require.Equal(t, matches(strings.Split(pattern, "."), strings.Split(topic, ".")), filter.Match(topic))
		require.False(t, filter.Match(""), "a message with no topic passes no filter")
		requireShape(t, filter, topic)
	})
}
