package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/history"
	"pubsublab/lab/report"
	"pubsublab/lab/topology"
)

// A desk is a console of a fake lab, under a clock that only moves when all is quiet.
type desk struct {
	*fakeLab
	*Console
	t *testing.T
}

// onDesk runs a test at a desk.
func onDesk(t *testing.T, change func(*Config), test func(d *desk)) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLab(t)
		config := l.config()
		if change != nil {
			change(&config)
		}
		d := &desk{l, newConsole(config), t}
		d.server = &http.Server{}
		d.work.Go(d.watch)
		for _, n := range d.Console.nodes {
			d.begin(n)
		}
		test(d)
		require.NoError(t, d.Close())
	})
}

// ask sends an order with a token, and returns the status and the answer.
func (d *desk) ask(token string, o order) (int, string) {
	d.t.Helper()
	body, err := json.Marshal(o)
	require.NoError(d.t, err)
	request := httptest.NewRequest(http.MethodPost, "http://localhost/console/do", bytes.NewReader(body))
	request.Header.Set("Authorization", "Bearer "+token)
	recorder := httptest.NewRecorder()
	d.Handler().ServeHTTP(recorder, request)
	return recorder.Code, recorder.Body.String()
}

// do sends an order that is carried out.
func (d *desk) do(o order) {
	d.t.Helper()
	status, said := d.ask(d.token, o)
	require.Equal(d.t, http.StatusOK, status, said)
}

// now is what the page shows after a while.
func (d *desk) now(after time.Duration) state {
	d.t.Helper()
	time.Sleep(after) // of the fake clock
	request := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:1234/console/state", nil)
	recorder := httptest.NewRecorder()
	d.Handler().ServeHTTP(recorder, request)
	require.Equal(d.t, http.StatusOK, recorder.Code)
	var s state
	require.NoError(d.t, json.Unmarshal(recorder.Body.Bytes(), &s))
	return s
}

func (s *state) node(t *testing.T, name string) nodeState {
	t.Helper()
	for _, n := range s.Nodes {
		if n.Name == name {
			return n
		}
	}
	t.Fatalf("no node %s", name)
	return nodeState{}
}

// allRight asserts that nothing is wrong with so many lines at least.
func (s *state) allRight(t *testing.T, lines int) {
	t.Helper()
	assert.GreaterOrEqual(t, s.Lines, lines)
	assert.Zero(t, s.Lost+s.Doubled+s.Reordered+s.Invented+s.Other+s.Unknown, "%+v", s)
}

// The demo from its beginning to its end: a script of five lines, and everybody has all.
func TestScriptIsTypedOnce(t *testing.T) {
	onDesk(t, nil, func(d *desk) {
		s := d.now(2500 * time.Millisecond)
		s.allRight(t, 3)
		assert.Equal(t, 3, s.node(t, "sub-1").Lines)
		assert.Equal(t, []string{"kill", "freeze", "cut"}, s.node(t, "server").Actions)
		s = d.now(5 * time.Second)
		s.allRight(t, 5)
		assert.Equal(t, "ended with exit code 0", s.node(t, "pub").Text)
		assert.False(t, s.node(t, "pub").Failed)
		h := d.History()
		assert.Equal(t, []history.Publisher{{Name: "keeper", Topic: "sea", Sent: []string{"a", "b", "c", "d", "e"}, Acked: 5}}, h.Publishers)
		assert.Len(t, h.Subscribers[1].Received, 5)
		assert.NotZero(t, h.Subscribers[1].Received[0].Arrived)
	})
}

