package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"pubsublab/lab/grade"
	"pubsublab/lab/grade/harness"
	"pubsublab/lab/internal/term"
)

// filled is a result that holds a text wherever a submission may have a say.
func filled(text string) *grade.Result {
	slice := []harness.Step{{Kind: harness.Connects, From: "a " + text, To: "b " + text}}
	for i, kind := range []harness.Kind{
		harness.Sends, harness.Missing, harness.Wrong, harness.Closes, harness.Resets, harness.Prints, harness.Exits, harness.Notes,
	} {
		slice = append(slice, harness.Step{At: time.Duration(i) * time.Second, Kind: kind, From: "a " + text, To: "b " + text, Data: []byte("x" + text)})
	}
	return &grade.Result{Submission: "x" + text, Runner: "processes", Rubric: "x" + text, Stages: []grade.Stage{
		{ID: "stage", Title: "x" + text, Checks: []grade.Check{
			{ID: "failed", Title: "x" + text, Status: grade.Failed, Max: 1, What: "x" + text, Cause: "x" + text, Excerpt: slice},
			{ID: "blocked", Title: "x" + text, Status: grade.Blocked, Max: 1, BlockedBy: "failed"},
			{ID: "passed", Title: "x" + text, Status: grade.Passed, Points: 1, Max: 1},
			{ID: "absent", Title: "x" + text, Status: grade.Absent, Max: 1, Bonus: true},
		}},
	}}
}

// visible fails for what a reader cannot see: broken UTF-8, control characters,
// and those that turn the direction of a text. Lines may end.
func visible(t *testing.T, what, text string) {
	t.Helper()
	require.True(t, utf8.ValidString(text), "%s is not UTF-8", what)
	for i, r := range text {
		if r != '\n' && (!strconv.IsPrint(r) || term.Visible(string(r)) != string(r)) {
			t.Fatalf("%s holds %U, after %q", what, r, text[max(0, i-40):i])
		}
	}
}

// skeleton is a page without its texts: the names of its elements, and of their
// attributes, in their order.
func skeleton(t *testing.T, page []byte) string {
	t.Helper()
	var b strings.Builder
	z := html.NewTokenizer(bytes.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			require.ErrorIs(t, z.Err(), io.EOF)
			return b.String()
		case html.StartTagToken, html.SelfClosingTagToken:
			token := z.Token()
			b.WriteString("<" + token.Data)
			for _, a := range token.Attr {
				b.WriteString(" " + a.Key)
			}
			b.WriteString(">")
		case html.EndTagToken:
			b.WriteString("</" + z.Token().Data + ">")
		case html.CommentToken:
			b.WriteString("<!---->")
		}
	}
}

// leaves calls f with all texts of a JSON document, keys too.
func leaves(value any, f func(string)) {
	switch value := value.(type) {
	case string:
		f(value)
	case []any:
		for _, v := range value {
			leaves(v, f)
		}
	case map[string]any:
		for k, v := range value {
			f(k)
			leaves(v, f)
		}
	}
}

// checkHostile makes all reports of a result with this text, and fails where it
// is more than text in one of them.
func checkHostile(t *testing.T, text string) {
	r := filled(text)
	made, err := page(r)
	require.NoError(t, err)
	visible(t, "the page", string(made))
	tame, err := page(filled("y"))
	require.NoError(t, err)
	require.Equal(t, skeleton(t, tame), skeleton(t, made), "the text made or broke an element")

	for name, render := range map[string]func(*grade.Result) ([]byte, error){
		"gradescope": gradescope,
		"ctrf":       ctrf,
		"classroom50": func(r *grade.Result) ([]byte, error) {
			return classroom50(r, func(string) string { return "x" + text })
		},
	} {
		made, err := render(r)
		require.NoError(t, err)
		var value any
		require.NoError(t, json.Unmarshal(made, &value), name)
		leaves(value, func(leaf string) { visible(t, "a text of "+name, leaf) })
	}

	made, err = junit(r)
	require.NoError(t, err)
	decoder := xml.NewDecoder(bytes.NewReader(made)) // which refuses what XML forbids
	for err == nil {
		var token xml.Token
		if token, err = decoder.Token(); err == nil {
			switch token := token.(type) {
			case xml.CharData:
				visible(t, "a text of junit.xml", string(token))
			case xml.StartElement:
				for _, a := range token.Attr {
					visible(t, "an attribute of junit.xml", a.Value)
				}
			}
		}
	}
	require.ErrorIs(t, err, io.EOF)

	var b bytes.Buffer
	Checklist(&b, r, false)
	visible(t, "the checklist", b.String())
	b.Reset()
	Table(&b, []*grade.Result{r}, false)
	visible(t, "the table", b.String())
	require.Equal(t, 2, strings.Count(b.String(), "\n"))
	b.Reset()
	require.NoError(t, CSV(&b, []*grade.Result{r}))
	rows, err := csv.NewReader(&b).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 2)
	visible(t, "a name in the CSV", rows[1][0])
}

var nasty = []string{
	hostile,
	"<!--", "-->", "]]>", "<![CDATA[", "</style>", "{{.}}", `" onload="alert(1)`, "' onload='alert(1)", "`", "\\", `\u003cscript>`,
	"\x00", "\x1b[31m", "\r\n", "\u0085\u2028\u2029", "\u202e\u2066", "\ufffe\uffff", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\ufffd",
	"e\u0301\u0301\u0301", "👩‍💻", "مرحبا", "&lt;&#0;&#x1b;", "javascript:alert(1)", "=HYPERLINK(1)", "a,b\"c;d\te",
}

func TestHostile(t *testing.T) {
	for _, text := range nasty {
		checkHostile(t, text)
	}
}

func FuzzHostile(f *testing.F) {
	for _, text := range nasty {
		f.Add(text)
	}
	f.Fuzz(checkHostile)
}

// All of it can be read in the page, although the diagram has room for a part.
func TestHostileIsShown(t *testing.T) {
	made, err := page(filled(hostile))
	require.NoError(t, err)
	node, err := html.Parse(bytes.NewReader(made))
	require.NoError(t, err)
	var text strings.Builder
	for n := range node.Descendants() {
		if n.Type == html.TextNode {
			text.WriteString(n.Data)
		}
	}
	assert.Contains(t, text.String(), "x"+clean(hostile))
	assert.Contains(t, text.String(), term.Visible(strconv.Quote("x"+hostile)))
}

func TestFormulasAreHarmless(t *testing.T) {
	for _, name := range []string{"=1+1", "+1", "-1", "@SUM(1)"} {
		var b bytes.Buffer
		require.NoError(t, CSV(&b, []*grade.Result{{Submission: name}}))
		assert.Contains(t, b.String(), "\n'"+name+",")
	}
}
