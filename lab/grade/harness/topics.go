package harness

import (
	"context"
	"fmt"
	"strings"
)

// JoinUnder is [ServerRun.Join] under one of two topics, 0 or 1. It is [ErrNoTopic] where nothing is
// known of how a topic is told.
func (r *ServerRun) JoinUnder(ctx context.Context, role string, topic int) (*Participant, error) {
	if !r.Terminals {
		return r.JoinTopic(ctx, role, topic)
	}
	all, err := r.startTerminals(ctx, r.Dialect.topic(topic), role)
	if err != nil {
		return nil, err
	}
	all[0].Terminal().await(ctx)
	return all[0], nil
}

// TellsTopics reports whether the grader's own connections can tell a topic.
func (r *ServerRun) TellsTopics() bool {
	return !r.Terminals && r.Dialect.Dialect != nil && r.Dialect.HasTopic()
}

// Made reports whether a token is of a message that the participant made.
func (p *Participant) Made(token string) bool {
	return strings.HasPrefix(token, fmt.Sprintf("m%d-%s-", p.Number, p.Word))
}
