package page_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
	"pubsublab/server/broker"
	"pubsublab/server/journal"
	"pubsublab/server/journal/disk"
)

func numbers(from, to int) (texts []string) {
	for i := from; i <= to; i++ {
		texts = append(texts, strconv.Itoa(i))
	}
	return texts
}

// What a class sees from the first line to the end of the broker.
func TestPageIsWatchedFromStartToEnd(t *testing.T) {
	s := newSite(t, broker.Config{})
	b := newTab(t).watch(s)
	s.publish("ada", "news.sea", "The fog is lifting.", "A ship!")
	b.shows("#log", "A ship!")
	assert.Equal(t, []string{"The fog is lifting.", "A ship!"}, b.texts())
	assert.Equal(t, []string{"1", "2"}, eval[[]string](b, `Array.from(document.querySelectorAll("#log .pos"), e => e.textContent)`))
	b.shows("#log", "ada #news.sea")
	b.shows("#log", "ada left after 2 lines: eof")
	b.shows("#position", "2")
	b.shows("#subscribers", "this page")
	b.shows("#slowest", "nobody is behind")
	b.shows("#counted", "2 lines received, 2 drawn: at most 50 a second are drawn, all are counted.")
	b.shows("#clients", "page-")
	s.stop()
	b.state("Reconnecting")
	b.shows("#brokers", "no answer")
	assert.Equal(t, []string{"The fog is lifting.", "A ship!"}, b.texts(), "what was drawn stays")
	s.start(broker.Config{})
}

func TestPagePublishes(t *testing.T) {
	s := newSite(t, broker.Config{})
	b := newTab(t).watch(s)
	b.fill("#name", "eve").fill("#topic", "news.sea").fill("#text", "one\n two \n"+strings.Repeat("x", 65_537)+"\nthree").click("#publish-form button")
	b.shows("#published", "3 lines taken, at position 3. line 3 ")
	b.lines(3, "the lines come back")
	assert.Equal(t, []string{"one", " two ", "three"}, b.texts())
	b.fill("#text", "four").click("#publish-form button").shows("#published", "1 line taken, at position 4.")
	b.shows("#log", "four")
	b.fill("#topic", "no*pe").fill("#text", "five").click("#publish-form button").shows("#published", "topic")
	assert.Equal(t, "five", eval[string](b, `document.querySelector("#text").value`), "what was not taken stays")
}

// lose makes the next answers of this path be lost, after the broker gave them.
func (b *tab) lose(path string, answers int) {
	b.Helper()
	eval[bool](b, fmt.Sprintf(`{
		const real = fetch;
		let lost = 0;
		window.fetch = async (path, options) => {
			const answer = await real(path, options);
			if (path.startsWith(%q) && lost++ < %d) throw new TypeError("the answer was lost");
			return answer;
		};
		true;
	}`, path, answers))
}

// A line that was sent again, because its answer was lost, is in the order once; what is sent
// instead of it is not taken for it; and what is typed quickly keeps its order.
func TestPagePublishesOnce(t *testing.T) {
	s := newSite(t, broker.Config{})
	b := newTab(t).watch(s)
	b.lose("publish", 1)
	b.fill("#text", "once").click("#publish-form button").shows("#published", "1 line taken, at position 1.")
	b.lose("publish", 4)
	b.fill("#text", "perhaps").click("#publish-form button").shows("#published", "the answer was lost")
	b.fill("#text", "instead").click("#publish-form button")
	b.lines(3, "what was taken before, and what is sent instead")
	eval[bool](b, `{
		for (const text of ["a", "b", ""]) {
			document.querySelector("#text").value = text;
			document.querySelector("#publish-form").requestSubmit();
		}
		true;
	}`)
	b.lines(6, "what is typed quickly")
	assert.Equal(t, []string{"once", "perhaps", "instead", "a", "b", ""}, b.texts())
}

