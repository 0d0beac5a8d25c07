// Package pubsub is the Go client of Pub/Sub Lab: a [Publisher] and a [Subscriber] that outlive
// their connections.
//
// Both are made with the address of a server and a [Config], and from then on reconnect by
// themselves, with growing pauses, until Config.GiveUp. Rules such as P14 are those of
// docs/protocol.md.
//
// # Several brokers
//
// Brokers that share one order (docs/operating.md) are given as one address with commas between, as
// [ParseAddrs] reads it. A client begins with the first one. When it cannot connect, or loses its
// connection, the next one in the list is tried at once, after the last one the first; it pauses
// when all have failed. One that has not registered the client within 3 s has failed too, but gets
// 6 s and then 10 s when all have. What a single server refuses for good is final when all brokers
// have refused it, one after the other, with the exception of a name that was taken over. What goes
// wrong is a [BrokerError] or a [BrokersError], which name the broker.
//
// A broker that vanishes from the network is given up after 12 s, a few seconds more or less; where
// the system is not Linux, a Publisher waits for as long as the kernel sends again. One that is
// frozen, but whose machine still answers for it, is waited for: nobody can tell it from one that
// holds its publishers up (P16), or has nothing to send.
//
// # What is promised
//
// A Publisher with a name delivers every line exactly once and in order (P9, P15), as long as the
// server keeps its journal: lines are kept until they are acknowledged, and after a broken
// connection it sends again from where the server says. Flush and Close wait until all is
// acknowledged; what could not be delivered comes back in an [UndeliveredError]. A Publisher
// without a name cannot know what a broken connection has swallowed: it sends nothing twice, and
// ends with an UndeliveredError instead.
//
// A Subscriber receives every message that its filter matches from its first registration on, once
// and in order (P10), across connections: it goes on at the position after the last one it has.
// What the server no longer has in its history appears as a Gap event in its place (P12), and so
// does a server that has lost all of it. A [Verifier] checks all this, from the outside.
//
// Another client that takes a name over (P5) ends this one for good: coming back would take the
// name away from the other one again.
package pubsub
