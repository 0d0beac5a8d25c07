package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/report"
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

// is waits until a node is in a state, which lasts.
func (b *tab) is(node, state string) {
	b.Helper()
	b.until(fmt.Sprintf(`document.querySelector('tr[data-name="%s"]')?.dataset.state === %q`, node, state))
}

// key presses a key of the keyboard.
func (b *tab) key(key string) {
	b.Helper()
	eval[bool](b, fmt.Sprintf(`document.body.dispatchEvent(new KeyboardEvent("keydown", { key: %q, bubbles: true }))`, key))
}

// scenario begins one by its key, and says by another what will happen.
func (b *tab) scenario(key, guess string) {
	b.Helper()
	b.until(fmt.Sprintf(`document.querySelector('[aria-keyshortcuts="%s"]').disabled === false`, key))
	b.key(key)
	b.until(`document.querySelector("#question").open`)
	b.key(guess)
}

// outcome waits for what came of something, and returns what is said of it.
func (b *tab) outcome(what string) string {
	b.Helper()
	find := fmt.Sprintf(`[...document.querySelectorAll(".results li")].find((e) => e.textContent.startsWith(%q) && /You said: .*(✔ Right|✘ Not so)/.test(e.textContent))`, what)
	b.until(find)
	return eval[string](b, find+`?.textContent ?? ""`) // which may be the last that is shown
}

// has waits until a publisher or subscriber has so many lines.
func (b *tab) has(node string, lines int) {
	b.Helper()
	b.until(fmt.Sprintf(`parseInt(document.querySelector('tr[data-name="%s"]').cells[2].textContent.replaceAll(",", "")) >= %d`, node, lines))
}

// watched is a demo that is kept going, with its page.
func watched(t *testing.T, file string, mode topology.Mode) *demo {
	d := newDemo(t, file)
	d.mode, d.up = mode, &up{Page: "127.0.0.1:0", Keep: true}
	return d
}

// watch looks at the page until the demo has ended.
func (d *demo) watch(b *tab, meanwhile func()) (v *verdict, said string) {
	return d.run(func(interrupt context.CancelFunc) {
		defer interrupt() // where the page did not end it
		b.open(d.page.console.URL())
		b.shows("#verdict", "none is lost, doubled, reordered or invented")
		meanwhile()
		b.click("#keep")
		b.shows("#notice", "The demo has ended.")
	})
}

// TestPage: the demo is watched from its beginning to its verdict, in a real browser, and each
// button does what it says, on processes and on containers.
func TestPage(t *testing.T) {
	for _, mode := range []topology.Mode{topology.Processes, topology.Containers} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			b, d := newTab(t), watched(t, "compose.yaml", mode)
			d.topo.Spec("server").SetFlag("stall-timeout", "3s") // of who never reads
			v, said := d.watch(b, func() {
				b.until(`document.querySelectorAll("#log .text").length > 10`)
				b.shows("#publishers", "keeper")
				assert.NotContains(t, eval[string](b, "location.href"), "token", "it is not left in the address")
				pressEach(b)
				for _, node := range []string{"subscriber-1", "subscriber-2"} {
					// What a broker takes before any subscriber has come back is lost when it is killed again.
					d.waitFor(node + " | the server has lost its history")
				}
				cutEach(b)
				b.scenario("1", "2")
				assert.Contains(t, b.outcome("Kill the broker and start it again"), "You said: others wait, nothing lost.")
				b.is("server", "running")
				add(b)
				wrongToken(b, d)
				if mode == topology.Processes { // elsewhere it is the same
					playEach(b)
				}
			})
			assert.NotEqual(t, bad, v.level(), said)
			has(t, said, "▲ is killed from the page")
			has(t, said, "subscriber-added-1 exit 0")
			has(t, said, "publisher-added-2 exit 0")
			if mode == topology.Processes {
				has(t, said, "FROM breaks-off-")
				assert.NotContains(t, said, "this one is ha", "half a line is none")
				folder := t.TempDir()
				require.NoError(t, report.Write(folder, d.kept))
				readReport(b, folder)
			}
		})
	}
}

