package pubsub_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	"pubsublab/client/pubsub"
	"pubsublab/protocol"
)

func ExamplePublisher() {
	ctx := context.Background()
	p, err := pubsub.DialPublisher(ctx, "localhost:5000", pubsub.Config{
		Name:   "keeper",
		Topic:  "sea.light",
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		log.Fatal(err)
	}
	for i := range 1_000_000 {
		if err := p.Publish(ctx, fmt.Sprintf("wave %d", i)); err != nil {
			log.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var undelivered *pubsub.UndeliveredError
	if err := p.Close(ctx); errors.As(err, &undelivered) {
		log.Printf("%d lines may not have arrived, the first is %q", len(undelivered.Lines), undelivered.Lines[0])
	}
}

func ExampleSubscriber() {
	ctx := context.Background()
	s, err := pubsub.DialSubscriber(ctx, "localhost:5000", pubsub.Config{Topic: "sea.>", From: protocol.FromFirst()})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	for item, err := range s.All(ctx) {
		switch {
		case err != nil:
			log.Fatal(err)
		case item.Event != nil:
			fmt.Println(item.Event.Name, item.Event.Kind)
		default:
			fmt.Println(item.Pos, item.From, item.Line)
		}
	}
}

func ExampleVerifier() {
	verifier := pubsub.NewVerifier(protocol.Filter{})
	for _, m := range []protocol.Message{
		{Pos: 1, From: "keeper", Line: "Lamp lit."},
		{Pos: 3, From: "cook", Line: "Soup on."},
	} {
		verifier.Add(&pubsub.Item{Message: m})
	}
	report := verifier.Report()
	fmt.Println(report)
	fmt.Println(report.OK(), report.Faults)
	// Output:
	// 2 lines from 2 publishers, in order, 1 missing, 0 duplicates, sha256 ebba084af9b55a61f6d6ce2b8539059edaac00083d8e05ecada14a17a31b5786
	// false [position 2 is missing]
}
