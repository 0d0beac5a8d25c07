package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade"
	"pubsublab/lab/grade/class"
)

// TestClassPage looks at the page about a class of 100 as a teacher does: in a browser, on a wide screen and on a
// narrow one, with names and texts that would like to be more than text.
func TestClassPage(t *testing.T) {
	in, out := t.TempDir(), t.TempDir()
	const hostile = `<img src=x onerror=alert(1)>`
	for i := range 100 {
		name := fmt.Sprintf("student-%02d", i)
		if i == 50 {
			name = hostile
		}
		require.NoError(t, os.Mkdir(filepath.Join(in, name), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(in, name, "a.py"), []byte("print("+fmt.Sprint(i)+")"), 0o644))
	}
	submissions, err := class.List(in)
	require.NoError(t, err)
	_, err = class.Run(t.Context(), submissions, class.Options{Out: out, Grade: func(_ context.Context, s class.Submission, _ string) (*grade.Result, []string, error) {
		return made(s.Name), []string{"server: python3 " + hostile}, nil
	}})
	require.NoError(t, err)

	b := newTab(t)
	b.do(chromedp.Navigate("file://" + filepath.Join(out, "class.html")))
	b.until(`document.querySelectorAll("tbody tr").length === 100`)
	assert.Zero(t, eval[int](b, `document.querySelectorAll("img").length`), "a name is text")
	assert.Equal(t, "1", eval[string](b, `[...document.querySelectorAll(".figures p")].find(p => p.innerText.includes("could not be started")).querySelector("b").innerText`))

	b.click(`th[data-by="percent"] button`)
	assert.Equal(t, "student-99", eval[string](b, `document.querySelector("tbody tr th").innerText`), "the best first")
	b.click(`th[data-by="percent"] button`)
	assert.Equal(t, "could not be started", eval[string](b, `document.querySelector("tbody tr td").innerText`), "those without points first")
	b.do(chromedp.SendKeys(chromedp.CSS("#find"), "DENT-1"))
	b.until(`document.querySelector("#shown").innerText === "10 of 100"`)
	b.do(chromedp.Evaluate[chromedp.Void](`{
		const only = document.querySelector("#only");
		document.querySelector("#find").value = "";
		only.value = "could not be started";
		only.dispatchEvent(new Event("change"));
	}`))
	b.until(`document.querySelector("#shown").innerText === "1 of 100"`)
	for _, width := range []int64{1280, 360} {
		b.do(chromedp.EmulateViewport(width, 900))
		b.until(`document.documentElement.scrollWidth <= innerWidth`)
	}
}

// made is a result with a number of points that its name ends with.
func made(name string) *grade.Result {
	var number float64
	if _, err := fmt.Sscanf(name, "student-%f", &number); errors.Is(err, nil) && number == 0 {
		return &grade.Result{Verdict: grade.NotStarted, Why: "<b>No module.</b>"}
	}
	check := grade.Check{ID: "server-starts", Title: "the server starts", Status: grade.Failed, Points: number, Max: 100, What: "<b>No.</b>"}
	return &grade.Result{Verdict: grade.Graded, Took: time.Second, Stages: []grade.Stage{{ID: "s", Title: "S", Checks: []grade.Check{check}}}}
}
