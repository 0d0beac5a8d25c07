package console

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/topology"
)

// TestGuaranteesAreThoseOfThePage: what the console quotes stands in docs/guarantees.md, in that
// section.
func TestGuaranteesAreThoseOfThePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/guarantees.md")
	require.NoError(t, err)
	plain := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(string(page), "$1")
	plain = strings.Join(strings.Fields(strings.NewReplacer("`", "", "*", "").Replace(plain)), " ")
	sections := map[string]string{}
	for _, part := range regexp.MustCompile(` #{2,3} `).Split(plain, -1) {
		for _, title := range []string{"Publishers", "Subscribers", "The broker", "One broker on a disk", "Several brokers", "Not promised"} {
			if text, ok := strings.CutPrefix(part, title+" "); ok {
				sections[title] = text
			}
		}
	}
	for _, g := range []guarantee{
		brokerKilled, durableKilled, clusterBroker, clusterNodes, publisherKilled, publisherFrozen, publisherCut, subscriberDies, subscriberCut,
		subscriberStops, brokerFrozen, brokerCut, neverReads, halfALine, thousandLines,
	} {
		_, row, found := strings.Cut(sections[g.Section], g.Fault)
		assert.True(t, found, "%s: %s", g.Section, g.Fault)
		assert.Contains(t, row, g.Promise, "%s: %s", g.Section, g.Fault)
	}
}

// TestEverythingIsExplained: there is a row for whatever can be done to whichever node.
func TestEverythingIsExplained(t *testing.T) {
	for _, forgets := range []bool{true, false} {
		c := newConsole(newFakeLab(t).config())
		c.forgets = forgets
		stream := &topology.Spec{Name: "nats", Role: topology.Stream}
		for _, n := range append(c.nodes, &node{Node: Node{Spec: stream}}) {
			for _, action := range faults {
				assert.NotEmpty(t, c.explains(n, action).Promise, "%s %s", action, n.Spec.Name)
			}
		}
	}
}
