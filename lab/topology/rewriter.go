package topology

import (
	"net"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"pubsublab/lab/internal/proc"
)

// everywhere is what a node in a container listens on. As a process it would be open to the whole
// network.
const everywhere = "0.0.0.0"

// A rewriter turns what is said in a container into what is said on this machine.
type rewriter struct {
	own    map[string]string            // the node's own ports of this machine, by their numbers in the container
	hosts  map[string]map[string]string // likewise of every node with ports, by host name
	mounts []types.ServiceVolumeConfig
}

// args maps arguments: the host name of a node, alone or followed by its port; the node's own
// ports; and what [rewriter.value] maps, alone or as the value of a flag.
func (w rewriter) args(args []string) []string {
	mapped := make([]string, len(args))
	for i, arg := range args {
		previous := args[max(i-1, 0)]
		switch {
		case w.hosts[arg] != nil:
			mapped[i] = proc.Loopback
		case w.hosts[previous][arg] != "":
			mapped[i] = w.hosts[previous][arg]
		default:
			mapped[i] = w.word(arg)
		}
	}
	return mapped
}

func (w rewriter) word(arg string) string {
	if local := w.own[arg]; local != "" {
		return local
	}
	if flag, value, ok := strings.Cut(arg, "="); ok && strings.HasPrefix(flag, "-") {
		return flag + "=" + w.value(value)
	}
	return w.value(arg)
}

// value maps HOST:PORT, alone or within a URL, several with commas between; where a node listens
// everywhere; and paths at or below the target of a mount.
func (w rewriter) value(value string) string {
	if value == everywhere && len(w.own) > 0 {
		return proc.Loopback
	}
	addresses := strings.Split(value, ",")
	for i, address := range addresses {
		addresses[i] = w.address(address)
	}
	if mapped := strings.Join(addresses, ","); mapped != value {
		return mapped
	}
	return w.path(value)
}

// addressParts are what stands before a host, the host, its port, and what stands behind that.
var addressParts = regexp.MustCompile(`^(\w+://(?:[^@/]*@)?)?([^:@/]+):(\d+)(/.*)?$`)

func (w rewriter) address(address string) string {
	parts := addressParts.FindStringSubmatch(address)
	if parts == nil {
		return address
	}
	before, host, port, behind := parts[1], parts[2], parts[3], parts[4]
	local := w.hosts[host][port]
	if host == proc.Loopback || host == "localhost" || host == everywhere {
		local = w.own[port]
	}
	if local == "" {
		return address
	}
	return before + net.JoinHostPort(proc.Loopback, local) + behind
}

func (w rewriter) path(value string) string {
	for _, m := range w.mounts {
		if value == m.Target {
			return m.Source
		}
		if below, ok := strings.CutPrefix(value, strings.TrimSuffix(m.Target, "/")+"/"); ok {
			return filepath.Join(m.Source, filepath.FromSlash(below))
		}
	}
	return value
}
