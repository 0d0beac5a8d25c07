package page_test

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
	"pubsublab/server/broker"
)

// subscriber stays online until the test ends.
func (s *site) subscriber(name, topic string) {
	s.Helper()
	answer, err := http.Get("http://" + s.addr + "/subscribe?" + role(name, topic))
	require.NoError(s, err)
	require.Equal(s, http.StatusOK, answer.StatusCode)
	go io.Copy(io.Discard, answer.Body)
	s.Cleanup(func() { answer.Body.Close() })
}

// publisher stays online until the test ends, and publishes what is written to it.
func (s *site) publisher(name, topic string) io.Writer {
	r, w := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		answer, err := http.Post("http://"+s.addr+"/publish?"+role(name, topic), "text/plain", r)
		if assert.NoError(s, err) {
			answer.Body.Close()
		}
	}()
	s.Cleanup(func() {
		w.Close()
		<-done
	})
	return w
}

// class is a site where something happens, with names and lines of every length.
func class(t testing.TB) *site {
	s := newSite(t, broker.Config{})
	long := strings.Repeat("long-name.", 6) + "end"
	for name, topic := range map[string]string{"carol": "", "dave": "news.sea", long: ""} {
		s.subscriber(name, topic)
	}
	for name, topic := range map[string]string{"ada": "news.sea", "bob": "news.land", "p." + long[:60]: strings.Repeat("t", 60)} {
		fmt.Fprintf(s.publisher(name, topic), "The fog is lifting.\n%s\n\x1b[1m\n", strings.Repeat("wide", 300))
	}
	return s
}

func (b *tab) media(name, value string) {
	b.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: name, Value: value}}})
	require.NoError(b, err)
}

// landmarks lists what does not lie where people can see and read it: beside the screen, on another
// panel, cut off, or in a colour that does not stand out (WCAG 1.4.3).
const landmarks = `(() => {
	const wrong = [], seen = (e) => e.checkVisibility() && !e.closest(".unseen, .skip") && e.getClientRects().length > 0;
	const name = (e) => e.tagName + "#" + e.id + "." + e.className + " " + JSON.stringify(e.textContent.slice(0, 30));
	if (document.scrollingElement.scrollWidth > innerWidth) wrong.push("scrolls sideways: " + document.scrollingElement.scrollWidth);
	for (const e of document.querySelectorAll("h1, h2, h3, button, input, select, textarea, .panel, .node, #log, #chart, dd, td, th")) {
		if (!seen(e)) continue;
		const r = e.getBoundingClientRect();
		if (r.left < -0.5 || r.right > innerWidth + 0.5 || r.width < 1 || r.height < 1) wrong.push("beside the screen: " + name(e) + JSON.stringify(r));
	}
	for (const e of document.querySelectorAll("h1, h2, h3, button, dt, dd, label")) {
		if (seen(e) && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== "inline") wrong.push("cut off: " + name(e));
	}
	const boxes = [...document.querySelectorAll(".panel, header")].filter(seen).map((e) => [e, e.getBoundingClientRect()]);
	for (const [a, ra] of boxes) for (const [b, rb] of boxes) {
		if (a !== b && ra.left < rb.right - 1 && rb.left < ra.right - 1 && ra.top < rb.bottom - 1 && rb.top < ra.bottom - 1) wrong.push("on each other: " + name(a) + name(b));
	}
	for (const e of document.querySelectorAll("button, input, select")) {
		if (seen(e) && e.getBoundingClientRect().height < 24) wrong.push("too small for a finger: " + name(e));
	}
	const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
	const rgb = (color) => {
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = color;
		canvas.fillRect(0, 0, 1, 1);
		return [...canvas.getImageData(0, 0, 1, 1).data];
	};
	const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
	const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; } return [255, 255, 255]; };
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n; (n = walker.nextNode()); ) {
		const e = n.parentElement;
		if (!n.data.trim() || !seen(e) || e.closest("noscript, option")) continue;
		const style = getComputedStyle(e), [a, b] = [light(rgb(style.color)), light(behind(e))].sort((x, y) => y - x);
		const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
		const contrast = (a + 0.05) / (b + 0.05);
		if (contrast < (large ? 3 : 4.5)) wrong.push("contrast " + contrast.toFixed(2) + ": " + name(e));
	}
	return [...new Set(wrong)];
})()`

// go test -artifacts keeps a picture of each.
func TestLandmarks(t *testing.T) {
	s := class(t)
	b := newTab(t).watch(s)
	b.until(`document.querySelectorAll("#log .text").length === 9 && document.querySelectorAll("#picture .node").length === 8`, "the class is there")
	for _, size := range [][2]int64{{360, 740}, {768, 1024}, {1280, 720}, {1920, 1080}} {
		for _, scheme := range []string{"light", "dark"} {
			for _, projector := range []bool{false, true} {
				if projector && size[0] < 1280 {
					continue
				}
				look := fmt.Sprintf("%d-%s-%v", size[0], scheme, projector)
				b.do(chromedp.EmulateViewport(size[0], size[1]))
				b.media("prefers-color-scheme", scheme)
				eval[bool](b, fmt.Sprintf(`{ const p = document.querySelector("#projector"); if (p.ariaPressed !== "%v") p.click(); true; }`, projector))
				good := assert.Empty(t, eval[[]string](b, landmarks), look)
				if projector {
					good = assert.Empty(t, eval[[]string](b, lastRow), look) && good
				}
				if keep := flag.Lookup("test.artifacts"); !good || keep.Value.String() == "true" {
					require.NoError(t, os.WriteFile(t.ArtifactDir()+"/"+look+".png", b.picture(), 0o600))
				}
			}
		}
	}
}

