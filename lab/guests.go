package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"pubsublab/client/pubsub"
	"pubsublab/lab/topology"
	"pubsublab/protocol"
)

// pages are the names under which pages subscribe, in browsers. No demo waits for them.
const pages = "page-"

// guestsOf returns who is online at a deployment's brokers and is none of its nodes: its
// publishers, and, once its own subscribers have left, its subscribers too, which have no names of
// their own. It asks the brokers, from the history of who came and went. Where they do not let it
// in, it knows of nobody.
func guestsOf(deployment *topology.Deployment) func(ctx context.Context, subscribersToo bool) []string {
	return func(ctx context.Context, subscribersToo bool) (names []string) {
		own := map[string]bool{}
		for _, n := range deployment.Nodes() {
			if name, ok := n.Spec.Flag("name"); ok {
				own[name] = true
			}
		}
		for who := range online(ctx, strings.Join(brokers(deployment), ",")) {
			if who.role == protocol.Publisher && !own[who.name] || who.role == protocol.Subscriber && subscribersToo && !strings.HasPrefix(who.name, pages) {
				names = append(names, fmt.Sprintf("%s (a %s)", who.name, strings.ToLower(who.role.String())))
			}
		}
		slices.Sort(names)
		return names
	}
}

type client struct {
	role protocol.Role
	name string
}

// online returns who is connected to the first broker of these addresses that answers, besides who
// asks, or, where brokers share an order, to any of them.
func online(ctx context.Context, addrs string) map[client]bool {
	const timeout = 2 * time.Second
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	s, err := pubsub.DialSubscriber(ctx, addrs, pubsub.Config{From: protocol.FromFirst(), GiveUp: -1})
	if err != nil {
		return nil
	}
	defer s.Close()
	there := map[client]bool{}
	self := client{protocol.Subscriber, s.Welcome().Name}
	for item, err := range s.All(ctx) {
		if err != nil {
			return nil
		}
		if e := item.Event; e != nil && e.Kind != protocol.Gap {
			c := client{e.Role, e.Name}
			if c == self {
				return there // that is now
			}
			if e.Kind == protocol.Joined {
				there[c] = true
			} else {
				delete(there, c)
			}
		}
	}
	return nil
}
