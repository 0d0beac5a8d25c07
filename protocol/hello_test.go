package protocol

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestP2RoleLines(t *testing.T) {
	wild, err := ParseFilter("news.*.>")
	require.NoError(t, err)
	name := strings.Repeat("n", MaxName)
	for line, want := range map[string]Hello{
		"PUBLISHER":                    {Role: Publisher},
		"subscriber":                   {Role: Subscriber},
		" \t PuBlIsHeR \r":             {Role: Publisher},
		"PUBLISHER name=ada":           {Role: Publisher, Name: "ada"},
		"PUBLISHER name=Az09._-":       {Role: Publisher, Name: "Az09._-"},
		"SUBSCRIBER name=" + name:      {Role: Subscriber, Name: name},
		"PUBLISHER topic=news.sea":     {Role: Publisher, Topic: "news.sea"},
		"PUBLISHER topic=zprávy.मौसम":  {Role: Publisher, Topic: "zprávy.मौसम"},
		"PUBLISHER ack=yes":            {Role: Publisher, Ack: true},
		"PUBLISHER ack=no":             {Role: Publisher},
		"PUBLISHER run=r-1 name=ada":   {Role: Publisher, Name: "ada", Run: "r-1"},
		"SUBSCRIBER topic=news.*.>":    {Role: Subscriber, Filter: wild},
		"SUBSCRIBER from=first":        {Role: Subscriber, From: FromFirst()},
		"SUBSCRIBER from=new":          {Role: Subscriber},
		"SUBSCRIBER   from=-3":         {Role: Subscriber, From: FromLast(3)},
		"SUBSCRIBER\tfrom=17":          {Role: Subscriber, From: FromPosition(17)},
		"SUBSCRIBER format=plain":      {Role: Subscriber},
		"SUBSCRIBER format=stamped":    {Role: Subscriber, Format: Stamped},
		"SUBSCRIBER format=tsv":        {Role: Subscriber, Format: TSV},
		"SUBSCRIBER format=json":       {Role: Subscriber, Format: JSON},
		"publisher name=a topic=b":     {Role: Publisher, Name: "a", Topic: "b"},
		"subscriber format=json name=": {},
	} {
		got, err := ParseHello(line)
		if want == (Hello{}) {
			assert.Error(t, err, line)
			continue
		}
		assert.NoError(t, err, line)
		assert.Equal(t, want, got, line)
		again, err := ParseHello(got.String())
		assert.NoError(t, err, got.String())
		assert.Equal(t, got, again, "String is read back")
	}
}

func TestP2BadRoleLines(t *testing.T) {
	const badName = ", expected 1 to 64 of A-Z a-z 0-9 . _ -"
	const badFrom = ", expected new, first, -N (the last N) or a position from 1 up"
	long := strings.Repeat("n", MaxName+1)
	for line, text := range map[string]string{
		"":                             "no role given, expected PUBLISHER or SUBSCRIBER",
		" \t\r ":                       "no role given, expected PUBLISHER or SUBSCRIBER",
		"\xff":                         "the role line is not UTF-8",
		"READER":                       `unknown role "READER", expected PUBLISHER or SUBSCRIBER`,
		"PUBLISHERS":                   `unknown role "PUBLISHERS", expected PUBLISHER or SUBSCRIBER`,
		"name=ada PUBLISHER":           `unknown role "name=ada", expected PUBLISHER or SUBSCRIBER`,
		"PUBLISHER\x00":                `unknown role "PUBLISHER\x00", expected PUBLISHER or SUBSCRIBER`,
		"\"\x1b[2J":                    `unknown role "\"\x1b[2J", expected PUBLISHER or SUBSCRIBER`,
		strings.Repeat("x", 61):        `unknown role "` + strings.Repeat("x", 60) + `…", expected PUBLISHER or SUBSCRIBER`,
		strings.Repeat("x", 59) + "žž": `unknown role "` + strings.Repeat("x", 59) + `…", expected PUBLISHER or SUBSCRIBER`,
		"PUBLISHER ada":                `unexpected "ada" after the role, expected key=value such as topic=news`,
		"PUBLISHER =":                  `unknown key "" of a PUBLISHER, expected one of name, topic, ack, run, token`,
		"PUBLISHER Name=ada":           `unknown key "Name" of a PUBLISHER, expected one of name, topic, ack, run, token`,
		"PUBLISHER from=first":         `unknown key "from" of a PUBLISHER, expected one of name, topic, ack, run, token`,
		"PUBLISHER format=tsv":         `unknown key "format" of a PUBLISHER, expected one of name, topic, ack, run, token`,
		"SUBSCRIBER ack=yes":           `unknown key "ack" of a SUBSCRIBER, expected one of name, topic, from, format, token`,
		"SUBSCRIBER run=r name=a":      `unknown key "run" of a SUBSCRIBER, expected one of name, topic, from, format, token`,
		"PUBLISHER name=a name=a":      `key "name" given twice`,
		"PUBLISHER name=":              `bad name ""` + badName,
		"PUBLISHER name=a=b":           `bad name "a=b"` + badName,
		"PUBLISHER name=žofie":         `bad name "žofie"` + badName,
		"SUBSCRIBER name=" + long:      `bad name "` + long[:60] + `…"` + badName,
		"PUBLISHER ack=":               `bad ack "", expected yes or no`,
		"PUBLISHER ack=YES":            `bad ack "YES", expected yes or no`,
		"PUBLISHER run=r":              "run= needs name=, expected both or neither",
		"PUBLISHER name=a run=":        `bad run ""` + badName,
		"PUBLISHER name=a run=a/b":     `bad run "a/b"` + badName,
		"PUBLISHER topic=":             `bad topic "", expected letters, digits, _ and - in tokens separated by single dots, such as news.sport`,
		"SUBSCRIBER topic=":            `bad topic "", expected letters, digits, _ and - in tokens separated by single dots, such as news.sport`,
		"SUBSCRIBER from=":             `bad from ""` + badFrom,
		"SUBSCRIBER from=0":            `bad from "0"` + badFrom,
		"SUBSCRIBER from=-0":           `bad from "-0"` + badFrom,
		"SUBSCRIBER from=-":            `bad from "-"` + badFrom,
		"SUBSCRIBER from=--1":          `bad from "--1"` + badFrom,
		"SUBSCRIBER from=+1":           `bad from "+1"` + badFrom,
		"SUBSCRIBER from=1.5":          `bad from "1.5"` + badFrom,
		"SUBSCRIBER from=First":        `bad from "First"` + badFrom,

		"SUBSCRIBER from=9223372036854775808": `bad from "9223372036854775808"` + badFrom,
		"SUBSCRIBER format=":                  `unknown format "", expected plain, stamped, tsv, json`,
		"SUBSCRIBER format=JSON":              `unknown format "JSON", expected plain, stamped, tsv, json`,
	} {
		h, err := ParseHello(line)
		assert.EqualError(t, err, text, "P2: %q", line)
		assert.Zero(t, h, line)
	}
}

