// Package gallery_test shows that each entry of the gallery has its fault and
// that the correct entries have none of them.
package gallery_test

import (
	"flag"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"pubsublab/lab/grade/gallery"
)

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "16") // the tests wait more than they work; the command line still wins
	goleak.VerifyTestMain(m)
}

func TestGallery(t *testing.T) {
	entries, err := gallery.Prepare(t.Context(), ".", t.TempDir())
	require.NoError(t, err)
	correct := map[[2]string]gallery.Entry{} // by language and framing
	for _, entry := range entries {
		if entry.Fault == "" {
			correct[[2]string{entry.Language, entry.Framing}] = entry
		}
	}
	require.Len(t, correct, 4)
	for _, entry := range entries {
		t.Run(entry.Name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath("python3"); entry.Language == "python" && err != nil {
				t.Skip("python3 is not installed:", err)
			}
			if entry.Fault == "" {
				conversation(newRig(t, entry))
				return
			}
			shows := faults[entry.Name]
			require.NotNil(t, shows, "no test shows this fault")
			assert.True(t, shows(newRig(t, entry)), "the fault is not there: %s", entry.Fault)
			t.Run("correct", func(t *testing.T) {
				sound := correct[[2]string{entry.Language, entry.Framing}]
				assert.False(t, shows(newRig(t, sound)), "%s has the fault, too", sound.Name)
			})
		})
	}
	assert.Len(t, entries, len(faults)+len(correct), "entries, and faults that tests show")
}

// conversation is what each correct entry does, with its own clients, from the
// start of its server to the end.
func conversation(r *rig) {
	subscriber, publisher := r.client("SUBSCRIBER"), r.client("publisher")
	first, second := word("first"), word("second")
	publisher.types(r.T, first)
	r.await(subscriber.output, first)
	publisher.types(r.T, second)
	r.await(subscriber.output, second)
	r.await(r.server.output, second)
	assert.Contains(r, subscriber.output.String(), "[FROM 127.0.0.1:")
	assert.NotContains(r, publisher.output.String(), "[FROM")

	publisher.types(r.T, "terminate")
	require.True(r, publisher.output.ends(r.T, 0))
	assert.Zero(r, publisher.cmd.ProcessState.ExitCode())
	subscriber.interrupt(r.T)
	require.True(r, subscriber.output.ends(r.T, 0))
	assert.Zero(r, subscriber.cmd.ProcessState.ExitCode())

	third, again := word("third"), r.must("SUBSCRIBER")
	r.must("PUBLISHER").say(third)
	r.await(again.said, third)
	r.server.interrupt(r.T)
	require.True(r, r.server.output.ends(r.T, 0))
	require.True(r, r.serve(), "the server does not start again at once")
}