// A broker that hangs is asked one thing at a time, and the page says that it gives no answer.
func TestPageSaysThatNobodyAnswers(t *testing.T) {
	b := newTab(t).watch(newSite(t, broker.Config{}))
	eval[bool](b, `{
		const real = fetch;
		window.asked = 0;
		AbortSignal.timeout = () => {
			const late = new AbortController();
			setTimeout(() => late.abort(), 100);
			return late.signal;
		};
		window.fetch = (path, options) => path !== "connz" ? real(path, options) : new Promise((_, fail) => {
			window.asked++;
			options.signal.onabort = () => fail(options.signal.reason);
		});
		true;
	}`)
	b.state("No answer")
	b.shows("#brokers", "no answer")
	assert.LessOrEqual(t, eval[int](b, `window.asked`), 2)
}

func TestPageFiltersAndReadsHistory(t *testing.T) {
	s := newSite(t, broker.Config{})
	s.publish("ada", "news.sea", "s1", "s2")
	s.publish("ada", "news.land", "l1")
	b := newTab(t).watch(s)
	b.lines(3, "the last lines")
	watch := func(filter, from, n string) {
		b.fill("#filter", filter).fill("#from", from)
		if n != "" {
			b.fill("#count", n)
		}
		b.click("#watch-form button")
	}
	watch("*.sea", "first", "")
	b.lines(2, "what the filter matches, from the first")
	s.publish("ada", "news.land", "l2")
	s.publish("ada", "deep.sea", "s3")
	b.lines(3, "and what comes")
	assert.Equal(t, []string{"s1", "s2", "s3"}, b.texts())
	watch("", "position", "2")
	b.lines(4, "everything, from position 2")
	assert.Equal(t, []string{"s2", "l1", "l2", "s3"}, b.texts())
	watch("a..b", "new", "")
	b.shows("#notice", "bad topic")
	b.state("Not watching")
}

// A broker that keeps its journal is restarted, and the page misses and doubles nothing.
func TestPageResumesAtItsPosition(t *testing.T) {
	dir := t.TempDir()
	onDisk := func() broker.Config {
		j, err := disk.Open(disk.Config{Dir: dir, Size: disk.MinSize, SyncEvery: -1})
		require.NoError(t, err)
		return broker.Config{Journal: j}
	}
	s := newSite(t, onDisk())
	b := newTab(t).watch(s)
	s.count(1, 7)
	b.lines(7, "what is published")
	s.stop()
	b.state("Reconnecting")
	s.start(onDisk())
	s.count(8, 20)
	b.lines(20, "what was published while it was away")
	b.state("Live")
	assert.Equal(t, numbers(1, 20), b.texts())
}

// A broker that forgot everything begins a new order: the page says so, and reads it from its
// beginning.
func TestPageSaysThatAnOrderIsNew(t *testing.T) {
	s := newSite(t, broker.Config{})
	b := newTab(t).watch(s)
	s.count(1, 7)
	b.lines(7, "what is published")
	s.stop()
	b.state("Reconnecting")
	s.start(broker.Config{})
	s.count(8, 9)
	b.lines(9, "the new order from its beginning")
	b.shows("#log", "began a new order")
	assert.Equal(t, numbers(1, 9), b.texts())
	b.shows("#position", "2")
	assert.NotRegexp(t, `(?m)(^|\s)-\d`, eval[string](b, `document.querySelector("main").innerText`), "nothing is negative")
}

func TestPageAsksForAToken(t *testing.T) {
	s := newSite(t, broker.Config{Tokens: []string{"s3cret"}})
	b := newTab(t).open("http://" + s.addr + "/")
	b.state("Token wanted")
	assert.Equal(t, "token", eval[string](b, `document.activeElement.id`))
	b.fill("#token", "wrong").click("#token-form button")
	b.shows("#notice", "token")
	b.state("Token wanted")
	const asked = `performance.getEntriesByType("resource").filter((r) => r.name.endsWith("connz")).length`
	before := eval[int](b, asked)
	time.Sleep(2500 * time.Millisecond)
	assert.LessOrEqual(t, eval[int](b, asked), before+1, "it does not go on guessing: others at its address would have to wait")
	b.fill("#token", "s3cret").click("#token-form button").state("Live")
	b.until(`document.querySelector("#entry").hidden && document.querySelector("#notice").hidden`, "nobody is asked any more")

	b = newTab(t).open("http://" + s.addr + "/#token=s3cret")
	b.state("Live")
	assert.NotContains(t, eval[string](b, `location.href`), "s3cret", "nobody reads it over a shoulder")
}