// lastRow lists what is not on the screen at once, or too small to be read from eight times its
// height away.
const lastRow = `(() => {
	const wrong = [];
	for (const id of ["topology", "figures", "lines"]) {
		const r = document.getElementById(id).getBoundingClientRect();
		if (r.top < 0 || r.bottom > innerHeight) wrong.push("below the screen: " + id + " " + r.bottom);
	}
	for (const e of document.querySelectorAll("main :is(h2, h3, b, p, dt, dd, .text)")) {
		if (e.checkVisibility() && parseFloat(getComputedStyle(e).fontSize) < innerHeight / 50) wrong.push("small: " + e.outerHTML.slice(0, 60));
	}
	return wrong;
})()`

// Everything that can be used has a name, headings form an outline, and the keyboard comes to
// everything in the order in which it is read, and shows where it is.
func TestPageIsUsableWithoutEyesOrMouse(t *testing.T) {
	b := newTab(t).watch(class(t))
	b.until(`document.querySelectorAll("#picture .node").length === 8`, "the class is there")
	tree, err := chromedp.Call(b.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	require.NoError(t, err)
	named := 0
	for _, node := range tree.Nodes {
		if node.Ignored || node.Role == nil || !slices.Contains([]string{`"button"`, `"textbox"`, `"combobox"`, `"spinbutton"`, `"link"`, `"log"`, `"meter"`, `"region"`, `"list"`, `"image"`}, string(node.Role.Value)) {
			continue
		}
		named++
		assert.True(t, node.Name != nil && len(node.Name.Value) > 2, "%s without a name", node.Role.Value)
	}
	assert.Greater(t, named, 20)
	assert.Empty(t, eval[[]string](b, `(() => {
		const wrong = [], ids = Array.from(document.querySelectorAll("[id]"), (e) => e.id);
		if (new Set(ids).size !== ids.length) wrong.push("an id twice");
		let level = 0;
		for (const h of document.querySelectorAll("h1, h2, h3")) {
			const next = Number(h.tagName[1]);
			if (next > level + 1) wrong.push("no heading above: " + h.textContent);
			level = next;
		}
		for (const e of document.querySelectorAll("[aria-labelledby], [aria-describedby]"))
			for (const id of ((e.getAttribute("aria-labelledby") ?? "") + " " + (e.getAttribute("aria-describedby") ?? "")).trim().split(/\s+/))
				if (!document.getElementById(id)) wrong.push("no such label: " + id);
		for (const e of document.querySelectorAll("[aria-live]:not([aria-live=off])")) if (e.id !== "say") wrong.push("speaks: " + e.id);
		if (document.documentElement.lang !== "en") wrong.push("no language");
		return wrong;
	})()`))
	var order []string
	for range 14 {
		b.do(chromedp.KeyEvent(kb.Tab))
		order = append(order, eval[string](b, `(() => { const e = document.activeElement; return (e.id || e.textContent.trim()) + (getComputedStyle(e).outlineStyle === "none" ? " (not shown)" : ""); })()`))
	}
	assert.Equal(t, []string{"Skip to the lines", "pause", "projector", "theme", "log", "download", "filter", "from", "count", "Watch", "name", "topic", "text", "Publish"}, order)
}

// A screen reader hears what changed, not each line.
func TestLiveRegionDoesNotShout(t *testing.T) {
	s := newSite(t, broker.Config{})
	b := newTab(t).watch(s)
	b.until(`document.querySelector("#say").textContent !== ""`, "it says that the page follows")
	said := eval[string](b, `document.querySelector("#say").textContent`)
	s.count(1, 300)
	b.shows("#counted", "300 lines received")
	assert.Equal(t, said, eval[string](b, `document.querySelector("#say").textContent`))
}

func TestNothingMovesWhereNobodyWantsMotion(t *testing.T) {
	s := newSite(t, broker.Config{})
	ada := s.publisher("ada", "")
	fmt.Fprintln(ada, "hello")
	b := newTab(t).watch(s)
	b.until(`document.querySelectorAll("#publishers .node b").length === 1`, "ada is in the picture")
	eval[bool](b, `{
		window.flown = 0;
		const count = (changes) => changes.forEach((c) => c.addedNodes.forEach((e) => (window.flown += e.tagName === "circle")));
		new MutationObserver(count).observe(document.querySelector("#wires"), { childList: true });
		true;
	}`)
	flown := func() int { return eval[int](b, `window.flown`) }
	drawn := 1
	line := func() {
		fmt.Fprintln(ada, "a line")
		drawn++
		b.lines(drawn, "the line is drawn")
	}
	wait.Until(t, func() bool { line(); return flown() > 0 }, "a line is seen on its way")
	b.media("prefers-reduced-motion", "reduce")
	b.until(`document.querySelectorAll("circle").length === 0`, "what was on its way is there")
	before := flown()
	for range 10 {
		line()
	}
	assert.Equal(t, before, flown())
}
