package pubsub

import (
	"pubsublab/client/internal/fake"
	"pubsublab/protocol"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func BenchmarkPublish(b *testing.B) {
	f := fake.New(b, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Discard()
	})
	p, err := DialPublisher(b.Context(), f.Addr, Config{Name: "bench"})
	require.NoError(b, err)
	line := strings.Repeat("x", 63)
	b.SetBytes(64)
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Publish(b.Context(), line); err != nil {
			b.Fatal(err)
		}
	}
	require.NoError(b, p.Close(b.Context()))
	require.EqualValues(b, b.N, p.Stats().Acked)
}

func BenchmarkNext(b *testing.B) {
	line := strings.Repeat("x", 63) + "\n"
	batch := protocol.Batch{Pos: 1, Time: time.Now(), From: "keeper", Topic: "sea.light", Count: 1000, Lines: []byte(strings.Repeat(line, 1000))}
	f := fake.New(b, func(p *fake.Peer) {
		p.Accept(" next=1")
		var out []byte
		for {
			out = protocol.TSV.AppendBatch(out[:0], &batch)
			if _, err := p.Conn.Write(out); err != nil {
				return
			}
			batch.Pos += 1000
		}
	})
	s, err := DialSubscriber(b.Context(), f.Addr, Config{})
	require.NoError(b, err)
	b.SetBytes(64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Next(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	s.Close()
}
