// Package checks holds what the grader tries of a submission: one file for each check, the
// situation drawn above it.
//
// In the drawings time goes down, ──▶ is what one participant sends to another, ✂ a connection that
// is reset.
package checks

import (
	"context"
	"slices"

	"pubsublab/lab/grade/harness"
)

// Check is one thing that can be looked at.
type Check struct {
	ID    string
	Title string
	From  string   // the sentences of docs/assignment.md that demand it: "A7", "A4, A10"
	Needs []string // IDs of what it builds on, before it in the catalogue
	// Shares are IDs of checks in whose faults it fails, too, and can do without them otherwise: where
	// one of them failed, its own failure is not charged. What it cannot do without is in Needs.
	Shares []string
	// Echoes are IDs likewise, of checks that it need not wait for: it is excused when all are over.
	Echoes []string
	// Foundation marks what all the others of its kind rest on. Elsewhere one fault is one loss, and
	// what cannot be tried because of it does not count; where a foundation is missing, there is
	// nothing that could earn the points of what rests on it.
	Foundation bool
	Client     bool // it is about the submission's client
	// Pair marks those that use one pair at terminals, one after the other: they wait for each other
	// and hold up nobody else.
	Pair   bool
	Bonus  bool
	Socket bool // it needs connections of the grader's own, which speak the submission's language
	Alone  bool // it gets no run of the server that others have used, or looks at what was seen before
	Own    bool // likewise, unless the server takes long to start: there is no need for that, but what it leaves behind is hard on others
	First  bool // it is begun before others that could be, because it takes long or others wait for it
	Runs   int  // how often it is tried, because luck decides; 0: once
	// Ahead does what can be done of it while those are tried in whose faults it fails, too, beside whatever
	// else goes on; not where only one run of the server can be there at a time. It may be nil.
	Ahead func(context.Context, *Suite)
	Run   func(context.Context, *Suite) (*harness.Finding, error)
}

// All is all checks, each behind those it builds on.
var All = []Check{
	serverStarts,
	// The server and the client of the submission, at terminals.
	pairWorks,
	pairDelivers,
	pairNotDoubled,
	pairNotToPublishers,
	pairOwnLines,
	pairOrder,
	pairTogether,
	clientPublishes,
	pairTerminate,
	pairLastBeforeTerminate,
	pairAfterTerminate,
	pairTerminateSubscriber,
	pairInterruptPublisher,
	pairInterruptSubscriber,
	pairAfterInterrupt,
	pairNewcomers,
	pairKilled,
	pairEmptyLine,
	pairInterruptServer,
	// The server alone.
	serverTakesPort,
	serverAnnounces,
	serverAsksRole,
	serverDelivers,
	serverShowsRoles,
	serverShowsMessages,
	roleCase,
	quickRegistration,
	silentClient,
	survivesCleanClose,
	survivesReset,
	survivesMidMessage,
	serverMany,
	restartsAtOnce,
	// One client without a role.
	linesShown,
	linesMany,
	linesTerminate,
	linesInterrupt,
	// Topics.
	topicDelivers,
	topicFilters,
	topicSeveral,
	// Two servers.
	failoverNewcomers,
	failoverClients,
	// Both, and what they do with messages.
	allReceiveAll,
	nothingLost,
	clientManyMessages,
	serverSeveral,
	nothingDoubled,
	nothingInvented,
	nothingAltered,
	orderPerPublisher,
	notToPublishers,
	hasPrefix,
	rightSender,
	publishersTogether,
	lastBeforeTerminate,
	subscriberLeaves,
	quickMessages,
	othersAfterTerminate,
	terminateIsNoMessage,
	// Extras.
	slowSubscriber,
	longLine,
	names,
	onlineCount,
	timestamps,
	history,
	topics,
}

// Find returns a check of the catalogue, which must be there.
func Find(id string) Check {
	return All[slices.IndexFunc(All, func(c Check) bool { return c.ID == id })]
}
