package grade

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"pubsublab/lab/grade/checks"
	"pubsublab/lab/grade/harness"
)

const (
	// checkLimit bounds one try of a check.
	checkLimit = 90 * time.Second
	// atOnce is how many checks are tried beside each other: most of the time they wait.
	atOnce = 6
)

// outcome is what a check came to. What it holds is written before done is closed.
type outcome struct {
	done chan struct{}

	status      Status
	finding     harness.Finding
	blockedBy   string
	charged     bool // blocked, and a foundation is missing
	runs, wrong int  // of a check that luck decides
	took        time.Duration
}

// schedule tries checks, each as soon as those that it builds on are over.
type schedule struct {
	suite    *checks.Suite
	outcomes map[string]*outcome // by ID
	slots    *slots
	before   map[string]*outcome // of each that uses the pair at terminals, the one that uses it before
	lastPair string              // ID of the last that uses it

	mu       sync.Mutex
	finished int
	progress func(done, of int, next string)
}

// runAll tries all checks of a plan, in which each stands behind those that it builds on. When ctx
// ends, the outcomes come with its cause, and what was not over was not tried.
func runAll(ctx context.Context, suite *checks.Suite, plan []checks.Check, progress func(done, of int, next string)) (map[string]*outcome, error) {
	if progress == nil {
		progress = func(int, int, string) {}
	}
	s := &schedule{suite: suite, outcomes: map[string]*outcome{}, before: map[string]*outcome{}, slots: &slots{free: atOnce}, progress: progress}
	var pair *outcome
	for _, c := range plan {
		s.outcomes[c.ID] = &outcome{done: make(chan struct{}), status: Passed}
		if c.Pair {
			s.before[c.ID], s.lastPair, pair = pair, c.ID, s.outcomes[c.ID]
		}
	}
	group, going := errgroup.WithContext(ctx)
	for _, c := range plan {
		group.Go(func() error { return s.one(going, c) })
	}
	if err := group.Wait(); ctx.Err() != nil {
		return s.outcomes, context.Cause(ctx)
	} else if err != nil {
		return nil, err
	}
	s.settle(plan)
	s.progress(len(plan), len(plan), "")
	return s.outcomes, nil
}

