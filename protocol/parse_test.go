package protocol

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const stampText = "2026-11-22T10:15:04.123456Z"

func TestP13TSVMessages(t *testing.T) {
	for line, want := range map[string]Message{
		"1\t" + stampText + "\tada\tnews\thello":                   {Pos: 1, From: "ada", Topic: "news", Line: "hello"},
		"18446744073709551615\t" + stampText + "\t[::1]:9\t\t":     {Pos: math.MaxUint64, From: "[::1]:9"},
		"2\t" + stampText + "\tada\t\t\tone\ttab\t":                {Pos: 2, From: "ada", Line: "\tone\ttab\t"},
		"3\t" + stampText + "\tada\t\t#joined\r":                   {Pos: 3, From: "ada", Line: "#joined\r"},
		"4\t" + stampText + "\tada\t\t \u2028[FROM bob] : spoofed": {Pos: 4, From: "ada", Line: " \u2028[FROM bob] : spoofed"},
	} {
		want.Time = stamp.UTC().Truncate(time.Microsecond)
		m, e, err := ParseTSV([]byte(line))
		require.NoError(t, err, "P13: %q", line)
		assert.Zero(t, e)
		assert.Equal(t, want, m)
		assert.Equal(t, line, string(TrimLine(TSV.AppendMessage(nil, &m))), "it is what the server sends")
	}
}

func TestP13TSVEvents(t *testing.T) {
	at := stamp.UTC().Truncate(time.Microsecond)
	for line, want := range map[string]Event{
		"#gap\t5": {Kind: Gap, Missing: 5},

		"#joined\t" + stampText + "\tPUBLISHER\tada\tnews":          {Kind: Joined, Time: at, Role: Publisher, Name: "ada", Topic: "news"},
		"#joined\t" + stampText + "\tSUBSCRIBER\ts\t>":              {Kind: Joined, Time: at, Role: Subscriber, Name: "s", Topic: ">"},
		"#left\t" + stampText + "\tPUBLISHER\tada\t\t17\tterminate": {Kind: Left, Time: at, Role: Publisher, Name: "ada", Lines: 17, Reason: ReasonTerminate},
		"#left\t" + stampText + "\tSUBSCRIBER\ts\ta.*\t0\tstalled":  {Kind: Left, Time: at, Role: Subscriber, Name: "s", Topic: "a.*", Reason: ReasonStalled},
	} {
		m, e, err := ParseTSV([]byte(line))
		require.NoError(t, err, "P13: %q", line)
		assert.Zero(t, m)
		assert.Equal(t, want, e)
		assert.Equal(t, line+"\n", string(TSV.AppendEvent(nil, &e)), "it is what the server sends")
		_, more, err := ParseTSV([]byte(line + "\tof a newer server"))
		require.NoError(t, err, "a newer server may add fields")
		assert.Equal(t, want, more)
	}
}

func TestP13MalformedTSV(t *testing.T) {
	const fields = ", expected POSITION TIME NAME TOPIC LINE with tabs between"
	const badTime = ", expected it as in 2006-01-02T15:04:05.000000Z"
	for line, text := range map[string]string{
		"":                                     `bad tsv line ""` + fields,
		"hello":                                `bad tsv line "hello"` + fields,
		"1\t" + stampText + "\tada\thello":     `bad tsv line "1\t2026-11-22T10:15:04.123456Z\tada\thello"` + fields,
		"x\t" + stampText + "\ta\tb\tc":        `bad position "x" in a tsv line, expected a number`,
		"\t" + stampText + "\ta\tb\tc":         `bad position "" in a tsv line, expected a number`,
		"-1\t" + stampText + "\ta\tb\tc":       `bad position "-1" in a tsv line, expected a number`,
		" 1\t" + stampText + "\ta\tb\tc":       `bad position " 1" in a tsv line, expected a number`,
		"1\tnow\ta\tb\tc":                      `bad time "now"` + badTime,
		"1\t2026-11-22T10:15:04Z\ta\tb\tc":     `bad time "2026-11-22T10:15:04Z"` + badTime,
		"1\t" + stampText + "+1\ta\tb\tc":      `bad time "2026-11-22T10:15:04.123456Z+1"` + badTime,
		"1\t2026-13-22T10:15:04.123456Z\t\t\t": `bad time "2026-13-22T10:15:04.123456Z"` + badTime,

		"#":              `bad event "#", expected #joined, #left or #gap with their fields`,
		"#moved\t1":      `bad event "#moved\t1", expected #joined, #left or #gap with their fields`,
		"#gap":           `bad event "#gap", expected #gap N`,
		"#gap\t":         `bad event "#gap\t", expected a number after #gap`,
		"#gap\tmany":     `bad event "#gap\tmany", expected a number after #gap`,
		"#gap 5":         `bad event "#gap 5", expected #joined, #left or #gap with their fields`,
		"#joined":        `bad event "#joined", expected #joined, #left or #gap with their fields`,
		"#left\ta\tb\tc": `bad event "#left\ta\tb\tc", expected #joined, #left or #gap with their fields`,

		"#joined\tnow\tPUBLISHER\tada\t":                      `bad time "now"` + badTime,
		"#joined\t" + stampText + "\tREADER\tada\t":           `unknown role "READER", expected PUBLISHER or SUBSCRIBER`,
		"#left\t" + stampText + "\tPUBLISHER\tada\t\tx\teof":  `a number of lines`,
		"#left\t" + stampText + "\tPUBLISHER\tada\t\t-1\teof": `a number of lines`,
		"#left\t" + stampText + "\tPUBLISHER\tada\t\t1":       `with their fields`,
	} {
		_, e, err := ParseTSV([]byte(line))
		assert.ErrorContains(t, err, text, "P13: %q", line)
		assert.Zero(t, e, "no half of an event: %q", line)
	}
}
