package topology

import (
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
)

func TestWords(t *testing.T) {
	broker, nats := map[string]string{"5000": "40001"}, map[string]string{"4222": "40003", "6222": "40004"}
	w := rewriter{
		own:   broker,
		hosts: map[string]map[string]string{"server": broker, "other": {"80": "40002"}, "nats-1": nats, "nats-2": {"4222": "40005", "6222": "40006"}},
		mounts: []types.ServiceVolumeConfig{
			{Source: "/host/a.txt", Target: "/script.txt"}, {Source: "/host/dir", Target: "/data/"},
		},
	}
	for _, test := range []struct{ in, want []string }{
		{[]string{"--history=64MiB", "5000"}, []string{"--history=64MiB", "40001"}},
		{[]string{"server", "5000", "PUBLISHER", "a.b"}, []string{"127.0.0.1", "40001", "PUBLISHER", "a.b"}},
		{[]string{"other", "80"}, []string{"127.0.0.1", "40002"}},
		{[]string{"healthcheck", "127.0.0.1:5000"}, []string{"healthcheck", "127.0.0.1:40001"}},
		{[]string{"server:5000", "other:80", "other:81"}, []string{"127.0.0.1:40001", "127.0.0.1:40002", "other:81"}},
		{[]string{"server:5000,other:80,other:81"}, []string{"127.0.0.1:40001,127.0.0.1:40002,other:81"}},
		{[]string{"--script=/script.txt", "/data/x/y", "/database"}, []string{"--script=/host/a.txt", "/host/dir/x/y", "/database"}},
		{[]string{"--count=5000", "-1", "", "a,b"}, []string{"--count=5000", "-1", "", "a,b"}},
		{[]string{"--journal=nats://nats-1:4222,nats-2:4222"}, []string{"--journal=nats://127.0.0.1:40003,127.0.0.1:40005"}},
		{[]string{"--routes=nats://nats-1:6222,nats://nats-2:6222"}, []string{"--routes=nats://127.0.0.1:40004,nats://127.0.0.1:40006"}},
		{[]string{"--name=nats-1", "nats-1:80"}, []string{"--name=nats-1", "nats-1:80"}},
	} {
		assert.Equal(t, test.want, w.args(test.in))
	}

	w.own = nats
	for in, want := range map[string]string{
		"4222":                          "40003",
		"5000":                          "5000",
		"--addr=0.0.0.0":                "--addr=127.0.0.1",
		"--cluster=nats://0.0.0.0:6222": "--cluster=nats://127.0.0.1:40004",
		"http://127.0.0.1:6222/healthz": "http://127.0.0.1:40004/healthz",
		"http://127.0.0.1:8222/healthz": "http://127.0.0.1:8222/healthz",
		"nats://ann:secret@nats-1:4222": "nats://ann:secret@127.0.0.1:40003",
	} {
		assert.Equal(t, []string{want}, w.args([]string{in}))
	}

	w.own = nil
	assert.Equal(t, []string{"5000", "0.0.0.0"}, w.args([]string{"5000", "0.0.0.0"}), "of a client a lone number is no port")
}
