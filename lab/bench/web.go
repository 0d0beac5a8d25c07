package bench

import (
	"context"
	"fmt"

	"github.com/dustin/go-humanize"

	"pubsublab/lab/bench/peer"
)

// webPeers are the programs that send events to browsers.
var webPeers = []string{"lab", peer.Centrifugo}

// webWorkloads returns those of browsers.
func webWorkloads(bool) (all []Workload) {
	for _, browsers := range []int{1, 100, 1000} {
		all = append(all, Workload{
			Name: fmt.Sprintf("web-1to%d", browsers), Title: "1 → " + humanize.Comma(int64(browsers)) + " over HTTP, 64 B",
			Kind: Throughput, Publishers: 1, Subscribers: browsers, Size: 64,
		})
	}
	return append(all, Workload{Name: "browsers", Title: "1,000 idle browsers", Kind: Memory, Subscribers: 1000})
}

// web measures what browsers get.
func (b *benchmark) web(ctx context.Context, list []Workload, found []*peer.Peer) error {
	found[0] = found[0].Web()
	return b.single(ctx, list, found)
}
