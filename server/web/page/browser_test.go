package page_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/e2e/ports"
	"pubsublab/e2e/wait"
	"pubsublab/server/broker"
	"pubsublab/server/web"
)

// site is a broker with its HTTP side, at an address that outlives it.
type site struct {
	testing.TB
	addr   string
	broker *broker.Broker
	served chan error
}

func newSite(t testing.TB, cfg broker.Config) *site {
	s := &site{TB: t, addr: ports.Addr(t)}
	s.start(cfg)
	t.Cleanup(s.stop)
	return s
}

func (s *site) start(cfg broker.Config) {
	s.Helper()
	l, err := net.Listen("tcp", s.addr)
	require.NoError(s, err)
	s.broker, s.served = broker.New(cfg), make(chan error, 1)
	go func() {
		s.served <- web.Serve(l, web.Config{
			Broker: s.broker, URL: &url.URL{Scheme: "http", Host: s.addr},
			About: web.About{Name: "server", Version: "v1", Listen: "[::]:5000", Journal: "memory", Started: time.Now()},
		})
	}()
}

func (s *site) stop() {
	assert.NoError(s, s.broker.Shutdown(wait.Context(s.TB)))
	assert.ErrorIs(s, <-s.served, broker.ErrClosed)
}

// role is the query of a name, and of a topic where there is one.
func role(name, topic string) string {
	query := url.Values{"name": {name}}
	if topic != "" {
		query.Set("topic", topic)
	}
	return query.Encode()
}

// publish publishes lines under a name and a topic.
func (s *site) publish(name, topic string, lines ...string) {
	s.Helper()
	answer, err := http.Post("http://"+s.addr+"/publish?"+role(name, topic), "text/plain", strings.NewReader(strings.Join(lines, "\n")+"\n"))
	require.NoError(s, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(s, err)
	require.Equal(s, http.StatusOK, answer.StatusCode, "%s", text)
}

// count publishes the numbers of this range, a line each.
func (s *site) count(from, to int) {
	var lines []string
	for i := from; i <= to; i++ {
		lines = append(lines, fmt.Sprint(i))
	}
	s.publish("ada", "", lines...)
}

// chromium is the one browser of all tests, which TestMain stops.
var chromium = sync.OnceValues(func() (context.Context, error) {
	for _, name := range []string{"chromium-headless-shell", "chromium", "google-chrome"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		ctx, cancel := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.ExecPath(path), chromedp.WSURLReadTimeout(10*time.Minute))...)
		ctx, cancelTab := chromedp.NewContext(ctx)
		stopChromium = func() {
			cancelTab()
			cancel()
		}
		return ctx, chromedp.Do(ctx)
	}
	return nil, errNoBrowser
})

var (
	errNoBrowser = errors.New("no chromium-headless-shell, chromium or google-chrome here (Debian: apt-get install chromium-headless-shell)")
	stopChromium = func() {}
)

func TestMain(m *testing.M) {
	code := m.Run()
	stopChromium()
	os.Exit(code)
}

// tab is one of a browser. Its methods fail the test.
type tab struct {
	testing.TB
	ctx   context.Context
	close context.CancelFunc
}

// newTab is a tab of a browser that has no other, and keeps nothing.
func newTab(t testing.TB) *tab {
	t.Helper()
	parent, err := chromium()
	if errors.Is(err, errNoBrowser) {
		t.Skip(err)
	}
	require.NoError(t, err)
	return tabOf(t, parent, chromedp.WithNewBrowserContext())
}

func tabOf(t testing.TB, parent context.Context, opts ...chromedp.ContextOption) *tab {
	ctx, cancel := chromedp.NewContext(parent, opts...)
	t.Cleanup(cancel)
	b := &tab{t, ctx, cancel}
	b.do(chromedp.EmulateViewport(1280, 800))
	return b
}

// beside is one more tab of the same browser.
func (b *tab) beside() *tab { return tabOf(b, b.ctx) }

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	require.NoError(b, chromedp.Do(b.ctx, steps...))
}

// open opens the page of a site, once more where the network changed meanwhile: Chromium then
// breaks its connections.
func (b *tab) open(address string) *tab {
	b.Helper()
	for range 5 {
		if err := chromedp.Do(b.ctx, chromedp.Navigate(address)); err == nil && eval[bool](b, `document.querySelector("#theme").onclick !== null`) {
			return b
		}
	}
	require.FailNow(b, "the page does not start", address)
	return nil
}

// watch opens the page of a site, and waits until it follows the lines.
func (b *tab) watch(s *site) *tab {
	b.Helper()
	b.open("http://" + s.addr + "/").state("Live")
	return b
}

func eval[T any](b *tab, js string) T {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](js))
	require.NoError(b, err, "%s", js)
	return v
}

// until waits until js is true.
func (b *tab) until(js, why string) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	defer context.AfterFunc(wait.Context(b.TB), cancel)()
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool]("!!("+js+")", chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(0))); err != nil {
		assert.NoError(b, os.WriteFile(b.ArtifactDir()+"/failed.png", b.picture(), 0o600))
		require.FailNow(b, why, "%v: %s\nthe page says: %s", err, js, eval[string](b, `document.body.innerText`))
	}
}

func (b *tab) picture() []byte {
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	require.NoError(b, err)
	return picture
}

func (b *tab) state(text string) {
	b.Helper()
	b.shows("#state", text)
}

// shows waits until the text of an element holds this.
func (b *tab) shows(selector, text string) {
	b.Helper()
	b.until(fmt.Sprintf(`document.querySelector(%q)?.innerText.includes(%q)`, selector, text), selector+" shows "+text)
}

// fill gives a field a value, as somebody does who types or chooses it.
func (b *tab) fill(selector, text string) *tab {
	b.Helper()
	require.True(b, eval[bool](b, fmt.Sprintf(`{
		const e = document.querySelector(%q);
		e.value = %q;
		e.dispatchEvent(new Event("change", { bubbles: true }));
		e.checkVisibility();
	}`, selector, text)), selector)
	return b
}

func (b *tab) click(selector string) *tab {
	b.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
	return b
}

// lines waits until that many are drawn.
func (b *tab) lines(n int, why string) {
	b.Helper()
	b.until(fmt.Sprintf(`document.querySelectorAll("#log .text").length === %d`, n), why)
}

// texts is the lines that are drawn.
func (b *tab) texts() []string {
	b.Helper()
	return eval[[]string](b, `Array.from(document.querySelectorAll("#log .text"), (e) => e.textContent)`)
}

// lifecycle makes a tab what a browser makes of those that nobody has looked at for long; it is
// then hidden, until front.
func (b *tab) lifecycle(state page.SetWebLifecycleStateState) {
	b.Helper()
	_, err := chromedp.Call(b.ctx, page.SetWebLifecycleState, page.SetWebLifecycleStateParams{State: state})
	require.NoError(b, err)
}

// front makes somebody look at the tab.
func (b *tab) front() {
	b.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	require.NoError(b, err)
}

type connz struct {
	Connections []struct {
		Name, Role string
		Position   int
	}
}

func (s *site) connz() (x connz) {
	s.Helper()
	answer, err := http.Get("http://" + s.addr + "/connz")
	require.NoError(s, err)
	defer answer.Body.Close()
	require.NoError(s, json.NewDecoder(answer.Body).Decode(&x))
	return x
}