// Lines stay text, and show what would hide in them or drive who reads them.
func TestHostileLinesStayText(t *testing.T) {
	s := newSite(t, broker.Config{})
	b := newTab(t).watch(s)
	html := `<img src=x onerror="document.title='owned'"><script>document.title="owned"</script>&amp;`
	s.publish("ada", "", html, "\x1b[31mred\u202eevil\u2066\ttab", strings.Repeat("long ", 10_000))
	b.shows("#log", "characters, all of them in the download")
	texts := b.texts()
	assert.Equal(t, html, texts[0])
	assert.Equal(t, `\x1b[31mred\u202eevil\u2066`+"\ttab", texts[1])
	assert.Zero(t, eval[int](b, `document.querySelectorAll("#log img, #log script").length`))
	assert.Equal(t, "Pub/Sub Lab: server", eval[string](b, `document.title`))
}

// Names and topics are text, too, whatever a broker would let them be, and so is a token.
func TestHostileNamesStayText(t *testing.T) {
	s := newSite(t, broker.Config{})
	b := newTab(t).open("http://" + s.addr + "/#token=" + url.QueryEscape(`"><img src=x onerror="document.title='owned'">`))
	b.state("Live")
	const html = `<img src=x onerror="document.title='owned'">`
	eval[bool](b, fmt.Sprintf(`{
		const real = fetch;
		window.fetch = async (path, options) => {
			const answer = await real(path, options);
			if (path !== "connz") return answer;
			const said = await answer.json();
			for (const c of said.connections) c.name = c.topic = c.address = %q;
			for (const b of said.brokers) b.name = b.version = b.listen = %[1]q;
			return new Response(JSON.stringify(said));
		};
		true;
	}`, html))
	for _, panel := range []string{"#clients-rows", "#brokers", "#subscribers", "#about"} {
		b.shows(panel, html)
	}
	assert.Zero(t, eval[int](b, `document.querySelectorAll("img").length`))
	assert.Equal(t, "Pub/Sub Lab: server", eval[string](b, `document.title`))
}

// The page has an escaper of its own, as server, client and lab do; the list of what is hidden is
// one.
func TestHiddenCharactersAreShown(t *testing.T) {
	list, err := os.ReadFile("../../../protocol/testdata/hidden.txt")
	require.NoError(t, err)
	var lines, want []string
	for line := range strings.Lines(string(list)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		shown := fields[0] == "shown"
		if shown {
			fields = fields[1:]
		}
		from, to, ranged := strings.Cut(fields[0], "..")
		first, err := strconv.ParseInt(from, 16, 32)
		require.NoError(t, err, line)
		last := first
		if ranged {
			last, err = strconv.ParseInt(to, 16, 32)
			require.NoError(t, err, line)
		}
		for _, r := range []rune{rune(first), rune(first) + rand.N(rune(last-first)+1), rune(last)} {
			if r == 0 || r == '\n' || r == '\t' {
				continue // no line holds the first two, and a tab stays
			}
			text := string(r)
			switch {
			case shown:
			case r < 0x80:
				text = fmt.Sprintf(`\x%02x`, r)
			case r < 0x10000:
				text = fmt.Sprintf(`\u%04x`, r)
			default:
				text = fmt.Sprintf(`\U%08x`, r)
			}
			lines, want = append(lines, "a"+string(r)+"b"), append(want, "a"+text+"b")
		}
	}
	require.Greater(t, len(lines), 60)
	s := newSite(t, broker.Config{})
	b := newTab(t).watch(s)
	b.click("#pause").state("Paused") // which shows all of the last lines
	s.publish("ada", "", lines...)
	b.shows("#counted", fmt.Sprintf("%d lines came since", len(lines)))
	b.click("#pause").click("#pause").lines(len(lines), "all lines")
	assert.Equal(t, want, b.texts())
}

