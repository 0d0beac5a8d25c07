package topology

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestProxiesOfThisMachineAloneAreNotHandedIntoBuilds(t *testing.T) {
	for _, name := range proxySettings {
		t.Setenv(name, "")
	}
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:3128")
	t.Setenv("https_proxy", "http://proxy.example:3128")
	t.Setenv("NO_PROXY", "localhost,127.0.0.1")
	given := "golang"
	args, left := withProxies(map[string]*string{goImageArg: &given})
	assert.Equal(t, []string{"HTTP_PROXY"}, left)
	assert.NotContains(t, args, "HTTP_PROXY")
	assert.Equal(t, "http://proxy.example:3128", *args["https_proxy"])
	assert.Equal(t, "localhost,127.0.0.1", *args["NO_PROXY"], "names of hosts, not an address")
	assert.Equal(t, "golang", *args[goImageArg])
}

func TestOnlyHere(t *testing.T) {
	for address, want := range map[string]bool{
		"http://127.0.0.1:3128": true, "127.0.0.1:3128": true, "https://user:secret@127.8.9.1": true, "[::1]:3128": true,
		"http://[::1]:3128": true, "localhost:3128": true, "LOCALHOST:3128": true, "http://localhost.:3128/": true, "socks5://a.localhost": true,
		"http://0.0.0.0:3128": true, "file:///home/ada/go/pkg/mod/cache/download": true,
		"": false, "direct": false, "off": false, "proxy.example:3128": false, "http://10.0.0.1:3128": false,
		"http://127.0.0.1.example:3128": false, "http://[fd00::1]:3128": false, "http://localhost.example": false,
	} {
		assert.Equal(t, want, onlyHere(address), "%q", address)
	}
}

func TestReachable(t *testing.T) {
	for goproxy, want := range map[string]string{
		"https://proxy.example,direct":        "https://proxy.example,direct",
		"https://a.example|https://b.example": "https://a.example|https://b.example",
		"http://localhost:3000,direct":        "direct",
		"http://localhost:3000":               "",
		"file:///mod,https://a.example|off":   "https://a.example,off",
		"off":                                 "off",
		"":                                    "",
	} {
		assert.Equal(t, want, reachable(goproxy), "%q", goproxy)
	}
}
