package e2e

import (
	"context"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/lab/history"
	"pubsublab/lab/topology"
)

// networksOnly skips a test that cuts networks where that cannot be done.
func networksOnly(t *testing.T) {
	if why := uncuttable(); why != "" {
		t.Skip(why)
	}
}

// uncuttable tells why the networks of nodes cannot be cut, "" where they can.
func uncuttable() string {
	if engine.Mode() != topology.Containers {
		return "nodes are processes here, and a process has no network of its own that could be cut: " + engine.Reason()
	}
	// Engine 20.10 can lock itself up for good when a network is cut while other containers come and go.
	if strings.Contains(engine.Reason(), "Engine 20.") && os.Getenv("PUBSUBLAB_CUT_NETWORKS") == "" {
		return engine.Reason() + ", and this version can lock itself up when networks are cut: PUBSUBLAB_CUT_NETWORKS=1 tries all the same"
	}
	return ""
}

// said returns what a node has written on standard error.
func (s *stage) said(node string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.output[node], "\n")
}

// hear waits until a node has said something.
func (s *stage) hear(node, text string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return strings.Contains(s.said(node), text) }, patience, 10*time.Millisecond,
		"%s says %q", node, text)
}

// cutOff waits until the broker has named a subscriber that it cut off, and
// requires one of these reasons.
func (s *stage) cutOff(name string, reasons ...string) {
	s.t.Helper()
	named := regexp.MustCompile(`msg="subscriber left" .*name=` + name + ` .*reason=(\w+)`)
	var found []string
	require.Eventually(s.t, func() bool {
		found = named.FindStringSubmatch(s.said("server"))
		return found != nil
	}, patience, 10*time.Millisecond, "the broker cuts %s off", name)
	require.Contains(s.t, reasons, found[1], "why the broker cut %s off", name)
}

// settle waits until a node's transcript has not grown for a second.
func (s *stage) settle(node string) int {
	s.t.Helper()
	lines, since := s.lines(node), time.Now()
	for time.Since(since) < time.Second {
		require.NoError(s.t, s.ctx.Err())
		time.Sleep(20 * time.Millisecond)
		if now := s.lines(node); now != lines {
			lines, since = now, time.Now()
		}
	}
	return lines
}

// fails waits until a node has ended, and requires exit code 1.
func (s *stage) fails(node string) {
	s.t.Helper()
	code, err := s.Node(node).Wait(s.ctx)
	require.NoError(s.t, err, node)
	require.Equal(s.t, 1, code, "exit code of %s", node)
}

// must stops the test on an error of a fault that is made.
func (s *stage) must(fault func(context.Context) error) {
	s.t.Helper()
	require.NoError(s.t, fault(s.ctx))
}

// file returns a node's transcript as it is, without a torn last line.
func (s *stage) file(node string) string {
	s.t.Helper()
	text, err := os.ReadFile(s.Node(node).Transcript())
	require.NoError(s.t, err)
	return string(text[:strings.LastIndexByte(string(text), '\n')+1])
}

// tsv reads a transcript, or a part of one.
func (s *stage) tsv(text string) history.Transcript {
	s.t.Helper()
	transcript, err := history.Read(strings.NewReader(text), history.TSV)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		require.NoError(s.t, err)
	}
	return transcript
}

// sent is what a publisher's script holds, as its node's name is.
func (s *stage) sent(node string) history.Publisher {
	s.t.Helper()
	spec := s.Node(node).Spec
	lines, err := spec.Lines()
	require.NoError(s.t, err)
	name, _ := spec.Flag("name")
	return history.Publisher{Name: name, Topic: spec.Topic(), Sent: lines, Sure: len(lines)}
}

// judge requires that nothing is wrong with a history.
func (s *stage) judge(h history.History) history.Report {
	s.t.Helper()
	report := history.Check(h)
	require.True(s.t, report.OK(), "%s", report)
	return report
}

// whole is a subscriber that had to receive everything.
func whole(name string, received []history.Message) history.Subscriber {
	return history.Subscriber{Name: name, FromFirst: true, ToEnd: true, Received: received}
}

// peak watches how much memory a node holds, until the returned function is
// called, which tells the most.
func (s *stage) peak(node string) (most func() uint64) {
	ctx, stop := context.WithCancel(s.ctx)
	var watching sync.WaitGroup
	var peak uint64
	var err error
	watching.Go(func() {
		for ctx.Err() == nil {
			var now uint64
			if now, err = s.Node(node).Memory(s.ctx); err != nil {
				return
			}
			peak = max(peak, now)
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	return func() uint64 {
		s.t.Helper()
		stop()
		watching.Wait()
		require.NoError(s.t, err)
		return peak
	}
}
