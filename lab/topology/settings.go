package topology

import (
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// proxySettings are build arguments that every Dockerfile has, and that stay out of the image and
// of the cache's keys.
var proxySettings = []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"}

// withProxies adds the machine's proxies, as `docker build` does from its own configuration. It
// leaves out those at addresses where nobody is inside a build, and returns their names.
func withProxies(args types.MappingWithEquals) (all map[string]*string, left []string) {
	all = map[string]*string{}
	for _, name := range proxySettings {
		value, ok := os.LookupEnv(name)
		switch {
		case !ok:
		case strings.EqualFold(name, "no_proxy") || !onlyHere(value):
			all[name] = &value
		default:
			left = append(left, name)
		}
	}
	maps.Copy(all, args)
	return all, left
}

// onlyHere reports whether an address, HOST:PORT or a URL, is one of the loopback interface, or a
// file's: in a container it is something else.
func onlyHere(address string) bool {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	parsed, err := url.Parse(address)
	if err != nil {
		return false
	}
	host := strings.ToLower(strings.TrimSuffix(parsed.Hostname(), "."))
	ip := net.ParseIP(host)
	return parsed.Scheme == "file" || host == "localhost" || strings.HasSuffix(host, ".localhost") ||
		ip != nil && (ip.IsLoopback() || ip.IsUnspecified())
}

// moduleSettings are the settings of this machine that decide from where modules come. A build
// needs them inside too.
var moduleSettings = []string{"GOPROXY", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOINSECURE"}

// reachable returns the value of GOPROXY without the proxies that are only on this machine; "" is
// Go's own default.
func reachable(goproxy string) string {
	all := strings.FieldsFunc(goproxy, func(r rune) bool { return r == ',' || r == '|' })
	kept := slices.DeleteFunc(slices.Clone(all), onlyHere)
	if len(kept) == len(all) {
		return goproxy
	}
	return strings.Join(kept, ",")
}
