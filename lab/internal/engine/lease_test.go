package engine

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// volumes is an engine that keeps volumes, with a clock of its own.
type volumes struct {
	mu   sync.Mutex
	now  string
	kept map[string]map[string]any
}

func (f *volumes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	w.Header().Set("Content-Type", "application/json")
	switch {
	case name == "_ping":
		w.Header().Set("Api-Version", "1.41")
	case name == "create":
		var asked map[string]any
		_ = json.NewDecoder(r.Body).Decode(&asked)
		made := map[string]any{"Name": asked["Name"], "Labels": asked["Labels"], "CreatedAt": f.now}
		f.kept[asked["Name"].(string)] = made
		_ = json.NewEncoder(w).Encode(made)
	case r.Method == http.MethodDelete:
		delete(f.kept, name)
		w.WriteHeader(http.StatusNoContent)
	default:
		list := []any{}
		for _, v := range f.kept {
			list = append(list, v)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"Volumes": list})
	}
}

func serve(t *testing.T) (*volumes, *client.Client) {
	t.Helper()
	fake := &volumes{now: "2020-01-01T00:00:00Z", kept: map[string]map[string]any{}} // far from this machine's clock
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	api, err := client.New(client.WithHost("tcp://" + server.Listener.Addr().String()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, api.Close()) })
	return fake, api
}

func hold(t *testing.T, api *client.Client) (*Lease, *Folder) {
	t.Helper()
	own, err := NewFolder()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, own.Remove()) })
	held, err := HoldLease(t.Context(), api, own)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, held.Release(context.Background())) })
	return held, own
}

func TestLeaseIsRenewedBeforeTheOldOneGoes(t *testing.T) {
	fake, api := serve(t)
	held, _ := hold(t, api)
	for n := 2; n < 6; n++ {
		require.NoError(t, held.renew(t.Context(), n))
		assert.Len(t, fake.kept, 2, "the last two")
	}
	require.NoError(t, held.Release(t.Context()))
	assert.Empty(t, fake.kept)
}

func TestWhoIsDead(t *testing.T) {
	fake, api := serve(t)
	held, own := hold(t, api)
	read := func() Leases {
		all, err := ReadLeases(t.Context(), api)
		require.NoError(t, err)
		return all
	}
	assert.False(t, read().Dead(held.Owner()))
	assert.True(t, read().Dead("pubsublab-NOBODY"), "without a lease, and with no folder here")
	assert.False(t, read().Others(held.Owner()))

	// Another machine's owner, of whom only the engine knows.
	other := &Lease{api: api, owner: "pubsublab-ELSEWHERE"}
	require.NoError(t, other.renew(t.Context(), 1))
	at := func(now string, dead bool, why string) {
		fake.mu.Lock()
		fake.now = now
		fake.mu.Unlock()
		require.NoError(t, held.renew(t.Context(), len(now)+int(now[len(now)-2])))
		assert.Equal(t, dead, read().Dead(other.owner), why)
		assert.Equal(t, !dead, read().Others(held.Owner()))
	}
	at("2020-01-01T00:01:00Z", false, "it has just not run out")
	at("2020-01-01T00:01:01Z", true, "by the engine's clock")

	require.NoError(t, own.lock.Close()) // as the end of the process does
	assert.True(t, read().Dead(held.Owner()), "what its folder says comes first, at once")
}

func TestNobodyIsDeadWhereTheEngineTellsNoTime(t *testing.T) {
	fake, api := serve(t)
	all, err := ReadLeases(t.Context(), api)
	require.NoError(t, err)
	assert.False(t, all.Dead("pubsublab-SOMEBODY"), "no lease at all")
	fake.kept["x"] = map[string]any{"Name": "x", "Labels": map[string]string{leaseLabel: "x"}, "CreatedAt": "not a time"}
	all, err = ReadLeases(t.Context(), api)
	require.NoError(t, err)
	assert.False(t, all.Dead("pubsublab-SOMEBODY"))
}

func TestLivenessIsOfFoldersHereOnly(t *testing.T) {
	own, err := NewFolder()
	require.NoError(t, err)
	assert.Equal(t, alive, livenessOf(own.Name()))
	require.NoError(t, own.Remove())
	assert.Equal(t, unknown, livenessOf(own.Name()))
	assert.Equal(t, unknown, livenessOf("../"+own.Name()))
}
