package grade

import (
	"context"
	"slices"
)

// check is one thing that can be looked at.
type check struct {
	id     string
	title  string
	needs  []string // IDs of what it builds on, before it in the catalogue
	client bool     // it is about the submission's client
	bonus  bool
	run    func(context.Context, *grader) (*finding, error)
}

// catalogue is all checks, each behind those it builds on. Filled in by init, because checks know their own titles.
var catalogue []check

func init() {
	const starts, several, delivers = "server-starts", "server-several", "server-delivers"
	const closed, reset = "survives-clean-close", "survives-reset"
	catalogue = []check{
		{id: starts, title: "the server starts and accepts connections", run: serverStarts},
		{id: "server-announces", title: "the server says that it listens", needs: []string{starts}, run: serverAnnounces},
		{id: "server-asks-role", title: "the server asks for the role", needs: []string{starts}, run: serverAsksRole},
		{id: several, title: "the server serves five connections at once", needs: []string{starts}, run: serverSeveral},
		{id: delivers, title: "a message of a publisher reaches a subscriber", needs: []string{several}, run: serverDelivers},
		{id: "server-shows-roles", title: "the server's output shows who comes as what", needs: []string{starts}, run: serverShowsRoles},
		{id: "server-shows-messages", title: "the server's output shows each message", needs: []string{starts}, run: serverShowsMessages},
		{id: "role-case", title: "the role may be typed in lower case", needs: []string{delivers}, run: roleCase},
		{id: closed, title: "the server goes on when clients leave", needs: []string{delivers}, run: survivesCleanClose},
		{id: reset, title: "the server goes on when connections break", needs: []string{closed}, run: survivesReset},
		{id: "survives-mid-message", title: "the server goes on when a publisher leaves in the middle of a message", needs: []string{reset}, run: survivesMidMessage},
		{id: "server-many", title: "the server still serves after 250 clients came and went", needs: []string{closed}, run: serverMany},
		{id: "restarts-at-once", title: "the server can be started again at once on its port", needs: []string{delivers}, run: restartsAtOnce},

		{id: "client-connects", title: "the client connects and tells its role", needs: []string{several}, client: true, run: clientConnects},
		{id: "client-publishes", title: "a line typed at a publisher is sent", needs: []string{"client-connects"}, client: true, run: clientPublishes},
		{id: "client-receives", title: "a subscriber shows a message", needs: []string{"client-connects", delivers}, client: true, run: clientReceives},
		{id: "client-many-messages", title: "100 messages are sent, and 100 are shown", needs: []string{"client-publishes", "client-receives"}, client: true, run: clientManyMessages},
		{id: "client-terminate", title: "terminate ends a publisher, with exit code 0", needs: []string{"client-publishes"}, client: true, run: clientTerminate},
		{id: "client-interrupt", title: "Ctrl+C ends a subscriber, and the server goes on", needs: []string{"client-connects", reset}, client: true, run: clientInterrupt},

		{id: "all-receive-all", title: "every subscriber receives from every publisher", needs: []string{delivers}, run: allReceiveAll},
		{id: "nothing-lost", title: "no message is lost", needs: []string{"all-receive-all"}, run: nothingLost},
		{id: "nothing-doubled", title: "no message comes twice", needs: []string{delivers}, run: nothingDoubled},
		{id: "nothing-invented", title: "nothing comes that no publisher sent", needs: []string{delivers}, run: nothingInvented},
		{id: "nothing-altered", title: "messages arrive as they were sent", needs: []string{delivers}, run: nothingAltered},
		{id: "order-per-publisher", title: "messages of one publisher stay in order", needs: []string{delivers}, run: orderPerPublisher},
		{id: "not-to-publishers", title: "publishers receive no messages", needs: []string{delivers}, run: notToPublishers},
		{id: "has-prefix", title: "a message comes with who sent it", needs: []string{delivers}, run: hasPrefix},
		{id: "right-sender", title: "who sent it is right", needs: []string{"has-prefix", "all-receive-all"}, run: rightSender},
		{id: "publishers-together", title: "publishers can publish at the same time", needs: []string{"all-receive-all"}, run: publishersTogether},
		{id: "last-before-terminate", title: "the last message before terminate arrives", needs: []string{delivers}, run: lastBeforeTerminate},
		{id: "subscriber-leaves", title: "a subscriber that leaves costs the others nothing", needs: []string{reset, "all-receive-all"}, run: subscriberLeaves},
		{id: "quick-messages", title: "two messages sent quickly stay two", needs: []string{delivers}, run: quickMessages},
		{id: "terminate-is-no-message", title: "subscribers do not receive the word terminate", needs: []string{delivers}, run: terminateIsNoMessage},

		{id: "slow-subscriber", title: "a subscriber that stops reading does not stop the others", needs: []string{"all-receive-all"}, bonus: true, run: slowSubscriber},
		{id: "long-line", title: "a message of 5,000 bytes arrives whole", needs: []string{delivers}, bonus: true, run: longLine},
		{id: "names", title: "clients can have names", needs: []string{delivers}, bonus: true, run: names},
		{id: "online-count", title: "it says how many are online", needs: []string{delivers}, bonus: true, run: onlineCount},
		{id: "timestamps", title: "messages carry a time", needs: []string{delivers}, bonus: true, run: timestamps},
		{id: "history", title: "a new subscriber receives earlier messages", needs: []string{delivers}, bonus: true, run: history},
		{id: "topics", title: "subscribers can choose a topic", needs: []string{delivers}, bonus: true, run: topics},
	}
}

// find returns a check of the catalogue, which must be there.
func find(id string) check {
	return catalogue[slices.IndexFunc(catalogue, func(c check) bool { return c.id == id })]
}
