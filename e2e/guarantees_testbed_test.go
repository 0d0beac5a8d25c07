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
)

// networksOnly skips a test that cuts networks where that cannot be done.
func networksOnly(t *testing.T) {
	if why := engine.Uncuttable(); why != "" {
		skip(t, why)
	}
}

// said returns what a node has written on standard error.
func (s *testbed) said(node string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.output[node], "\n")
}

// hear waits until a node has said something.
func (s *testbed) hear(node, text string) {
	s.t.Helper()
	s.says(node, func(said string) bool { return strings.Contains(said, text) }, text)
}

// says waits until something is so of what a node has written on standard error.
func (s *testbed) says(node string, so func(said string) bool, what string) {
	s.t.Helper()
	for {
		ended := s.ended(node)
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if so(s.said(node)) {
			return
		}
		require.False(s.t, ended, "%s has ended and did not say %q", node, what)
		select {
		case <-changed:
		case <-s.Node(node).Done():
		case <-s.ctx.Done():
			require.FailNow(s.t, context.Cause(s.ctx).Error(), "%s says %q", node, what)
		}
	}
}

// cutOff waits until the broker has named a subscriber that it cut off, and
// requires one of these reasons.
func (s *testbed) cutOff(name string, reasons ...string) {
	s.t.Helper()
	named := regexp.MustCompile(`msg="subscriber left" .*name=` + name + ` .*reason=(\w+)`)
	var found []string
	s.says("server", func(said string) bool {
		found = named.FindStringSubmatch(said)
		return found != nil
	}, named.String())
	require.Contains(s.t, reasons, found[1], "why the broker cut %s off", name)
}

// settle waits until a node's transcript has not grown for a second.
func (s *testbed) settle(node string) int {
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
func (s *testbed) fails(node string) {
	s.t.Helper()
	code, err := s.Node(node).Wait(s.ctx)
	require.NoError(s.t, err, node)
	require.Equal(s.t, 1, code, "exit code of %s", node)
}

// must stops the test on an error of a fault that is made.
func (s *testbed) must(fault func(context.Context) error) {
	s.t.Helper()
	require.NoError(s.t, fault(s.ctx))
}

// file returns a node's transcript as it is, without a torn last line.
func (s *testbed) file(node string) string {
	s.t.Helper()
	text, err := os.ReadFile(s.Node(node).Transcript())
	require.NoError(s.t, err)
	return string(text[:strings.LastIndexByte(string(text), '\n')+1])
}

// tsv reads a transcript, or a part of one.
func (s *testbed) tsv(text string) history.Transcript {
	s.t.Helper()
	transcript, err := history.Read(strings.NewReader(text), history.TSV)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		require.NoError(s.t, err)
	}
	return transcript
}

// sent is what a publisher's script holds, as its node's name is.
func (s *testbed) sent(node string) history.Publisher {
	s.t.Helper()
	spec := s.Node(node).Spec
	lines, err := spec.Lines()
	require.NoError(s.t, err)
	name, _ := spec.Flag("name")
	return history.Publisher{Name: name, Topic: spec.Topic(), Sent: lines, Acked: len(lines)}
}

// judge requires that nothing is wrong with a history.
func (s *testbed) judge(h history.History) history.Report {
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
func (s *testbed) peak(node string) (most func() uint64) {
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
