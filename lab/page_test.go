package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"

	"pubsublab/lab/topology"
)

// A tab is one of a browser. Its methods fail the test.
type tab struct {
	*testing.T
	ctx context.Context
}

var errNoBrowser = errors.New("no chromium-headless-shell, chromium or google-chrome here (Debian: apt-get install chromium-headless-shell)")

// newTab starts a browser, or skips the test and says why.
func newTab(t *testing.T) *tab {
	t.Helper()
	for _, name := range []string{"chromium-headless-shell", "chromium", "google-chrome"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.ExecPath(path))
		ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
		t.Cleanup(stop)
		b := (&tab{t, ctx}).beside()
		return b
	}
	t.Skip(errNoBrowser)
	return nil
}

// beside is one more tab of the same browser.
func (b *tab) beside() *tab {
	b.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	b.Cleanup(cancel)
	opened := &tab{b.T, ctx}
	opened.do(chromedp.EmulateViewport(1280, 1000))
	return opened
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.Error(err)
		b.FailNow() // which ends the goroutine
	}
}

func eval[T any](b *tab, js string) T {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](js))
	if err != nil {
		b.Errorf("%s: %v", js, err)
	}
	return v
}

// until waits until js is true.
func (b *tab) until(js string) {
	b.Helper()
	_, err := chromedp.Run(b.ctx, chromedp.Poll[bool]("!!("+js+")", chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(40*time.Second)))
	if err == nil {
		return
	}
	if picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100)); err == nil {
		assert.NoError(b, os.WriteFile(b.ArtifactDir()+"/failed.png", picture, 0o600))
	}
	b.Errorf("%v: %s\nthe page says: %s", err, js, eval[string](b, `document.body.innerText`))
	b.FailNow()
}

// shows waits until the text of an element holds this.
func (b *tab) shows(selector, text string) {
	b.Helper()
	b.until(fmt.Sprintf(`document.querySelector(%q)?.innerText.includes(%q)`, selector, text))
}

func (b *tab) click(selector string) {
	b.Helper()
	b.until(fmt.Sprintf(`document.querySelector(%q)?.disabled === false`, selector))
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

// press presses the button of a node, with a guess where that is a fault.
func (b *tab) press(node, action, guess string) {
	b.Helper()
	b.click(fmt.Sprintf(`tr[data-name="%s"] [data-do="%s"]`, node, action))
	if guess != "" {
		b.click(fmt.Sprintf(`[data-guess="%s"]`, guess))
	}
}

// is waits until a node is in a state.
func (b *tab) is(node, state string) {
	b.Helper()
	b.until(fmt.Sprintf(`document.querySelector('tr[data-name="%s"]')?.dataset.state === %q`, node, state))
}

// TestPage: the demo is watched from its beginning to its verdict, in a real browser, and each
// button does what it says, on processes and on containers.
func TestPage(t *testing.T) {
	for _, mode := range []topology.Mode{topology.Processes, topology.Containers} {
		t.Run(string(mode), func(t *testing.T) {
			b := newTab(t)
			d := newDemo(t, "compose.yaml")
			d.mode, d.up = mode, &up{Page: "127.0.0.1:0", Keep: true}
			v, said := d.run(func(interrupt context.CancelFunc) {
				defer interrupt() // where the page did not end it
				b.do(chromedp.Navigate(d.page.console.URL()))
				b.shows("#verdict", "none is lost, doubled, reordered or invented")
				b.until(`document.querySelectorAll("#log .text").length > 10`)
				b.shows("#publishers", "keeper")
				assert.NotContains(t, eval[string](b, "location.href"), "token", "it is not left in the address")
				pressEach(b)
				breakOnOneKey(b)
				b.click(`#nodes .controls button`)
				b.is("subscriber-added-1", "running")
				eval[bool](b, `{ const e = document.querySelector("#pace"); e.value = "100"; e.dispatchEvent(new Event("change")); true }`)
				wrongToken(b, d)
				b.click("#keep")
				b.shows("#notice", "The demo has ended.")
			})
			assert.NotEqual(t, bad, v.level(), said)
			has(t, said, "▲ is killed from the page")
			has(t, said, "subscriber-added-1 exit 0")
		})
	}
}

// pressEach presses every button of a broker, a subscriber and a publisher.
func pressEach(b *tab) {
	for _, node := range []string{"subscriber-1", "publisher-1", "server"} {
		b.press(node, "freeze", "nothing")
		b.is(node, "frozen")
		b.press(node, "thaw", "")
		b.is(node, "running")
		b.press(node, "kill", "lost")
		b.is(node, "ended")
		b.shows(fmt.Sprintf(`tr[data-name="%s"]`, node), "was killed by SIGKILL (exit code 137)")
		b.press(node, "restart", "")
		b.is(node, "running")
	}
	b.shows("#faults .results", "You said: lines are lost.")
	b.shows("#faults .results", "Promised (guarantees, Subscribers)")
}

// breakOnOneKey kills the broker by one key, and says by another what will happen.
func breakOnOneKey(b *tab) {
	const key = `document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "%s", bubbles: true }))`
	eval[bool](b, fmt.Sprintf(key, "1"))
	b.until(`document.querySelector("#question").open`)
	eval[bool](b, fmt.Sprintf(key, "2"))
	b.is("server", "ended")
	b.is("server", "running")
	b.until(`/You said: somebody waits, nothing lost. (✔ Right|✘ Not so)/.test(document.querySelector("#faults .results").innerText)`)
}

// wrongToken: who has no token, or a wrong one, sees everything and does nothing.
func wrongToken(b *tab, d *demo) {
	stranger := b.beside()
	address, _, _ := strings.Cut(d.page.console.URL(), "#")
	stranger.do(chromedp.Navigate(address + "#token=wrong"))
	stranger.press("server", "kill", "nothing")
	stranger.shows("#notice", "the token is missing or wrong")
	stranger.is("server", "running")
}