// However many lines come, at most 50 a second are drawn and all are counted.
func TestAllAreCountedAndFewDrawn(t *testing.T) {
	s := newSite(t, broker.Config{Journal: journal.NewMemory(journal.MinHistory)})
	b := newTab(t).watch(s)
	s.count(1, 5000)
	b.shows("#counted", "5,000 lines received")
	b.shows("#log", "counted and not drawn")
	b.until(`Array.from(document.querySelectorAll("#log .text")).at(-1)?.textContent === "5000"`, "the newest is drawn")
	assert.Less(t, len(b.texts()), 200)
	b.click("#pause")
	assert.Equal(t, numbers(4802, 5000), b.texts(), "paused: none of the last is left out")
	s.count(1, 3)
	b.shows("#counted", "3 lines came since")
	assert.Equal(t, numbers(4802, 5000), b.texts(), "nothing moves")
	b.click("#pause").state("Live")
	b.shows("#counted", "5,003 lines received")
}

// A tab that the browser froze would take nothing and hold publishers up: it leaves, and comes back
// where it was. While nobody looks it is quiet: it draws nothing and asks for nothing, and the
// lines are counted.
func TestFrozenTabLeavesAndHiddenTabIsQuiet(t *testing.T) {
	s := newSite(t, broker.Config{})
	b := newTab(t).watch(s)
	s.count(1, 3)
	b.lines(3, "what is published")
	b.lifecycle(page.SetWebLifecycleStateStateFrozen)
	wait.Until(t, func() bool { return len(s.connz().Connections) == 0 }, "the frozen tab leaves")
	s.count(4, 6)
	b.lifecycle(page.SetWebLifecycleStateStateActive) // and still hidden
	wait.Until(t, func() bool {
		x := s.connz().Connections
		return len(x) == 1 && x[0].Position == 6
	}, "it is back, and takes what it missed")
	assert.Equal(t, numbers(1, 3), b.texts(), "nothing is drawn")
	asked := eval[int](b, `performance.getEntriesByType("resource").filter((e) => e.name.endsWith("connz")).length`)
	b.do(chromedp.Sleep(1500 * time.Millisecond)) // longer than from one sample to the next
	assert.Equal(t, asked, eval[int](b, `performance.getEntriesByType("resource").filter((e) => e.name.endsWith("connz")).length`))
	b.front()
	b.lines(6, "what was published meanwhile")
	assert.Equal(t, numbers(1, 6), b.texts())
	b.shows("#counted", "6 lines received")
}

func TestTwoTabsWatchOnTheirOwn(t *testing.T) {
	s := newSite(t, broker.Config{})
	one := newTab(t).watch(s)
	two := one.beside().watch(s)
	two.fill("#filter", "news.>").click("#watch-form button").shows("#watched", "Topics news.>")
	two.state("Live")
	s.publish("ada", "news.sea", "for both")
	s.publish("ada", "", "for one")
	two.shows("#log", "for both")
	one.front()
	one.shows("#log", "for one")
	assert.Equal(t, []string{"for both", "for one"}, one.texts())
	assert.Equal(t, []string{"for both"}, two.texts())
}

// A browser opens six connections to a server: a seventh tab is told so, and does not hang.
func TestSevenTabsAreTold(t *testing.T) {
	s := newSite(t, broker.Config{})
	tabs := []*tab{newTab(t).watch(s)}
	for len(tabs) < 4 {
		tabs = append(tabs, tabs[0].beside().watch(s))
	}
	for len(tabs) < 7 {
		b := tabs[0].beside().open("http://" + s.addr + "/")
		b.state("Waiting for another tab")
		b.shows("#notice", "opens six connections")
		tabs = append(tabs, b)
	}
	last := tabs[6]
	last.fill("#text", "from the seventh").click("#publish-form button").shows("#published", "1 line taken")
	last.shows("#position", "1")
	last.click("#notice-act").state("Live")
	last.shows("#log", "from the seventh")
	tabs[3].front()
	tabs[3].state("Waiting for another tab") // the youngest of those that watched makes room
	tabs[1].close()
	tabs[3].state("Live")
	tabs[4].state("Waiting for another tab")
}
