package topology

import (
	"archive/tar"
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/internal/engine"
)

func TestClean(t *testing.T) {
	api := newFakeAPI()
	host := api.serve(t)
	d := meet(t, host)
	api.networks["a dead one's"] = map[string]string{engine.OwnerLabel: "pubsublab-dead"}
	api.networks["its own"] = map[string]string{engine.OwnerLabel: d.lease.Owner()}
	api.images = []image.Summary{
		{ID: "sha256:0123456789abcdef", RepoTags: []string{"pubsublab/server:local"}, Size: 10, Created: 2, Labels: map[string]string{imageLabel: "server"}},
		{ID: "sha256:1123456789abcdef", RepoTags: []string{"<none>:<none>"}, Size: 300, Created: 1, Labels: map[string]string{imageLabel: "build"}},
		{ID: "sha256:2123456789abcdef", Size: 9, Created: 3, Labels: map[string]string{imageLabel: "client"}},
		{ID: "sha256:3123456789abcdef", RepoTags: []string{"registry.example/ours:1"}, Labels: map[string]string{imageLabel: "server"}},
	}
	run := func(dry bool) (said []Leftover) {
		_, err := d.clean(t.Context(), dry, func(l Leftover) { said = append(said, l) })
		require.NoError(t, err)
		return said
	}
	orphan := Leftover{Kind: "network", Name: "a dead one's"}
	images := []Leftover{
		{Kind: "image", Name: "2123456789ab, an older client", Size: 9},
		{Kind: "image", Name: "pubsublab/server:local", Size: 10},
		{Kind: "image", Name: "1123456789ab, a stage of a build", Size: 300},
	}
	assert.Equal(t, append([]Leftover{orphan}, images...), run(true))
	assert.Len(t, api.networks, 2, "a dry run removes nothing")
	assert.Len(t, api.images, 4)

	other := meet(t, host)
	said := run(false)
	require.Len(t, said, 4)
	assert.Equal(t, orphan, said[0])
	for _, image := range said[1:] {
		assert.Equal(t, errLabRuns, image.Kept, image.Name)
	}
	assert.Len(t, api.networks, 1, "what belongs to the dead goes all the same")
	assert.Len(t, api.images, 4, "another lab runs")

	require.NoError(t, other.lease.Release(t.Context()))
	assert.Equal(t, images, run(false))
	require.Len(t, api.images, 1)
	assert.Equal(t, []string{"registry.example/ours:1"}, api.images[0].RepoTags, "somebody gave it a name of his own")
	assert.Contains(t, api.networks, "its own")
}

func TestCleanImagesOfAnEngine(t *testing.T) {
	t.Parallel()
	deployment, d, _ := openServer(t)
	label := imageLabel + "=test-" + deployment.id
	size := func() int {
		list, err := d.api.ImageList(t.Context(), client.ImageListOptions{Filters: client.Filters{}.Add("label", label)})
		require.NoError(t, err)
		return len(list.Items)
	}
	ours, others := "pubsublab/test:"+deployment.id, "elsewhere/test:"+deployment.id
	for _, name := range []string{ours, "", others} {
		importNothing(t, d, name, label)
	}
	t.Cleanup(func() { _, _ = d.api.ImageRemove(t.Context(), others, client.ImageRemoveOptions{}) })
	require.Equal(t, 3, size())
	var names []string
	require.NoError(t, d.cleanImages(t.Context(), label, false, false, func(l Leftover) {
		assert.NoError(t, l.Kept)
		names = append(names, l.Name)
	}))
	assert.Len(t, names, 2)
	assert.Contains(t, names, ours)
	assert.Equal(t, 1, size(), "that with another name stays")
}

// importNothing makes an image that differs from all others by the time.
func importNothing(t *testing.T, d *docker, name, label string) {
	t.Helper()
	var packed bytes.Buffer
	out := tar.NewWriter(&packed)
	require.NoError(t, writeFile(out, "now", 0o600, 30, bytes.NewReader([]byte(time.Now().Format("2006-01-02T15:04:05.000000000Z")))))
	require.NoError(t, out.Close())
	result, err := d.api.ImageImport(t.Context(), client.ImageImportSource{Source: &packed, SourceName: "-"}, name,
		client.ImageImportOptions{Changes: []string{"LABEL " + label}})
	require.NoError(t, err)
	defer result.Close()
	_, err = io.Copy(io.Discard, result)
	require.NoError(t, err)
}
