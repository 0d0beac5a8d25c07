package topology

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/internal/engine"
)

// belongsTo makes a network of a deployment of that owner.
func (d *docker) belongsTo(t *testing.T, owner string) string {
	t.Helper()
	name := "pubsublab-test-" + owner
	_, err := d.api.NetworkCreate(t.Context(), name, client.NetworkCreateOptions{Labels: map[string]string{engine.OwnerLabel: owner, deploymentLabel: owner}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.removeDeployment(t.Context(), owner) })
	return name
}

// elsewhere hides the folder of an owner, as another machine, container or distribution that shares
// the engine does.
func elsewhere(t *testing.T, d *docker) {
	t.Helper()
	own := filepath.Join(os.TempDir(), d.lease.Owner())
	require.NoError(t, os.Rename(own, own+"-hidden"))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(own+"-hidden")) })
}

func TestOrphansOfAnOwnerElsewhere(t *testing.T) {
	api := newFakeAPI()
	host := api.serve(t)
	first, second := meet(t, host), meet(t, host)
	elsewhere(t, first)
	owner := first.lease.Owner()
	api.networks["its network"] = map[string]string{engine.OwnerLabel: owner}
	api.networks["nobody's"] = map[string]string{deploymentLabel: "of a version without leases"}
	later := func(by time.Duration) { // the second one renews, the first does not
		api.mu.Lock()
		defer api.mu.Unlock()
		api.now = api.now.Add(by)
		api.volumes["renewed"] = fakeVolume{Name: "renewed", CreatedAt: api.now.Format(time.RFC3339),
			Labels: map[string]string{"pubsublab.lease": second.lease.Owner()}}
	}

	later(time.Minute)
	engine.RemoveOrphans(t.Context(), second.api.Client, second.lease)
	assert.Contains(t, api.networks, "its network", "its lease has not run out")
	later(time.Second)
	engine.RemoveOrphans(t.Context(), second.api.Client, second.lease)
	assert.Equal(t, []string{"nobody's"}, slices.Collect(maps.Keys(api.networks)))
	for name, v := range api.volumes {
		assert.NotEqual(t, owner, v.Labels["pubsublab.lease"], "the lease %s goes too", name)
	}
	assert.NotEmpty(t, api.volumes, "the second one's lease stays")
}

func TestContainersOfALivingLabElsewhereStay(t *testing.T) {
	deployment, d, _ := openContainersOn(t, &madeEngine{mode: Containers}, serverAlone)
	require.NoError(t, deployment.Start(t.Context()))
	elsewhere(t, d)
	second := meet(t, d.at.Host)
	dead := second.belongsTo(t, "pubsublab-NOLEASE")
	engine.RemoveOrphans(t.Context(), second.api.Client, second.lease)
	assert.Len(t, d.left(t, deployment), 2, "the container and the network of a living lab, whose folder is not to be seen")
	assert.False(t, deployment.Node("server").ended())
	found, err := engine.List(t.Context(), second.api.Client, engine.OwnerLabel)
	require.NoError(t, err)
	for _, n := range found.Networks {
		assert.NotContains(t, n.Labels[engine.OwnerLabel], "NOLEASE", "%s is nobody's", dead)
	}
}
