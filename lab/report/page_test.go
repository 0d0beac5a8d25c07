package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"pubsublab/lab/history"
	"pubsublab/lab/internal/term"
)

// parsed is a page as a browser reads it.
type parsed struct {
	t    *testing.T
	root *html.Node
}

func parse(t *testing.T, r Run) parsed {
	t.Helper()
	page, err := r.page()
	require.NoError(t, err)
	root, err := html.Parse(bytes.NewReader(page))
	require.NoError(t, err)
	return parsed{t, root}
}

// all are the elements of a name, with a class where one is given.
func (p parsed) all(name, class string) (found []*html.Node) {
	for n := range p.root.Descendants() {
		if n.Type == html.ElementNode && n.Data == name && (class == "" || attribute(n, "class") == class) {
			found = append(found, n)
		}
	}
	return found
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// The page says what happened, and when who had which line.
func TestPage(t *testing.T) {
	r := example("one", "two", "three")
	r.Subscribers[1].Received = append(r.Subscribers[1].Received[:1:1], r.Subscribers[1].Received[2])
	r.Subscribers[0].Received[2].Arrived += 2_000_000 // it fell behind
	p := parse(t, r)
	assert.Equal(t, "✔ Nothing lost, although server was killed.", textOf(p.all("h1", "verdict good")[0]))
	var rows []string
	for _, row := range p.all("tr", "") {
		if attribute(row, "data-at") != "" {
			var cells []string
			for cell := range row.ChildNodes() {
				cells = append(cells, textOf(cell))
			}
			rows = append(rows, strings.Join(cells, "|"))
		}
	}
	assert.Equal(t, []string{
		"1|1.000 s|ada #t|one|1.0 ms|1.0 ms", "2|2.000 s|ada #t|two|1.0 ms|–", "3|3.000 s|ada #t|three|2.0 s|1.0 ms",
	}, rows)
	var titles []string
	for _, h := range p.all("h3", "") {
		titles = append(titles, strings.Join(strings.Fields(textOf(h)), " "))
	}
	assert.Equal(t, []string{`1 server was killed from the page; server was killed by SIGKILL; s1 fell behind, by up to 2.0 s; s2: lost 1 line of "ada": #2 "two" at 2.500 s`}, titles)
	words := textOf(p.all("figure", "")[1])
	for _, said := range []string{`publisher-1 → server: "one"`, `server → s2: "three"`, "server ends killed by SIGKILL", "server: runs again", "MISSING server → s2"} {
		assert.Contains(t, words, said)
	}
	assert.Contains(t, textOf(p.all("section", "")[3]), "a remark")
}

// The script is told when nodes ran, and when they sent and received.
func TestTimeLine(t *testing.T) {
	p := parse(t, example("one", "two", "three"))
	var d data
	for _, script := range p.all("script", "") {
		if attribute(script, "id") == "data" {
			require.NoError(t, json.Unmarshal([]byte(textOf(script)), &d))
		}
	}
	require.Len(t, d.Nodes, 4)
	assert.Equal(t, 5000, d.Took)
	assert.Equal(t, node{"publisher-1", "sent", []int{1000, 2000, 3000}, [][2]int{{0, 5001}}, []toldNow{}}, d.Nodes[0])
	assert.Equal(t, [][2]int{{0, 2510}, {2800, 5001}}, d.Nodes[1].Lives)
	assert.Equal(t, []toldNow{{2500, "was killed from the page", true}, {2510, "was killed by SIGKILL", true}, {2800, "runs again", false}}, d.Nodes[1].Told)
	assert.Equal(t, []int{1001, 2001, 3001}, d.Nodes[2].Lines)
	require.Len(t, p.all("circle", "fault"), 1)
	assert.Equal(t, "495.0", attribute(p.all("circle", "fault")[0], "cx"), "half of the time is half of the way")
	assert.Equal(t, "M276.0 41v8M422.0 41v8M568.0 41v8", attribute(p.all("path", "ticks")[0], "d"))
}

// A large run is shown around its first fault, many subscribers are counted, and it is said.
func TestPageOfALargeRun(t *testing.T) {
	var lines []string
	for i := range maxRows + 200 {
		lines = append(lines, fmt.Sprint("line ", i+1))
	}
	r := example(lines...)
	r.Events = []Event{{second(600), Fault, "server", "was frozen"}}
	for i := range maxColumns {
		r.Subscribers = append(r.Subscribers, history.Subscriber{Name: fmt.Sprint("more-", i)})
	}
	p := parse(t, r.cut(1<<18))
	window := textOf(p.all("p", "window")[0])
	assert.Contains(t, window, "The run was too large to keep. Kept is what got its place between ")
	p = parse(t, r)
	assert.Equal(t, "This page shows 1000 of the 1200 lines, those around the first fault, or else the last ones. run.json has them all.",
		textOf(p.all("p", "window")[0]))
	first := p.all("td", "text")[0]
	assert.Equal(t, "line 100", textOf(first))
	assert.Equal(t, "2 of 10", textOf(first.NextSibling))
	assert.Equal(t, "without", attribute(first.NextSibling, "class"))
}

// hostile holds what a line, a name or a topic may be to break out of a page.
const hostile = "</title></text></svg></script><script>alert(1)</script><img src=x onerror=alert(1)>'\"&amp;]]>" +
	"\x1b[2J\x00\xff\u202e\u2028\ufeff{{.}}${x}`<!--"

// filled is a run with a text wherever somebody may have a say.
func filled(text string) Run {
	r := example("x"+text, "y"+text)
	r.Title, r.Verdict.Headline, r.Verdict.Notes = "x"+text, "x"+text, []string{"x" + text}
	for i := range r.Nodes {
		r.Nodes[i].Name += text
	}
	for i := range r.Events {
		r.Events[i].Node += text
		r.Events[i].Text += text
	}
	for i := range r.Subscribers {
		s := &r.Subscribers[i]
		s.Name += text
		for k := range s.Received {
			s.Received[k].From += text
			s.Received[k].Topic += text
		}
	}
	return r
}

// skeleton is a page without its texts.
func skeleton(t *testing.T, r Run) string {
	page, err := r.page()
	require.NoError(t, err)
	require.True(t, utf8.Valid(page))
	for _, c := range string(page) {
		require.True(t, c == '\n' || term.Visible(string(c)) == string(c), "%U is in the page", c)
	}
	var b strings.Builder
	for z := html.NewTokenizer(bytes.NewReader(page)); ; {
		switch z.Next() {
		case html.ErrorToken:
			require.ErrorIs(t, z.Err(), io.EOF)
			return b.String()
		case html.TextToken:
		default:
			token := z.Token()
			fmt.Fprintf(&b, "%s %s", token.Type, token.Data)
			for _, a := range token.Attr {
				b.WriteString(" " + a.Key)
			}
			b.WriteString("\n")
		}
	}
}

// Whatever is in a line or a name is text, and the page asks for nothing from anywhere.
func TestHostile(t *testing.T) {
	require.Equal(t, skeleton(t, filled("z")), skeleton(t, filled(hostile)))
	p := parse(t, filled(hostile))
	assert.Len(t, p.all("script", ""), 2)
	policy := attribute(p.all("meta", "")[2], "content")
	assert.Regexp(t, `^default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-[^']+'$`, policy)
	for n := range p.root.Descendants() {
		for _, a := range n.Attr {
			assert.NotContains(t, []string{"src", "style", "srcset", "action", "data"}, a.Key, n.Data)
			if a.Key == "href" {
				assert.True(t, strings.HasPrefix(a.Val, "#"), a.Val)
			}
		}
	}
	for _, style := range p.all("style", "") {
		assert.NotContains(t, textOf(style), "url(")
		assert.NotContains(t, textOf(style), "@import")
	}
}
