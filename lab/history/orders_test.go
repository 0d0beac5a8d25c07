package history

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// one is a history of the publisher p, that sent these lines, and of subscribers that received
// these; "|" is the end of an order, and "/" of one and of another that it saw nothing of. A
// subscriber that begins with "-" left early, and one that begins with "+" came in the second order.
func one(sent string, received ...string) History {
	h := History{Publishers: []Publisher{{Name: "p", Sent: strings.Split(sent, "")}}}
	h.Publishers[0].Acked = len(sent)
	for i, lines := range received {
		lines, early := strings.CutPrefix(lines, "-")
		lines, late := strings.CutPrefix(lines, "+")
		s := Subscriber{Name: string(rune('1' + i)), FromFirst: true, ToEnd: !early}
		if late {
			s.Since = 1
		}
		for _, line := range strings.Split(lines, "") {
			switch line {
			case "|":
				s.Received = append(s.Received, Message{Gap: Unknown})
			case "/":
				s.Received = append(s.Received, Message{Gap: Unknown - 1})
			default:
				s.Received = append(s.Received, Message{From: "p", Line: line})
			}
		}
		h.Subscribers = append(h.Subscribers, s)
	}
	return h
}

func TestOrders(t *testing.T) {
	for name, test := range map[string]struct {
		h      History
		first  []int // of p in each order
		broken []Broken
		wrong  string // what Check says of an order
	}{
		"one order":                        {one("abcdef", "abcdef", "abcdef"), []int{0}, nil, ""},
		"one order, not all":               {one("abcdef", "abcdef", "abcde"), []int{0}, nil, "lost 1 line"},
		"nothing lost":                     {one("abcdef", "abc|def", "abc|def"), []int{0, 3}, nil, ""},
		"at the beginning":                 {one("abc", "|abc", "|abc"), []int{0, 0}, nil, ""},
		"at the end":                       {one("abc", "abc|", "abc|"), []int{0, 3}, nil, ""},
		"twice":                            {one("abcdef", "ab|cd|ef", "ab|cd|ef"), []int{0, 2, 4}, nil, ""},
		"lost with the broker":             {one("abcdef", "abc|ef", "ab|ef"), []int{0, 4}, []Broken{{"1", "p", 1, 0}, {"2", "p", 2, 0}}, ""},
		"sent again":                       {one("abcdef", "abcd|cdef", "abc|cdef"), []int{0, 2}, []Broken{{"1", "p", 0, 2}, {"2", "p", 0, 1}}, ""},
		"equal lines":                      {one("aaaa", "aa|aa", "aa|aa"), []int{0, 2}, nil, ""},
		"a hole in the first order":        {one("abcdef", "ac|def", "abc|def"), []int{0, 3}, []Broken{{"1", "p", 1, 0}}, "lost 1 line"},
		"the end is missing":               {one("abcdef", "abc|def", "abc|de"), []int{0, 3}, nil, "lost 1 line"},
		"one left in the first order":      {one("abcdef", "abc|def", "-ab"), []int{0, 3}, nil, ""},
		"one came and left in the second":  {one("abcdef", "abc|def", "-+de"), []int{0, 3}, nil, ""},
		"one missed the second":            {one("abcdef", "ab|cd|ef", "ab/ef"), []int{0, 2, 4}, nil, ""},
		"one missed the second and a line": {one("abcdef", "ab|cd|ef", "ab/f"), []int{0, 2, 4}, nil, "lost 1 line"},
		"one came in the second":           {one("abcdef", "abc|def", "def"), []int{0, 3}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			orders, broken := Orders(test.h)
			var first []int
			var said strings.Builder
			for _, o := range orders {
				first = append(first, o.First...)
				if r := Check(o.History); !r.OK() {
					said.WriteString(r.String())
				}
			}
			assert.Equal(t, test.first, first)
			assert.Equal(t, test.broken, broken)
			if test.wrong == "" {
				require.Empty(t, said.String())
			} else {
				require.Contains(t, said.String(), test.wrong)
			}
		})
	}
}

// TestCheckEndOfOrder: to Check itself, the end of an order is a gap that may hold anything, and a
// fault where gaps are.
func TestCheckEndOfOrder(t *testing.T) {
	h := one("abcdef", "ab|ef", "ab|ef")
	require.Contains(t, Check(h).String(), "was told that an order ended")
	h.Subscribers[0].GapsAllowed, h.Subscribers[1].GapsAllowed = true, true
	require.True(t, Check(h).OK())
}
