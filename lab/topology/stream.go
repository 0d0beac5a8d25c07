package topology

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// MonitoringPort is the port of a node of the stream, in its container, that tells what it knows:
// see [Node.AddrOf].
const MonitoringPort = 8222

// StreamLeader returns the name of the node that leads the stream, by what the node says whose
// monitoring is at this address. It is "" where that one does not answer within a second, or knows of
// none.
func StreamLeader(ctx context.Context, addr string) string {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/jsz?streams=1", nil)
	if err != nil {
		return ""
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	var state struct {
		Accounts []struct {
			Streams []struct {
				Cluster struct{ Leader string }
			} `json:"stream_detail"`
		} `json:"account_details"`
	}
	if json.NewDecoder(answer.Body).Decode(&state) != nil {
		return ""
	}
	for _, account := range state.Accounts {
		for _, s := range account.Streams {
			if s.Cluster.Leader != "" {
				return s.Cluster.Leader
			}
		}
	}
	return ""
}
