package checks

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade/harness"
)

func TestChecksAreInOrder(t *testing.T) {
	before := map[string]bool{}
	for _, c := range All {
		for _, below := range slices.Concat(c.Needs, c.Shares) {
			assert.True(t, before[below], "%s builds on %s, which has to be before it", c.ID, below)
		}
		for _, other := range c.Echoes { // it is looked at when all are over
			assert.True(t, slices.ContainsFunc(All, func(o Check) bool { return o.ID == other }), "%s is excused by %s, which is none", c.ID, other)
		}
		assert.False(t, before[c.ID], "%s is there twice", c.ID)
		before[c.ID] = true
	}
}

// TestChecksComeFromTheAssignment wants each check to cite sentences that exist.
func TestChecksComeFromTheAssignment(t *testing.T) {
	assignment, err := os.ReadFile("../../../docs/assignment.md")
	require.NoError(t, err)
	for _, c := range All {
		assert.NotEmpty(t, c.From, "%s says nothing of where it comes from", c.ID)
		for sentence := range strings.SplitSeq(c.From, ", ") {
			assert.Contains(t, string(assignment), "**"+sentence+"** ", "%s comes from %s", c.ID, sentence)
		}
	}
}

// TestChecksAreDocumented wants a row of each check in the documentation's table, and no others.
func TestChecksAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../../docs/grading.md")
	require.NoError(t, err)
	rows := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\| (A[^|]+) \\|").FindAllStringSubmatch(string(text), -1) {
		rows[row[1]] = row[2]
	}
	for _, c := range All {
		assert.Equal(t, c.From, rows[c.ID], "where %s comes from, in docs/grading.md", c.ID)
		delete(rows, c.ID)
	}
	assert.Empty(t, rows, "there are no such checks")
}

func TestArrived(t *testing.T) {
	const first = "m1-k3vq9x-001."
	const text = first + ` "Grüße" <日本> & 100%, back\slash`
	for _, data := range []string{
		"[FROM a] : " + text + "\n",
		`{"text":"` + first + ` \"Grüße\" <日本> & 100%, back\\slash"}`,
		`{"text":"` + first + ` \"Gr\u00fc\u00dfe\" <\u65e5\u672c> & 100%, back\\slash"}`,
		`{"text":"` + first + ` \"Grüße\" \u003c日本\u003e \u0026 100%, back\\slash"}`,
	} {
		assert.True(t, arrived(data, text), "%s", data)
	}
	for _, data := range []string{
		first + ` "Grüße" <日本> & 100%, backslash`,
		first + ` "Gr??e" <日本> & 100%, back\slash`,
		strings.ToUpper(text),
		first,
	} {
		assert.False(t, arrived(data, text), "%s", data)
	}
}

// The word is a message only where it comes as messages do.
func TestAsMessage(t *testing.T) {
	const m = "m1-k3vq9x-001."
	for data, want := range map[string]int{
		"[FROM 1.2.3.4:50] : " + m + "\n[FROM 1.2.3.4:7] : terminate\n": 54,
		"[FROM a] : " + m + "[FROM a] : Terminate":                      36,
		m + "\nterminate\n": 15,
		"[FROM a] : " + m + "\na has left with terminate\n":       -1,
		"7\t10:11:12\ta\t" + m + "\n#left\t10:11:13\tterminate\n": -1,
		m: -1,
	} {
		assert.Equal(t, want, asMessage([]byte(data), []byte("terminate")), "%q", data)
	}
}

// What a client sends between messages is no message of its own accord.
func TestShownAlone(t *testing.T) {
	const one, two = "m1-k3vq9x-001.", "m1-k3vq9x-002."
	for _, test := range []struct {
		sent, shown string
		alone       bool
	}{
		{one + "\nYour message: \n" + two, "[FROM 1.2.3.4:50] : " + one + "\n[FROM 1.2.3.4:50] : Your message: \n[FROM 1.2.3.4:50] : " + two + "\n", true},
		{one + "Your message: " + two, one + "\nYour message:\n" + two + "\n", true},
		{one + "\nYour message: \n" + two, "[FROM a] : " + one + "\nYour message: \n[FROM a] : " + two + "\n", false},
		{one + "\"}\n{\"text\": \"" + two, "{\"text\": \"" + one + "\"}\n{\"text\": \"" + two + "\"}\n", false},
		{one + "END\n" + two, one + "END\n" + two + "END\n", false},
		{one + "\nPOST / HTTP/1.1\n" + two, one + "\n" + two + "\n", false},
	} {
		parts := between([]byte(test.sent))
		alone := slices.ContainsFunc(parts, func(text []byte) bool { return shownAlone([]byte(test.shown), text) })
		assert.Equal(t, test.alone, alone, "%q, shown as %q: %q", test.sent, test.shown, parts)
	}
	assert.Len(t, between([]byte(one+"\nPOST /\nHost: a\n"+two+"\nPOST /\nHost: a\n"+two)), 2, "each once")
}

// A line holds parts of two messages only where a server mixes what it sends.
func TestMixedLine(t *testing.T) {
	one, two := &harness.Participant{Name: "publisher 1"}, &harness.Participant{Name: "publisher 2"}
	const warm, a, b, c = "m1-k3vq9x-001.", "m1-k3vq9x-002.", "m2-abcdef-002.", "m1-k3vq9x-003."
	from := map[string]*harness.Participant{a: one, b: two, c: one}
	for data, want := range map[string]string{
		"[FROM x:1] : " + warm + "\n[FROM x:1] : [FROM x:2] : " + a + b + "\n\n":      "[FROM x:1] : [FROM x:2] : " + a + b,
		"[FROM x:1] : " + warm + "\n[FROM x:1] : [FROM x:2] : " + a + "\n" + b + "\n": "[FROM x:1] : [FROM x:2] : " + a,
		"[FROM x:1] : " + warm + "\n[FROM x:1] : " + a + "\n[FROM x:2] : " + b:        "",
		"[FROM x:1] : " + warm + "\n[FROM x:1] : " + a + c + "\n":                     "",
		"[FROM x:1] : " + warm + "[FROM x:1] : " + a + "[FROM x:2] : " + b:            "",
		warm + "\n" + a + "\n" + b + "\n":                                             "",
		warm + "\n" + a + b + "\n":                                                    a + b,
	} {
		line, _ := mixedLine([]byte(data), from)
		assert.Equal(t, want, line, "%q", data)
	}
}