// pressEach presses every button of a broker, a subscriber and a publisher.
func pressEach(b *tab) {
	const place = `document.querySelector("#nodes").getBoundingClientRect().top + scrollY`
	before := eval[float64](b, place)
	for _, node := range []string{"subscriber-1", "publisher-1", "server"} {
		b.press(node, "freeze", "nothing")
		b.is(node, "frozen")
		b.press(node, "thaw", "")
		b.is(node, "running")
		assert.InDelta(b, before, eval[float64](b, place), 1, "what is shown moves no button from under a finger")
		b.press(node, "kill", "lost")
		b.is(node, "ended")
		b.shows(fmt.Sprintf(`tr[data-name="%s"]`, node), "was killed by SIGKILL (exit code 137)")
		b.press(node, "restart", "")
		b.is(node, "running")
	}
	b.shows("#faults .results", "You said: lines are lost.")
	b.shows("#faults .results", "Promised (docs/guarantees.md, Subscribers)")
}

// cutEach cuts off and reconnects a broker, a subscriber and a publisher, where that is possible.
func cutEach(b *tab) {
	if text := eval[string](b, `document.querySelector("#nodes").innerText`); strings.Contains(text, "Nobody can be cut off") {
		b.Log(text[strings.Index(text, "Nobody can be cut off"):])
		return
	}
	for _, node := range []string{"subscriber-1", "publisher-1", "server"} {
		b.press(node, "cut", "waits")
		b.is(node, "cut")
		b.press(node, "reconnect", "")
		b.is(node, "running")
	}
	assert.Contains(b, b.outcome("The broker server is cut off"), "(0 lost, 0 doubled)")
}

// add adds a subscriber and a publisher.
func add(b *tab) {
	b.click(`#nodes .controls button`)
	b.is("subscriber-added-1", "running")
	b.click(`#nodes .controls button + button`)
	b.is("publisher-added-2", "running")
	b.has("publisher-added-2", 1)
	b.has("subscriber-added-1", 1)
	b.shows("#publishers", "added-2")
	eval[bool](b, `{ const e = document.querySelector("#pace"); e.value = "100"; e.dispatchEvent(new Event("change")); true }`)
	b.has("publisher-added-2", 100)
}

// wrongToken: who has no token, or a wrong one, sees everything and does nothing.
func wrongToken(b *tab, d *demo) {
	stranger := b.beside()
	address, _, _ := strings.Cut(d.page.console.URL(), "#")
	stranger.open(address + "#token=wrong")
	stranger.press("server", "kill", "nothing")
	stranger.shows("#notice", "the token is missing or wrong")
	stranger.is("server", "running")
}

// playEach plays the scenarios that kill no node.
func playEach(b *tab) {
	b.scenario("2", "1")
	b.shows("#clients-rows", "never-reads")
	assert.Contains(b, b.outcome("A subscriber that never reads"), "(0 lost, 0 doubled)")
	b.until(`!document.querySelector("#clients-rows").innerText.includes("never-reads")`)
	b.scenario("3", "1")
	assert.Contains(b, b.outcome("A publisher dies in the middle of a line"), "(0 lost, 0 doubled)")
	before := eval[int](b, `parseInt(document.querySelector('tr[data-name="publisher-1"]').cells[2].textContent.replaceAll(",", ""))`)
	b.scenario("5", "1")
	b.has("publisher-1", before+1000)
	b.click("#faults .step button")
	assert.Contains(b, b.outcome("A thousand lines a second"), "(0 lost, 0 doubled)")
}

// TestPageLeader: the leader of the stream dies, and nobody loses anything.
func TestPageLeader(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: three brokers and three nodes of a stream take a while")
	}
	b, d := newTab(t), watched(t, "compose.cluster.yaml", topology.Processes)
	v, said := d.watch(b, func() {
		b.shows("#nats", "nats-1")
		b.scenario("4", "2")
		assert.Contains(t, b.outcome("The leader of the stream dies"), "(0 lost, 0 doubled)")
	})
	assert.Equal(t, good, v.level(), said)
	assert.Regexp(t, `nats-\d +\| ▲ is killed from the page`, said)
}
