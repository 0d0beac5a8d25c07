package grade

import (
	"fmt"

	"pubsublab/lab/grade/checks"
	"pubsublab/lab/grade/harness"
)

// talks are the checks of which one has to pass for the points to mean anything: something that was
// said at one end arrived at the other.
var talks = []string{"pair-works", "server-delivers", "lines-shown"}

// judge gives the verdict of the whole. Where nothing arrives, it is the submission's fault only
// when that shows without a guess at what its programs say to each other; otherwise a person has to
// look. Where it is in doubt whether the right programs run, none of it is their fault for certain.
func judge(r *Result, outcomes map[string]*outcome, suite *checks.Suite, doubt string) {
	r.Verdict = Graded
	if o := outcomes["server-starts"]; o != nil && o.status == Failed {
		r.Verdict, r.Why, r.Excerpt = NotStarted, o.finding.What, o.finding.Excerpt
		r.Tried = []string{fmt.Sprintf("The server was started, and for %v, or until it ended, a connection to the port that it was told was tried, and wherever else it listens.", harness.StartLimit)}
		return
	}
	var failed []*outcome
	var tried []string
	for _, id := range talks {
		switch o := outcomes[id]; {
		case o == nil:
		case o.status == Passed, o.status == Failed && o.finding.Certain && doubt == "":
			return
		case o.status == Failed:
			failed = append(failed, o)
			tried = append(tried, checks.Find(id).Title+": "+o.finding.What)
		}
	}
	if len(failed) == 0 {
		return
	}
	r.Verdict, r.Excerpt = NotUnderstood, failed[0].finding.Excerpt
	r.Why = "The programs start, and no message arrived in any way that was tried; it may be the grader that does not understand them."
	if doubt != "" {
		r.Why += " " + doubt
	}
	r.Tried = append(tried, suite.Tried()...)
}