// A demo that is kept going sends its script again and again, at the pace that it is told, and ends
// with a whole script once it is not kept going any more.
func TestKeepAndPace(t *testing.T) {
	kept := 0
	onDesk(t, func(c *Config) { c.Keep = true; c.Kept = func() { kept++ } }, func(d *desk) {
		s := d.now(20500 * time.Millisecond)
		s.allRight(t, 20)
		assert.Equal(t, 21, s.node(t, "sub-1").Lines)
		d.do(order{Do: "pace", Pace: 0})
		s = d.now(10 * time.Second)
		assert.Equal(t, 21, s.node(t, "sub-1").Lines)
		d.do(order{Do: "pace", Pace: 100})
		s = d.now(2 * time.Second)
		s.allRight(t, 150)
		assert.InDelta(t, 221, s.node(t, "sub-1").Lines, 3)
		assert.True(t, d.Keep())
		d.do(order{Do: "keep", Keep: false})
		assert.False(t, d.Keep())
		assert.Equal(t, 1, kept)
		s = d.now(time.Second)
		assert.Equal(t, "ended", s.node(t, "pub").State)
		assert.Zero(t, s.node(t, "sub-1").Lines%5)
		status, said := d.ask(d.token, order{Do: "pace", Pace: -1})
		assert.Equal(t, http.StatusConflict, status, said)
	})
}

// TestActions: each button does what it says, once, and is there when it can be pressed.
func TestActions(t *testing.T) {
	for _, test := range []struct{ do, state, undo string }{
		{kill, "ended", restart}, {freeze, "frozen", thaw}, {cut, "cut", reconnect},
	} {
		for _, name := range []string{"server", "sub-1", "pub"} {
			t.Run(test.do+" "+name, func(t *testing.T) {
				onDesk(t, func(c *Config) { c.Keep = true }, func(d *desk) {
					d.now(3 * time.Second)
					d.do(order{Do: test.do, Node: name, Guess: waits})
					s := d.now(100 * time.Millisecond)
					assert.Equal(t, test.state, s.node(t, name).State)
					assert.Contains(t, s.node(t, name).Actions, test.undo)
					assert.False(t, s.node(t, name).Failed, "somebody did it")
					status, said := d.ask(d.token, order{Do: test.do, Node: name})
					assert.Equal(t, http.StatusConflict, status, said)
					d.now(4 * time.Second)
					d.do(order{Do: test.undo, Node: name})
					s = d.now(10 * time.Second)
					assert.Equal(t, "running", s.node(t, name).State)
					s.allRight(t, 10)
					assert.True(t, s.Results[0].Over)
					assert.Equal(t, name == "server", s.Results[0].Right, "%+v", s.Results[0])
					assert.NotEmpty(t, s.Results[0].Guaranty.Promise)
				})
			})
		}
	}
}

// A broker that loses its memory with lines in it that one subscriber has not received.
func TestTrialTellsWhatWasLost(t *testing.T) {
	onDesk(t, func(c *Config) { c.Keep = true }, func(d *desk) {
		d.now(3500 * time.Millisecond)
		d.do(order{Do: freeze, Node: "sub-2"})
		d.now(5 * time.Second)
		unread := d.unread("sub-2")
		assert.GreaterOrEqual(t, unread, 4)
		d.do(order{Do: kill, Node: "server", Guess: lost})
		d.do(order{Do: thaw, Node: "sub-2"})
		d.do(order{Do: restart, Node: "server"})
		s := d.now(10 * time.Second)
		assert.Equal(t, unread, s.Lost)
		assert.Equal(t, []guess{lost}, s.Results[0].Outcome)
		assert.True(t, s.Results[0].Right)
		assert.Equal(t, unread, s.Results[0].Lost)
		assert.False(t, s.Results[1].Right, "nothing was guessed")
	})
}

// What a subscriber is not given shows within a second, and stays.
func TestVerdictFindsALostLine(t *testing.T) {
	onDesk(t, func(c *Config) { c.Keep = true }, func(d *desk) {
		d.now(3 * time.Second)
		d.lose("sub-1")
		s := d.now(3 * time.Second)
		assert.Equal(t, 1, s.Lost)
		assert.Contains(t, s.Faults[0], "sub-1: lost 1 line")
		d.do(order{Do: kill, Node: "sub-1"})
		d.do(order{Do: restart, Node: "sub-1"})
		s = d.now(3 * time.Second)
		assert.Equal(t, 1, s.Lost)
	})
}

