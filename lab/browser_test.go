package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"

	"pubsublab/e2e/wait"
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
		options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.ExecPath(path), chromedp.WSURLReadTimeout(wait.Left(t)))
		ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
		t.Cleanup(stop)
		return (&tab{t, ctx}).beside()
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

// open opens a page of a lab, once more where the machine's network changed meanwhile: Chromium then
// breaks its connections.
func (b *tab) open(address string) {
	b.Helper()
	for range 5 {
		if err := chromedp.Do(b.ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(address)); err == nil && eval[bool](b, `document.querySelector("#theme").onclick !== null`) {
			return
		}
	}
	b.Errorf("the page does not start: %s", address)
	b.FailNow() // which ends the goroutine
}

func eval[T any](b *tab, js string) T {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](js))
	if err != nil {
		b.Errorf("%s: %v", js, err)
	}
	return v
}

// until waits until js is true. Where that does not come in time, it says what the page shows
// instead, and keeps what it looks like.
func (b *tab) until(js string) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	defer context.AfterFunc(wait.Context(b), cancel)()
	_, err := chromedp.Run(ctx, chromedp.Poll[bool]("!!("+js+")", chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(0)))
	if err == nil {
		return
	}
	ctx, cancel = context.WithTimeout(b.ctx, 10*time.Second) // it may hang altogether
	defer cancel()
	late := &tab{b.T, ctx}
	b.Errorf("%v: waiting for %s\nthe page says: %s", err, js, eval[string](late, `document.body.innerText`))
	late.keep()
	b.FailNow()
}

// keep writes what the page looks like, and is made of, into lab-report of this checkout, and
// says where.
func (b *tab) keep() {
	folder := filepath.Join("..", "lab-report", "browser", b.Name())
	assert.NoError(b, os.MkdirAll(folder, 0o755))
	if picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100)); assert.NoError(b, err) {
		assert.NoError(b, os.WriteFile(filepath.Join(folder, "failed.png"), picture, 0o600))
	}
	dump := eval[string](b, `document.documentElement.outerHTML`)
	assert.NoError(b, os.WriteFile(filepath.Join(folder, "failed.html"), []byte(dump), 0o600))
	b.Log("it is kept in", folder)
}

// shows waits until the text of an element holds this.
func (b *tab) shows(selector, text string) {
	b.Helper()
	b.until(fmt.Sprintf(`document.querySelector(%q)?.innerText.includes(%q)`, selector, text))
}

// click clicks on a control once it can be seen and used, at that moment: no page moves it in between.
func (b *tab) click(selector string) {
	b.Helper()
	b.until(fmt.Sprintf(`((e) => e?.checkVisibility() && !e.disabled && (e.click(), true))(document.querySelector(%q))`, selector))
}
