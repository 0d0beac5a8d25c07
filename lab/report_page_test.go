package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
)

// readReport looks at the report.html of a demo's run, in which nodes were killed, as somebody does
// who has no network.
func readReport(b *tab, folder string) {
	b.do(chromedp.Navigate("file://" + filepath.Join(folder, "report.html")))
	b.until(`document.querySelector("#scrub").hidden === false`)
	scrub := func(to float64) {
		eval[bool](b, fmt.Sprintf(`{ const e = document.querySelector("#at"); e.value = e.max * %g; e.dispatchEvent(new Event("input")); true }`, to))
	}
	later := func() int { return eval[int](b, `document.querySelectorAll("#rows .later").length`) }
	scrub(0)
	b.shows("#clock", "0.0 s")
	b.shows("#nodes", "subscriber-2: received 0 of")
	rows := eval[int](b, `document.querySelectorAll("#rows tr").length`)
	assert.Equal(b, rows, later(), "no line has come yet")
	scrub(1)
	assert.Zero(b, later(), "all have come")
	b.shows("#nodes", "server: does not run, ended with exit code 0")

	// A line's travel: when it got its place, and how much later who had it.
	travel := eval[string](b, `((row) => (row.click(), row.innerText))(document.querySelectorAll("#rows tr")[Math.floor(document.querySelectorAll("#rows tr").length / 2)])`)
	assert.Regexp(b, `(keeper|cook|added-2).*#(sea\.light|rail\.kitchen)[^\n]*\t.+\t`, travel)
	assert.Regexp(b, `\d (ms|s)`, travel)
	assert.Positive(b, later(), "it is the time of that line now")
	assert.True(b, eval[bool](b, `document.querySelector("#rows .current") !== null`))

	figures := eval[int](b, `document.querySelectorAll("article figure svg").length`)
	assert.Positive(b, figures, "space-time diagrams")
	assert.Equal(b, figures, eval[int](b, `document.querySelectorAll("#line a[href^='#fault-']").length`), "each fault is marked on the time line")
	assert.NotRegexp(b, "goes on|started again|ended with exit code 1", eval[string](b, `[...document.querySelectorAll("tr.fault")].map((e) => e.innerText).join()`), "to mend is no fault")
	assert.Empty(b, eval[[]string](b, `performance.getEntriesByType("resource").map((e) => e.name)`), "it asks nobody for anything")

	for _, width := range []int64{1280, 360} {
		for _, scheme := range []string{"light", "dark"} {
			b.do(chromedp.EmulateViewport(width, 740))
			_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
			assert.NoError(b, err)
			look := fmt.Sprintf("report-%d-%s", width, scheme)
			assert.LessOrEqual(b, eval[int](b, `document.documentElement.scrollWidth`), int(width), "%s scrolls sideways", look)
			dark := eval[bool](b, `getComputedStyle(document.body).backgroundColor.match(/\d+/g).slice(0, 3).every((c) => c < 64)`)
			assert.Equal(b, scheme == "dark", dark, look)
			if flag.Lookup("test.artifacts").Value.String() == "true" {
				picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
				assert.NoError(b, err)
				assert.NoError(b, os.WriteFile(filepath.Join(b.ArtifactDir(), look+".png"), picture, 0o600))
			}
		}
	}
}
