package topology

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"

	"pubsublab/lab/history"
)

// blind puts a proxy before the engine that hides this machine's folders from it, as another
// machine does or a container in which the lab runs, and returns its address.
func blind(t *testing.T, d *docker) string {
	t.Helper()
	dial, elsewhere := d.api.Dialer(), t.TempDir()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "engine"})
			if !strings.HasSuffix(r.In.URL.Path, "/containers/create") {
				return
			}
			body, err := io.ReadAll(r.In.Body)
			assert.NoError(t, err)
			quoted, err := json.Marshal(os.TempDir() + string(filepath.Separator) + "pubsublab-")
			assert.NoError(t, err)
			path := bytes.Trim(quoted, `"`)
			hidden := []byte(filepath.ToSlash(elsewhere)) // below which Podman makes what is missing
			body = bytes.ReplaceAll(body, path, append(hidden, path...))
			r.Out.Body, r.Out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			r.Out.Header.Set("Content-Length", strconv.Itoa(len(body)))
		},
		FlushInterval: -1,
	}
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "engine.sock"))
	require.NoError(t, err)
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: proxy}}
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		transport.CloseIdleConnections()
	})
	return "unix://" + listener.Addr().String()
}

func TestEngineThatDoesNotSeeOurFolders(t *testing.T) {
	seeing := containerEngine.get(t).backend.(*docker)
	t.Setenv("DOCKER_HOST", blind(t, seeing))
	deployment, d, out := openContainersOn(t, &madeEngine{mode: Containers}, func(topo *Topology) {
		topo.Remove("publisher-2", "subscriber-2")
		topo.Spec("publisher-1").SetFlag("rate", "30")
		topo.Spec("subscriber-1").SetFlag("publishers", "1")
	})
	require.NoError(t, deployment.Start(t.Context()))
	assert.True(t, d.copies.Load(), "binding has failed and copying has not")

	node := deployment.Node("subscriber-1")
	grown := func() bool {
		text, err := os.ReadFile(node.Transcript())
		return err == nil && bytes.Contains(text, []byte("\n"))
	}
	require.Eventually(t, grown, time.Minute, 10*time.Millisecond, "the transcript grows: %q", out.of("subscriber-1"))
	assert.False(t, node.ended(), "while the subscriber runs")
	info, err := node.run.(*containerNode).ctr.Inspect(t.Context())
	require.NoError(t, err)
	assert.True(t, info.HostConfig.ReadonlyRootfs, "all else is as the file says")
	for _, name := range []string{"publisher-1", "subscriber-1"} {
		code, err := deployment.Node(name).Wait(t.Context())
		require.NoError(t, err)
		require.Zero(t, code, "%s: %q", name, out.of(name))
	}
	h, err := deployment.History()
	require.NoError(t, err)
	report := history.Check(h)
	assert.True(t, report.OK(), "%s", report)
	sent, err := deployment.Node("publisher-1").Spec.Lines()
	require.NoError(t, err)
	assert.Equal(t, len(sent), report.Lines)
}

// In a checkout under umask 077 nobody else may read the scripts, and a container's user is
// somebody else.
func TestScriptsThatOnlyTheirOwnerMayRead(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "checkout")
	require.NoError(t, os.Mkdir(dir, 0o700))
	own := filepath.Join(dir, "script.txt")
	require.NoError(t, os.WriteFile(own, []byte("only for my eyes\n"), 0o600))
	deployment, _, out := openContainers(t, func(topo *Topology) {
		topo.Remove("publisher-2", "subscriber-1", "subscriber-2")
		publisher := topo.Spec("publisher-1")
		publisher.SetFlag("script", "/own.txt")
		publisher.service.Volumes = []types.ServiceVolumeConfig{{Type: types.VolumeTypeBind, Source: own, Target: "/own.txt", ReadOnly: true}}
	})
	require.NoError(t, deployment.Start(t.Context()))
	code, err := deployment.Node("publisher-1").Wait(t.Context())
	require.NoError(t, err)
	assert.Zero(t, code, "%q", out.of("publisher-1"))
}

// serveContainer is an engine with one container, of which only so much is known as handle answers.
func serveContainer(t *testing.T, n *Node, handle http.HandlerFunc) *containerNode {
	t.Helper()
	api := newFakeAPI()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/containers/it/") || strings.Contains(r.URL.Path, "/exec/") {
			handle(w, r)
			return
		}
		api.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	d := meet(t, "tcp://"+server.Listener.Addr().String())
	return &containerNode{docker: d, api: d.api, at: d.at, ctr: &testcontainers.DockerContainer{ID: "it"}, node: n}
}

// A transcript is copied as it grows, and an archive that was torn by its growth costs nothing.
func TestCopyTranscript(t *testing.T) {
	var mu sync.Mutex
	transcript, torn := "", false
	reads := make(chan string, 100)
	deployment := &Deployment{dir: t.TempDir()}
	node := newNode(deployment, &Spec{Name: "s", Role: Subscriber})
	_, err := deployment.folder("s")
	require.NoError(t, err)
	run := serveContainer(t, node, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		assert.Equal(t, "/pubsublab/node/received", r.URL.Query().Get("path"))
		if transcript == "" {
			http.Error(w, `{"message":"no such file"}`, http.StatusNotFound)
			return
		}
		stat, err := json.Marshal(map[string]any{"name": "received", "size": len(transcript)})
		assert.NoError(t, err)
		w.Header().Set("X-Docker-Container-Path-Stat", base64.StdEncoding.EncodeToString(stat))
		if r.Method == http.MethodHead {
			return
		}
		out := tar.NewWriter(w)
		assert.NoError(t, out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "received", Size: int64(len(transcript)), Mode: 0o644}))
		text := transcript
		if torn {
			text, torn = text[:len(text)-3], false
		} else {
			defer out.Close()
		}
		_, err = io.WriteString(out, text)
		assert.NoError(t, err)
		reads <- text
	})
	set := func(text string, broken bool) {
		mu.Lock()
		defer mu.Unlock()
		transcript, torn = text, broken
	}
	end, copied := make(chan struct{}), make(chan error, 1)
	go func() { copied <- run.copyTranscript(t.Context(), end) }()
	set("one\n", false)
	assert.Equal(t, "one\n", <-reads)
	set("one\ntwo\nthree\n", true)
	assert.Equal(t, "one\ntwo\nthr", <-reads, "torn")
	assert.Equal(t, "one\ntwo\nthree\n", <-reads, "and again")
	set("one\ntwo\nthree\nfour\n", false)
	close(end)
	require.NoError(t, <-copied)
	text, err := os.ReadFile(node.Transcript())
	require.NoError(t, err)
	assert.Equal(t, "one\ntwo\nthree\nfour\n", string(text))
}

