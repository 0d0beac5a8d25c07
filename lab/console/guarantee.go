package console

import "pubsublab/lab/topology"

// A guarantee is a row of docs/guarantees.md: what is promised when something happens. A test holds
// it against that page.
type guarantee struct {
	Section string `json:"section"` // of the page
	Fault   string `json:"fault"`   // the row's first cell
	Promise string `json:"promise"` // its second cell, without Markdown
}

// The rows that explain what the console does.
var (
	brokerKilled = guarantee{"Subscribers", "the broker is killed and started again",
		"a gap of 0 (#gap 0 in tsv) stands where the old order ends; all of the new order follows; it exits with 1 and says why"}
	durableKilled = guarantee{"One broker on a disk", "the broker is killed (SIGKILL), while it starts too, and started again",
		"whatever was acknowledged or delivered is there, once, at its position, and everybody goes on by itself as if the broker had only been slow: " +
			"journal= is the same, publishers' runs and subscribers' positions go on. This holds for every --sync"}
	clusterBroker = guarantee{"Several brokers", "a broker dies, or is stopped",
		"clients that know others go on at the next one, at once: publishers lose and double nothing, subscribers neither, and what they sum up at the end is right"}
	clusterNodes = guarantee{"Several brokers", "on the nodes of compose.cluster.yaml, while lines flow: each broker and each NATS node is killed, " +
		"and one of each is frozen, and the leader of the stream both; several at once, even all; each is stopped and started again in turn; each is cut off from the network (containers)",
		"the same: no acknowledged line lost, none doubled, one order at all subscribers"}
	publisherKilled = guarantee{"Publishers", "SIGKILL", "what the broker had accepted is a first part of its lines, and everyone receives exactly that"}
	publisherFrozen = guarantee{"Publishers", "frozen, for longer than --stall-timeout too", "nobody waits for it; it goes on where it was"}
	publisherCut    = guarantee{"Publishers", "its network is cut, and comes back soon", "nothing lost or doubled"}
	subscriberDies  = guarantee{"Subscribers", "SIGKILL, and it comes back from its last position", "what it has before and after is everything"}
	subscriberCut   = guarantee{"Subscribers", "its network is cut, and comes back soon", "nothing lost or doubled"}
	subscriberStops = guarantee{"Subscribers", "frozen for less than --stall-timeout", "it loses nothing, on the same connection"}
	brokerFrozen    = guarantee{"The broker", "frozen while lines flow", "nobody notices but by the delay"}
	brokerCut       = guarantee{"The broker", "its network is cut, and comes back", "nothing lost or doubled"}
	neverReads      = guarantee{"Subscribers", "another subscriber never reads, --slow=block", "it receives everything; the other is cut off after --stall-timeout"}
	halfALine       = guarantee{"Not promised", "Without ack=yes, a publisher knows nothing.",
		"What nc had sent when its connection broke may have arrived or not; half a line never counts after a reset"}
	thousandLines = guarantee{"Publishers", "a subscriber is slow, or frozen", "with --slow=block it waits, for --stall-timeout at most; no line is lost"}
)

// explains returns the row for an action on a node.
func (c *Console) explains(n *node, action string) guarantee {
	switch role := n.Spec.Role; {
	case role == topology.Stream, role == topology.Broker && c.count(topology.Broker) > 1 && action != kill:
		return clusterNodes
	case role == topology.Broker && c.count(topology.Broker) > 1:
		return clusterBroker
	case role == topology.Broker && action == kill && c.forgets:
		return brokerKilled
	case role == topology.Broker && action == kill:
		return durableKilled
	default:
		return map[topology.Role]map[string]guarantee{
			topology.Broker:     {freeze: brokerFrozen, cut: brokerCut},
			topology.Publisher:  {kill: publisherKilled, freeze: publisherFrozen, cut: publisherCut},
			topology.Subscriber: {kill: subscriberDies, freeze: subscriberStops, cut: subscriberCut},
		}[role][action]
	}
}

// count is how many nodes there are of a role.
func (c *Console) count(role topology.Role) (n int) {
	for _, other := range c.nodes {
		if other.Spec.Role == role {
			n++
		}
	}
	return n
}
