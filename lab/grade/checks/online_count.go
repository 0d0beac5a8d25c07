package checks

import (
	"context"
	"regexp"
	"strconv"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// onlineCount is the check online-count:
//
//	client 1 ──role──▶ server says: 1
//	   ...
//	client 4 ──role──▶ server says: 4
var onlineCount = Check{
	ID:     "online-count",
	Title:  "it says how many are online",
	From:   "A14",
	Needs:  []string{"server-delivers"},
	Bonus:  true,
	Own:    true,
	Socket: true,
	Run:    runOnlineCount,
}

var (
	countBehind = regexp.MustCompile(`(?i)(online|active|connected|total|clients?|subscribers?|publishers?|users?|count|connections?)[^\d\n]{0,20}(\d+)\b`)
	countBefore = regexp.MustCompile(`(?i)\b(\d+)\s+(clients?|subscribers?|publishers?|users?|online|active|connected|connections?)`)
)

// onlineCount looks for numbers beside words such as "online" that grow by one while subscribers
// come.
func runOnlineCount(ctx context.Context, g *Suite) (*harness.Finding, error) {
	r, err := g.Start(ctx, "online")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	const clients = 4
	var shown [clients]map[int]bool
	for i := range shown {
		offset := r.Program.Output.Len()
		p, err := r.Join(ctx, runner.Subscriber)
		if err != nil {
			return r.Unreachable("while clients came"), nil
		}
		soon, cancel := context.WithTimeout(ctx, harness.BonusTimeout/5)
		r.Program.Output.Quiet(soon, harness.BonusTimeout/10)
		cancel()
		shown[i] = map[int]bool{}
		for _, text := range [][]byte{r.Program.Output.Bytes()[offset:], p.Received.Bytes()} {
			for _, found := range countBehind.FindAllSubmatch(text, -1) {
				n, _ := strconv.Atoi(string(found[2])) // too large for a count is 0
				shown[i][n] = true
			}
			for _, found := range countBefore.FindAllSubmatch(text, -1) {
				n, _ := strconv.Atoi(string(found[1]))
				shown[i][n] = true
			}
		}
	}
	for start := range shown[0] {
		grows := start < 10
		for i := range shown {
			grows = grows && shown[i][start+i]
		}
		if grows {
			return nil, nil
		}
	}
	return &harness.Finding{What: "Neither the server's output nor what it says to clients counts them as they come."}, nil
}