// What is copied can be read by a container's user, whatever the modes are here.
func TestCopiesAreReadable(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "conf", "below"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "conf", "below", "file"), []byte("f"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "script.txt"), []byte("s"), 0o600))
	parts := shared{copied: true, binds: []types.ServiceVolumeConfig{
		{Source: filepath.Join(dir, "script.txt"), Target: "/script.txt"}, {Source: filepath.Join(dir, "conf"), Target: "/etc/conf"},
	}}
	packed, err := parts.archive()
	require.NoError(t, err)
	got := map[string]int64{}
	for reader := tar.NewReader(packed); ; {
		header, err := reader.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		got[header.Name] = header.Mode
	}
	assert.Equal(t, map[string]int64{"node/": 0o777, "0": 0o444, "1": 0o755, "1/below": 0o755, "1/below/file": 0o444}, got)
	assert.Equal(t, []string{"--script=/pubsublab/0", "--config", "/pubsublab/1/below/file", "server", "5000"},
		parts.rewriter().args([]string{"--script=/script.txt", "--config", "/etc/conf/below/file", "server", "5000"}))
	assert.Equal(t, "/pubsublab/node/received", parts.output())
	parts.copied = false
	assert.Equal(t, []string{"--script=/script.txt"}, parts.rewriter().args([]string{"--script=/script.txt"}))
	assert.Equal(t, "/transcripts/received", parts.output())
}

// The lab runs a health check itself, and believes no engine that says it is starting.
func TestCheckInAContainer(t *testing.T) {
	codes := map[string][]int{"created-1": {-1, -1, 1}, "created-2": {0}} // of each look at an exec; -1 while it runs
	created := 0
	spec := &Spec{Name: "server"}
	spec.service.HealthCheck = &types.HealthCheckConfig{Test: []string{"CMD", "/server", "healthcheck"}}
	run := serveContainer(t, newNode(&Deployment{}, spec), func(w http.ResponseWriter, r *http.Request) {
		path := versionPrefix.ReplaceAllString(r.URL.Path, "")
		exec := strings.Split(path, "/")[2]
		switch {
		case path == "/containers/it/exec":
			var asked struct{ Cmd []string }
			assert.NoError(t, json.NewDecoder(r.Body).Decode(&asked))
			assert.Equal(t, []string{"/server", "healthcheck"}, asked.Cmd)
			created++
			fmt.Fprintf(w, `{"Id":"created-%d"}`, created)
		case strings.HasSuffix(path, "/start"):
			conn, _, err := w.(http.Hijacker).Hijack()
			if assert.NoError(t, err) {
				fmt.Fprint(conn, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n\x02\x00\x00\x00\x00\x00\x00\x04not!")
				conn.Close()
			}
		default:
			code := codes[exec][0]
			codes[exec] = codes[exec][1:]
			fmt.Fprintf(w, `{"ID":%q,"Running":%t,"ExitCode":%d}`, exec, code < 0, max(code, 0))
		}
	})
	said, err := run.check(t.Context())
	assert.EqualError(t, err, "exit code 1")
	assert.Equal(t, "not!", string(said))
	assert.NoError(t, run.probe(t.Context()), "the second one passes")
	assert.Equal(t, 2, created)
}

// Podman makes the folders that it lacks, rather than to say so.
func TestFilesThatAContainerDoesNotHave(t *testing.T) {
	here := filepath.Join(t.TempDir(), "script.txt")
	require.NoError(t, os.WriteFile(here, []byte("four"), 0o600))
	parts := shared{binds: []types.ServiceVolumeConfig{{Source: here, Target: "/script.txt"}}}
	for what, c := range map[string]struct {
		mode os.FileMode
		size int
		sees bool
	}{
		"the file":        {0o444, 4, true},
		"a folder":        {os.ModeDir | 0o755, 4, false},
		"another file":    {0o444, 5, false},
		"nothing of that": {0, -1, false},
	} {
		unit := serveContainer(t, newNode(&Deployment{}, &Spec{Name: "p"}), func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, "/script.txt", r.URL.Query().Get("path"))
			if c.size < 0 {
				http.Error(w, `{"message":"no such file"}`, http.StatusNotFound)
				return
			}
			stat, err := json.Marshal(map[string]any{"name": "script.txt", "size": c.size, "mode": c.mode})
			assert.NoError(t, err)
			w.Header().Set("X-Docker-Container-Path-Stat", base64.StdEncoding.EncodeToString(stat))
		})
		err := unit.seesFiles(t.Context(), parts)
		assert.Equal(t, c.sees, err == nil, "%s: %v", what, err)
		assert.Equal(t, c.sees, unit.docker.sees.Load(), what)
	}
}
