package jetstream

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal/journaltest"
)

// rights is what a broker's NATS user has to be allowed, as docs/operating.md lists it, for the
// stream "test" that exists.
var rights = struct{ publish, subscribe []string }{
	publish: []string{
		"test.entries",
		"$JS.API.STREAM.INFO.test",
		"$JS.API.CONSUMER.CREATE.test.>",
		"$JS.API.CONSUMER.MSG.NEXT.test.*",
		"$O.test-checkpoints.>",
		"$JS.API.STREAM.INFO.OBJ_test-checkpoints",
		"$JS.API.STREAM.PURGE.OBJ_test-checkpoints",
		"$JS.API.DIRECT.GET.OBJ_test-checkpoints.>",
		"$JS.API.CONSUMER.CREATE.OBJ_test-checkpoints.>",
		"$JS.API.CONSUMER.DELETE.OBJ_test-checkpoints.*",
		"$JS.FC.OBJ_test-checkpoints.>",
	},
	subscribe: []string{"_INBOX.>"},
}

// limit starts the server again with a user who may do that, besides one who may do anything.
func (n *node) limit(publish, subscribe []string) {
	n.stop()
	n.opts.Users = []*server.User{
		{Username: "all", Password: "all"},
		{Username: "broker", Password: "s3cret-word", Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: publish},
			Subscribe: &server.SubjectPermission{Allow: subscribe},
		}},
	}
	n.start()
}

// as is the configuration of a broker that is this user.
func (n *node) as(user string, cfg Config) Config {
	cfg.Servers = "nats://" + user + "@" + strings.TrimPrefix(n.url, "nats://")
	return cfg
}

// limited starts a server with a stream that has forgotten its beginning.
func limited(t *testing.T) *node {
	n := startNode(t)
	a := connect(t, small(n))
	for round := range 10 {
		fill(t, a, 20*round, 20)
		a.saved(t)
	}
	closed, cancel := context.WithCancel(t.Context())
	cancel()
	a.Close(closed)
	return n
}

// A broker does all its work with the rights that docs/operating.md lists.
func TestRightsThatSuffice(t *testing.T) {
	t.Parallel()
	n := limited(t)
	n.limit(rights.publish, rights.subscribe)
	cfg := n.as("broker:s3cret-word", small(n))
	a := connect(t, cfg)
	require.EqualValues(t, 401, a.Next())
	for round := range 10 {
		fill(t, a, 1000+20*round, 20)
		a.saved(t)
	}
	n.stop()
	n.start()
	rig := journaltest.NewRig(t, a)
	rig.Add(journaltest.Lines("ada: again"))
	r := rig.Open(protocol.FromFirst(), "") // more than is in memory
	defer r.Release()
	r.Rest()
	require.True(t, r.Start.Segment.Seq == 0, "it is sent from the stream")
	sameState(t, a, connect(t, cfg))
	large := bytes.Repeat([]byte{'x'}, maxSnapshot)
	_, err := a.bucket.Put(t.Context(), jetstream.ObjectMeta{Name: "large"}, bytes.NewReader(large))
	require.NoError(t, err)
	read, err := a.bucket.GetBytes(t.Context(), "large")
	require.NoError(t, err)
	require.Equal(t, large, read, "also where there is so much that NATS controls its flow")
}

// Whoever lacks one of them is told which, at once, even if it would be needed only much later.
func TestMissingRights(t *testing.T) {
	t.Parallel()
	n := limited(t)
	try := func(publish, subscribe []string, what, subject string) {
		t.Helper()
		n.limit(publish, subscribe)
		ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
		defer cancel()
		_, err := Connect(ctx, n.as("broker:s3cret-word", small(n)))
		if err == nil {
			assert.Fail(t, "it is not needed", "%s", subject)
			return
		}
		// The subject that is named is one that the right is for.
		literal, _, _ := strings.Cut(strings.TrimSuffix(subject, ">"), "*")
		assert.ErrorContains(t, err, fmt.Sprintf(`the NATS user may not %s to "%s`, what, literal))
		assert.NotContains(t, err.Error(), "s3cret-word")
		assert.NoError(t, ctx.Err(), "it does not take long")
	}
	for i, subject := range rights.publish {
		try(slices.Delete(slices.Clone(rights.publish), i, i+1), rights.subscribe, "publish", subject)
	}
	try(rights.publish, []string{"nothing"}, "subscribe", "_INBOX.>")
}

// Where there is no stream yet, two rights more are needed.
func TestRightsToCreate(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	n.limit(rights.publish, rights.subscribe)
	cfg := n.as("broker:s3cret-word", small(n))
	assert.Equal(t, `the NATS user may not publish to "$JS.API.STREAM.CREATE.test", expected a permission to publish to it `+
		"(docs/operating.md lists all that a broker needs)", refused(t, cfg))
	create := append(slices.Clone(rights.publish), "$JS.API.STREAM.CREATE.test")
	n.limit(create, rights.subscribe)
	assert.Contains(t, refused(t, cfg), `the NATS user may not publish to "$JS.API.STREAM.CREATE.OBJ_test-checkpoints"`)
	n.limit(append(create, "$JS.API.STREAM.CREATE.OBJ_test-checkpoints"), rights.subscribe)
	works(t, cfg)
}

// A journal is copied with two rights more; who lacks one of them is told which, at once.
func TestRightsToCopy(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	create := append(slices.Clone(rights.publish), "$JS.API.STREAM.CREATE.test", "$JS.API.STREAM.CREATE.OBJ_test-checkpoints")
	copying := func(more ...string) error {
		n.limit(append(slices.Clone(create), more...), rights.subscribe)
		ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
		defer cancel()
		return Copy(ctx, n.as("broker:s3cret-word", small(n)), origins(journaltest.OfRun("r", 1, "ada: one two")))
	}
	const piece, update = "test.copy.*", "$JS.API.STREAM.UPDATE.test"
	require.ErrorContains(t, copying(piece), `the NATS user may not publish to "`+update)
	require.ErrorContains(t, copying(update), `the NATS user may not publish to "test.copy.`)
	require.NoError(t, copying(piece, update))
	require.EqualValues(t, 102, connect(t, n.as("all:all", small(n))).Next())
}