func TestP5Names(t *testing.T) {
	for _, name := range []string{"a", "-", ".", "A.b_c-9", strings.Repeat("x", MaxName)} {
		assert.NoError(t, CheckName(name), "P5: %q", name)
	}
	for _, name := range []string{"", "a b", "a\n", "a/b", "é", "\xff", "10.0.0.1:5000", strings.Repeat("x", MaxName+1)} {
		assert.Error(t, CheckName(name), "P5: %q", name)
	}
}

func TestP12From(t *testing.T) {
	for text, want := range map[string]From{
		"new":   {},
		"first": FromFirst(),
		"-1":    FromLast(1),
		"1":     FromPosition(1),

		"-9223372036854775807": FromLast(math.MaxInt64),
		"9223372036854775807":  FromPosition(math.MaxInt64),
	} {
		var f From
		require.NoError(t, f.UnmarshalText([]byte(text)))
		assert.Equal(t, want, f, text)
		assert.Equal(t, text, f.String())
		assert.Equal(t, text == "first", f.First())
	}
	assert.Equal(t, From{}, FromLast(0), "0 is new")
	assert.Equal(t, From{}, FromPosition(0), "0 is new")
	assert.EqualValues(t, 7, FromLast(7).Last())
	assert.Zero(t, FromLast(7).Position())
	assert.EqualValues(t, 7, FromPosition(7).Position())
	assert.Zero(t, FromPosition(7).Last())
	assert.Error(t, new(From).UnmarshalText([]byte("last")))
}

func TestP13FormatWords(t *testing.T) {
	for text, want := range map[string]Format{"plain": Plain, "stamped": Stamped, "tsv": TSV, "json": JSON} {
		var f Format
		require.NoError(t, f.UnmarshalText([]byte(text)))
		assert.Equal(t, want, f)
		assert.Equal(t, text, f.String())
		assert.Equal(t, text == "tsv" || text == "json", f.Events(), "P13: %s", text)
	}
	assert.EqualError(t, new(Format).UnmarshalText([]byte("xml")), `unknown format "xml", expected plain, stamped, tsv, json`)
}

func TestRoleWords(t *testing.T) {
	assert.Equal(t, "PUBLISHER", Publisher.String())
	assert.Equal(t, "SUBSCRIBER", Subscriber.String())
	assert.Equal(t, "NO-ROLE", Role(0).String())
	for _, word := range []string{"", "PUB", "PUBLISHER SUBSCRIBER", " PUBLISHER", "PUBLISHER\n", "\xff"} {
		_, err := ParseRole(word)
		assert.Error(t, err, "P2: %q", word)
	}
}