// A publisher that is killed while it has lines that it has not brought goes on with them.
func TestKilledPublisherGoesOn(t *testing.T) {
	onDesk(t, func(c *Config) { c.Keep = true }, func(d *desk) {
		d.now(2500 * time.Millisecond)
		d.do(order{Do: freeze, Node: "pub"})
		d.now(3 * time.Second)
		d.do(order{Do: kill, Node: "pub"})
		d.do(order{Do: restart, Node: "pub"})
		s := d.now(10 * time.Second)
		s.allRight(t, 10)
		assert.InDelta(t, s.node(t, "pub").Lines, s.node(t, "sub-1").Lines, 1)
	})
}

func TestAdd(t *testing.T) {
	onDesk(t, func(c *Config) { c.Keep = true }, func(d *desk) {
		d.now(3500 * time.Millisecond)
		d.do(order{Do: "add", Role: "subscriber"})
		d.do(order{Do: "add", Role: "publisher"})
		s := d.now(2250 * time.Millisecond) // between two lines of either publisher
		assert.Equal(t, "added-2", s.node(t, "publisher-added-2").As)
		assert.Equal(t, s.node(t, "sub-1").Lines, s.node(t, "subscriber-added-1").Lines)
		s.allRight(t, 7)
		for range MostAdded - 2 {
			d.do(order{Do: "add", Role: "subscriber"})
		}
		status, said := d.ask(d.token, order{Do: "add", Role: "subscriber"})
		assert.Equal(t, http.StatusConflict, status, said)
	})
}

func TestRefusals(t *testing.T) {
	onDesk(t, func(c *Config) { c.Keep = true; c.NoCut = "they are fakes" }, func(d *desk) {
		s := d.now(time.Second)
		assert.Equal(t, []string{"kill", "freeze"}, s.node(t, "server").Actions)
		for _, token := range []string{"", "wrong", d.token + "x", d.token[1:]} {
			status, said := d.ask(token, order{Do: kill, Node: "server"})
			assert.Equal(t, http.StatusUnauthorized, status, said)
		}
		for _, o := range []order{
			{Do: kill, Node: "nobody"}, {Do: cut, Node: "server"}, {Do: "explode", Node: "server"}, {Do: restart, Node: "server"},
			{Do: kill, Node: "server", Guess: "perhaps"}, {Do: "add", Role: "broker"}, {Do: "scenario", Scenario: "9"}, {Do: "scenario", Scenario: "4"}, {},
		} {
			status, said := d.ask(d.token, o)
			assert.Equal(t, http.StatusConflict, status, "%+v: %s", o, said)
		}
		d.fakes["server"].failing = errors.New("the engine is on fire")
		status, said := d.ask(d.token, order{Do: freeze, Node: "server"})
		assert.Equal(t, http.StatusConflict, status)
		assert.Contains(t, said, "the engine is on fire")
		d.fakes["server"].failing = nil
		s = d.now(time.Second)
		assert.Equal(t, "running", s.node(t, "server").State)
	})
}