// one tries a check when it is its turn, unless something that it builds on did not pass.
func (s *schedule) one(ctx context.Context, c checks.Check) (err error) {
	o := s.outcomes[c.ID]
	defer func() {
		if err != nil {
			o.status, o.finding = NotTried, harness.Finding{What: harness.Sentence("not tried: " + err.Error())}
		}
		close(o.done)
	}()
	if err := s.over(ctx, c.Needs); err != nil {
		return err
	}
	if c.Ahead != nil && !s.suite.OneAtATime() && !s.blocked(c, o) {
		limited, cancel := context.WithTimeout(ctx, checkLimit)
		c.Ahead(limited, s.suite)
		cancel()
	}
	if err := s.over(ctx, c.Shares); err != nil {
		return err
	}
	if c.ID == s.lastPair {
		defer s.suite.EndPair()
	}
	if before := s.before[c.ID]; before != nil {
		select {
		case <-before.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if s.blocked(c, o) || s.voiceless(c, o) {
		s.count()
		return nil
	}
	judges := c.Alone && c.Ahead != nil && !s.suite.OneAtATime() // it only looks at what was found out ahead
	if !c.Pair && !judges {
		done, err := s.slot(ctx, c.First)
		if err != nil {
			return err
		}
		defer done()
	}
	s.mu.Lock()
	s.progress(s.finished, len(s.outcomes), c.Title)
	s.mu.Unlock()
	defer s.count()
	began := time.Now()
	err = s.try(ctx, c, o)
	o.took = time.Since(began)
	return err
}

// over waits until checks are over.
func (s *schedule) over(ctx context.Context, ids []string) error {
	for _, id := range ids {
		below := s.outcomes[id]
		if below == nil {
			continue // about a client, and there is none, or nobody asked for it
		}
		select {
		case <-below.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// slot waits until the check may be tried beside others; or alone, and behind those that use the pair
// at terminals, where only one run of the server can be there at a time.
func (s *schedule) slot(ctx context.Context, first bool) (done func(), err error) {
	slots := 1
	if s.suite.OneAtATime() {
		slots = atOnce
		if pair := s.outcomes[s.lastPair]; pair != nil {
			select {
			case <-pair.done:
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
	}
	if err := s.slots.acquire(ctx, slots, first); err != nil {
		return nil, err
	}
	return func() { s.slots.release(slots) }, nil
}

func (s *schedule) count() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished++
}

// blocked reports whether something that the check builds on did not pass.
func (s *schedule) blocked(c checks.Check, o *outcome) bool {
	for _, id := range c.Needs {
		below := s.outcomes[id]
		switch {
		case below == nil || below.status == Passed:
			continue
		case below.status == NotTried:
			o.status, o.finding.What = NotTried, below.finding.What
			return true
		case below.status == Blocked:
			o.blockedBy, o.charged = below.blockedBy, below.charged
		default:
			o.blockedBy, o.charged = id, c.Foundation || checks.Find(id).Foundation
		}
		o.status = Blocked
		return true
	}
	return false
}

// voiceless reports whether the check needs the grader to speak the submission's language, which it
// does not.
func (s *schedule) voiceless(c checks.Check, o *outcome) bool {
	if !c.Socket || !s.suite.Terminals() {
		return false
	}
	o.status = NotTried
	o.finding.What = "Not tried: what the submission's programs say to each other could not be learnt, and its clients at terminals cannot do this."
	return true
}

// try tries a check as often as it asks for, and notes the first failure and how many there were.
func (s *schedule) try(ctx context.Context, c checks.Check, o *outcome) error {
	for round := range max(1, c.Runs) {
		f, err := s.confirmed(ctx, c, round)
		var untried *checks.NotTriedError
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &untried):
			o.status, o.finding.What = NotTried, harness.Sentence(err.Error())
			return nil
		case errors.Is(err, context.DeadlineExceeded):
			// Nobody knows why it takes so long: no reason to have no report of the rest.
			o.status, o.finding.What = NotTried, fmt.Sprintf("Not tried to its end: it was not over within %v.", checkLimit)
			return nil
		case errors.Is(err, harness.ErrStart):
			f = &harness.Finding{What: harness.Sentence(err.Error())}
		case err != nil:
			return fmt.Errorf("%s: %w", c.ID, err)
		}
		if c.Runs > 1 {
			o.runs++
		}
		if f == nil {
			continue
		}
		if o.wrong++; o.wrong == 1 {
			o.status, o.finding = Failed, *f
		}
	}
	if c.Runs < 2 {
		o.wrong = 0
	}
	switch {
	case o.status == Failed && c.Bonus:
		o.status = Absent
	case o.status == Failed:
		s.excuse(o, c.Shares)
	case o.status == Passed:
		s.suite.Pass(c.ID)
	}
	return nil
}

// settle excuses those that failed of a fault which another one has told, when all are over.
func (s *schedule) settle(plan []checks.Check) {
	for _, c := range plan {
		if o := s.outcomes[c.ID]; o.status == Failed {
			s.excuse(o, c.Echoes)
		}
	}
}

// excuse sees to it that a fault which shows in two checks is one loss.
func (s *schedule) excuse(o *outcome, others []string) {
	for _, id := range others {
		if other := s.outcomes[id]; other != nil && other.status == Failed {
			o.status, o.blockedBy, o.charged, o.runs, o.wrong = Blocked, id, checks.Find(id).Foundation, 0, 0
			o.finding = harness.Finding{What: fmt.Sprintf("It failed, too, as it does where “%s” fails.", checks.Find(id).Title)}
			return
		}
	}
}

// confirmed tries a check. What it finds in a run of the server that others have used before has to
// show in one of its own, too: what they left behind is not the check's business.
func (s *schedule) confirmed(ctx context.Context, c checks.Check, round int) (*harness.Finding, error) {
	alone := c.Alone || c.Own && !s.suite.Sparing
	f, err := s.limited(ctx, c, round, alone)
	if f == nil || f.Final || alone || c.Bonus {
		return f, err
	}
	again, err := s.limited(ctx, c, round, true)
	if again == nil && err == nil {
		s.suite.Spoilt()
	}
	return again, err
}

// limited tries a check once. A mistake of the grader's own costs a class this check, and not all that it
// has not graded yet.
func (s *schedule) limited(ctx context.Context, c checks.Check, round int, alone bool) (_ *harness.Finding, err error) {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	defer func() {
		if wrong := recover(); wrong != nil {
			err = &checks.NotTriedError{Why: fmt.Sprintf("the grader itself has a mistake here (%v), which is no fault of the submission: please report it with %s", wrong, debug.Stack())}
		}
	}()
	suite := s.suite.For(round, alone)
	f, err := c.Run(ctx, suite)
	return suite.Told(f), err
}
