package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"

	"pubsublab/lab/topology"
)

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
