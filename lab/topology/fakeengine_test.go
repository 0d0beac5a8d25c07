package topology

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/image"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/internal/engine"
)

// A fakeAPI speaks those few calls of the engine's API by which the lab meets an engine and clears
// up.
type fakeAPI struct {
	name    string // of the component that the version tells
	version string

	mu       sync.Mutex
	now      time.Time
	networks map[string]map[string]string // labels by name
	volumes  map[string]fakeVolume
	images   []image.Summary
	calls    []string
}

type fakeVolume struct {
	Name      string
	CreatedAt string
	Labels    map[string]string
}

func newFakeAPI() *fakeAPI {
	return &fakeAPI{
		name: "Engine", version: "20.10.24", now: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), // far from this machine's clock
		networks: map[string]map[string]string{}, volumes: map[string]fakeVolume{},
	}
}

// serve makes the fake listen, and returns the address for DOCKER_HOST.
func (f *fakeAPI) serve(t *testing.T) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "engine.sock")
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: f}}
	server.Start()
	t.Cleanup(server.Close)
	return "unix://" + socket
}

var versionPrefix = regexp.MustCompile(`^/v\d+\.\d+`)

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	call := r.Method + " " + versionPrefix.ReplaceAllString(r.URL.Path, "")
	f.calls = append(f.calls, call)
	answer := func(body any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(body)
	}
	var filters struct{ Label map[string]bool }
	_ = json.Unmarshal([]byte(r.URL.Query().Get("filters")), &filters)
	wanted := func(labels map[string]string) bool {
		for label := range filters.Label {
			if labels[label] == "" {
				return false
			}
		}
		return true
	}
	name := call[strings.LastIndex(call, "/")+1:]
	switch {
	case strings.HasSuffix(call, "/_ping"):
		w.Header().Set("Api-Version", "1.41")
	case call == "GET /version":
		answer(map[string]any{"Version": f.version, "ApiVersion": "1.41", "Os": "linux", "Arch": "amd64",
			"Components": []map[string]string{{"Name": f.name, "Version": f.version}}})
	case call == "GET /info":
		answer(map[string]any{"ServerVersion": f.version})
	case call == "GET /containers/json":
		answer([]any{})
	case call == "GET /networks":
		list := []any{}
		for name, labels := range f.networks {
			if !wanted(labels) {
				continue
			}
			list = append(list, map[string]any{"Id": name, "Name": name, "Labels": labels})
		}
		answer(list)
	case call == "GET /images/json":
		answer(slices.DeleteFunc(slices.Clone(f.images), func(i image.Summary) bool {
			for label := range filters.Label {
				key, value, one := strings.Cut(label, "=")
				if found, ok := i.Labels[key]; !ok || one && found != value {
					return true
				}
			}
			return false
		}))
	case strings.HasPrefix(call, "DELETE /images/"):
		f.images = slices.DeleteFunc(f.images, func(i image.Summary) bool { return i.ID == name || slices.Contains(i.RepoTags, "pubsublab/"+name) })
		answer([]any{})
	case strings.HasPrefix(call, "DELETE /networks/"):
		delete(f.networks, name)
		w.WriteHeader(http.StatusNoContent)
	case call == "GET /volumes":
		list := []fakeVolume{}
		for _, v := range f.volumes {
			if wanted(v.Labels) {
				list = append(list, v)
			}
		}
		answer(map[string]any{"Volumes": list})
	case call == "POST /volumes/create":
		var v fakeVolume
		_ = json.NewDecoder(r.Body).Decode(&v)
		v.CreatedAt = f.now.Format(time.RFC3339)
		f.volumes[v.Name] = v
		answer(v)
	case strings.HasPrefix(call, "DELETE /volumes/"):
		delete(f.volumes, name)
		w.WriteHeader(http.StatusNoContent)
	default:
		http.Error(w, fmt.Sprintf(`{"message":"the fake engine does not know %s"}`, call), http.StatusNotImplemented)
	}
}

// meet makes a backend that uses the engine at host, with a folder and a lease of its own.
func meet(t *testing.T, host string) *docker {
	t.Helper()
	t.Setenv("DOCKER_HOST", host)
	at, err := engine.Find()
	require.NoError(t, err)
	own, err := engine.NewFolder()
	require.NoError(t, err)
	d, _, err := dialDocker(t.Context(), at, own)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, d.close())
		require.NoError(t, own.Remove())
	})
	return d
}