// TestStrangers: pages of others, and those whose name was made to lead here.
func TestStrangers(t *testing.T) {
	onDesk(t, nil, func(d *desk) {
		for name, test := range map[string]struct {
			method, path, host string
			header             [2]string
			status             int
		}{
			"rebinding":         {"GET", "/console/state", "evil.example", [2]string{}, http.StatusForbidden},
			"rebinding a port":  {"GET", "/connz", "evil.example:8080", [2]string{}, http.StatusForbidden},
			"foreign origin":    {"POST", "/console/do", "127.0.0.1:8080", [2]string{"Origin", "http://evil.example"}, http.StatusForbidden},
			"foreign publisher": {"POST", "/publish", "127.0.0.1:8080", [2]string{"Origin", "http://evil.example"}, http.StatusForbidden},
			"foreign site":      {"POST", "/console/do", "localhost", [2]string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
			"other port":        {"POST", "/console/do", "127.0.0.1:8080", [2]string{"Origin", "http://127.0.0.1:8081"}, http.StatusForbidden},
			"own origin":        {"POST", "/console/do", "127.0.0.1:8080", [2]string{"Origin", "http://127.0.0.1:8080"}, http.StatusUnauthorized},
			"a look":            {"GET", "/console/state", "[::1]:8080", [2]string{}, http.StatusOK},
			"an action by GET":  {"GET", "/console/do", "localhost", [2]string{}, http.StatusNotFound},
			"no broker":         {"GET", "/connz", "localhost", [2]string{}, http.StatusBadGateway},
		} {
			request := httptest.NewRequest(test.method, "http://"+test.host+test.path, nil)
			if test.header[0] != "" {
				request.Header.Set(test.header[0], test.header[1])
			}
			recorder := httptest.NewRecorder()
			d.Handler().ServeHTTP(recorder, request)
			assert.Equal(t, test.status, recorder.Code, name)
		}
	})
}

// TestFailedNode: a node that fails by itself is told as such, with its last words.
func TestFailedNode(t *testing.T) {
	onDesk(t, nil, func(d *desk) {
		d.now(time.Second)
		d.fail("sub-1", 1)
		s := d.now(time.Second)
		n := s.node(t, "sub-1")
		assert.True(t, n.Failed)
		assert.Equal(t, "ended with exit code 1", n.Text)
		assert.Equal(t, []string{"last words of sub-1"}, n.Last)
	})
}

// TestRelease: at the end nobody stays frozen or cut off, and nothing more is done.
func TestRelease(t *testing.T) {
	onDesk(t, func(c *Config) { c.Keep = true }, func(d *desk) {
		d.do(order{Do: freeze, Node: "sub-1"})
		d.do(order{Do: cut, Node: "pub"})
		d.Release()
		assert.False(t, d.fakes["sub-1"].frozen || d.fakes["pub"].cut)
		assert.False(t, d.Keep())
		for _, o := range []order{{Do: kill, Node: "server"}, {Do: "add", Role: "subscriber"}, {Do: "keep", Keep: true}, {Do: "scenario", Scenario: "1"}} {
			status, said := d.ask(d.token, o)
			assert.Equal(t, http.StatusServiceUnavailable, status, said)
		}
		s := d.now(0)
		assert.True(t, s.Ending)
		assert.Empty(t, s.node(t, "server").Actions)
	})
}

// TestVerdictIsShown: a page that is open sees the verdict before the console goes, be its browser
// ever so busy.
func TestVerdictIsShown(t *testing.T) {
	onDesk(t, nil, func(d *desk) {
		began := time.Now()
		d.Show(d.t.Context(), report.Verdict{Level: "good"})
		assert.Zero(t, time.Since(began), "nobody has asked yet")
		d.now(0)
		d.Console.verdict, d.told = nil, make(chan struct{})
		shown := make(chan struct{})
		go func() {
			defer close(shown)
			d.Show(d.t.Context(), report.Verdict{Level: "good", Headline: "Every subscriber received every line, in one order."})
		}()
		synctest.Wait()
		s := d.now(5 * time.Second)
		<-shown
		assert.Equal(t, "good", s.Verdict.Level)
		assert.Equal(t, 5*time.Second, time.Since(began))
	})
}

func TestType(t *testing.T) {
	topo, err := topology.Load("../../compose.yaml")
	require.NoError(t, err)
	scripts, err := Type(topo)
	require.NoError(t, err)
	require.Len(t, scripts, 2)
	assert.InDelta(t, 3, scripts["publisher-1"].Rate, 0)
	assert.NotEmpty(t, scripts["publisher-2"].Lines)
	flag, _ := topo.Spec("publisher-1").Flag("script")
	assert.Equal(t, "-", flag)
}

// What the publisher would refuse is not hidden from it.
func TestTypeOfABadRate(t *testing.T) {
	for _, rate := range []string{"-1", "fast", "nan"} {
		topo, err := topology.Load("../../compose.yaml")
		require.NoError(t, err)
		topo.Spec("publisher-1").SetFlag("rate", rate)
		topo.Spec("publisher-2").SetFlag("rate", "0")
		scripts, err := Type(topo)
		require.NoError(t, err)
		assert.NotContains(t, scripts, "publisher-1")
		flag, _ := topo.Spec("publisher-1").Flag("rate")
		assert.Equal(t, rate, flag)
		assert.InDelta(t, mostPace, scripts["publisher-2"].Rate, 0)
	}
}
