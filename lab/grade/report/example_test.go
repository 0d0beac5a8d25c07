package report

import (
	"strings"
	"time"

	"pubsublab/lab/grade"
	"pubsublab/lab/grade/harness"
)

// hostile holds what a submission may send to break out of a report.
const hostile = "</title></text></svg></script><script>alert(1)</script><img src=x onerror=alert(1)>'\"&amp;]]>" +
	"\x1b[2J\x1b]0;owned\x07\x00\xff\xc3\u202e\U000e0100\u115fgnp.exe\u2028\ufeff\ufffe\U000e0041`**bold**|$(rm)"

// example is a result with every status and every kind of step, hostile bytes
// and long texts.
func example() *grade.Result {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	step := func(at int, kind harness.Kind, from, to, data string) harness.Step {
		return harness.Step{At: ms(at), Kind: kind, From: from, To: to, Data: []byte(data)}
	}
	return &grade.Result{
		Submission: "student42: python3 server.py {port}",
		Runner:     "processes",
		Rubric:     "Publish/subscribe middleware, winter 2026",
		Seed:       9_007_199_254_740_993, // no double can hold it
		Began:      time.Date(2026, 11, 22, 10, 15, 4, 123_456_789, time.UTC),
		Took:       41_234 * time.Millisecond,
		Framing:    "reads",
		Verdict:    grade.Graded,
		Remarks:    []string{"The server needs 15 s to start, and was started 4 times."},
		Stages: []grade.Stage{
			{ID: "server", Title: "The server", Checks: []grade.Check{
				{ID: "starts", Title: "starts, and listens on the port it is given", From: "A1", Status: grade.Passed, Points: 2, Max: 2, Took: ms(312)},
				{ID: "asks-role", Title: "asks for the role", Status: grade.Passed, Points: 1, Max: 1, Took: ms(48)},
				{ID: "several-connections", Title: "serves several connections at once", Status: grade.Passed, Points: 3, Max: 3, Took: ms(155)},
				{ID: "survives-reset", Title: "survives a connection that is reset in the middle of a message", Status: grade.Failed, Points: 0, Max: 2.5, Took: ms(1_840),
					What:  "After publisher 1 reset its connection in the middle of a message, the server ended with exit code 1.",
					Cause: "An exception of recv or send on one connection is not caught, and ends the whole program: ConnectionResetError has to be handled like an end of input.",
					Excerpt: []harness.Step{
						step(0, harness.Connects, "subscriber 1", "server", ""),
						step(2, harness.Connects, "publisher 1", "server", ""),
						step(4, harness.Sends, "server", "publisher 1", "Enter your role (PUBLISHER/SUBSCRIBER) : "),
						step(210, harness.Sends, "publisher 1", "server", "PUBLISHER"),
						step(216, harness.Prints, "server", "", "[NEW] 127.0.0.1:51234 is a PUBLISHER\n"),
						step(420, harness.Sends, "publisher 1", "server", "half of a mess"),
						step(421, harness.Resets, "publisher 1", "server", ""),
						step(430, harness.Prints, "server", "", "Traceback (most recent call last):\n  File \"server.py\", line 41, in handle\n    data = conn.recv(1024)\nConnectionResetError: [Errno 104] Connection reset by peer\n"),
						step(431, harness.Exits, "server", "", "with exit code 1"),
						step(431, harness.Closes, "server", "subscriber 1", ""),
						step(2_431, harness.Notes, "subscriber 1", "", "was not told anything"),
					}},
				{ID: "restarts", Title: "can be started again on its port at once", Status: grade.Blocked, Max: 1, BlockedBy: "survives-reset"},
			}},
			{ID: "integration", Title: "Publishers and subscribers together", Checks: []grade.Check{
				{ID: "all-receive", Title: "all subscribers receive all messages", Status: grade.Failed, Points: 1, Max: 4, Took: ms(5_020),
					What:  "Subscriber 2 did not receive 1 of 3 messages that subscriber 1 received.",
					Cause: "The loop over the subscribers ends at the first one that cannot be sent to; the rest of them is left out. Go on with the next one, and remove the one that failed.",
					Excerpt: []harness.Step{
						step(1_000, harness.Sends, "publisher 1", "server", "kx7 quiet harbour 31"),
						step(1_001, harness.Sends, "server", "subscriber 1", "[FROM 127.0.0.1:51234] : kx7 quiet harbour 31"),
						step(1_001, harness.Sends, "server", "subscriber 2", "[FROM 127.0.0.1:51234] : kx7 quiet harbour 31"),
						step(1_200, harness.Closes, "subscriber 1", "server", ""),
						step(1_400, harness.Sends, "publisher 1", "server", "kx7 slow lantern 32"),
						step(4_400, harness.Notes, "", "", "waited 3 s"),
						step(4_400, harness.Missing, "server", "subscriber 2", "[FROM 127.0.0.1:51234] : kx7 slow lantern 32"),
					}},
				{ID: "no-echo", Title: "publishers receive nothing back", Status: grade.Failed, Max: 2, Took: ms(900),
					What: "Publisher 1 received its own message.", Runs: 5, Wrong: 2,
					Excerpt: []harness.Step{
						step(700, harness.Sends, "publisher 1", "server", "hello"),
						step(702, harness.Wrong, "server", "publisher 1", "[FROM 127.0.0.1:51234] : hello"),
					}},
				{ID: "hostile", Title: "keeps what is sent as it is", Status: grade.Failed, Max: 1, Took: ms(77),
					What:  "Subscriber 10 received other bytes than publisher 1 sent: " + hostile,
					Cause: hostile,
					Excerpt: []harness.Step{
						step(1, harness.Sends, "publisher 1", "server", hostile),
						step(2, harness.Sends, "server", "subscriber 10", strings.Repeat("long ", 200)+"end"),
						step(3, harness.Sends, "server", "subscriber 2", "  two  spaces  and a tab\t\r\n"),
						step(3, harness.Sends, "publisher 2", "subscriber 10", "not through the server"),
						step(5, harness.Wrong, "server", "subscriber <b>\x1b[31m", hostile),
						step(5, harness.Prints, "subscriber 10", "", hostile),
						step(6, harness.Notes, "", "", hostile),
						step(6, harness.Prints, "", "", ""),
						step(7, "unheard-of", "server", "server", "to itself"),
					}},
				{ID: "order", Title: "messages of one publisher stay in order", Status: grade.Blocked, Max: 3, BlockedBy: "all-receive", Charged: true},
				{ID: "many", Title: "many clients come and go", From: "A5, A10", Status: grade.NotTried, Max: 2,
					What: "Not tried: its messages are serialised objects, which the grader cannot make."},
			}},
			{ID: "bonus", Title: "Bonus", Checks: []grade.Check{
				{ID: "names", Title: "names of clients", Status: grade.Passed, Points: 1.5, Max: 1.5, Bonus: true, Took: ms(80)},
				{ID: "history", Title: "history for new subscribers", Status: grade.Absent, Max: 2, Bonus: true, Took: ms(60)},
			}},
		},
	}
}

// crashed is the result of a submission that was not graded.
func crashed() *grade.Result {
	r := example()
	r.Verdict, r.Why = grade.NotStarted, "The server ended with exit code 1 after 0.2 s: "+hostile
	r.Tried = []string{"python3 server.py 5000", hostile}
	r.Excerpt = r.Stages[0].Checks[3].Excerpt[7:9]
	r.Stages = r.Stages[:1]
	r.Stages[0].Checks = r.Stages[0].Checks[:1]
	c := &r.Stages[0].Checks[0]
	c.Status, c.Points, c.What = grade.Failed, 0, "It ended."
	return r
}

// flawless is a result with nothing to complain about.
func flawless() *grade.Result {
	r := example()
	r.Submission = "=2+2"
	r.Framing = "lines"
	for i := range r.Stages {
		for j := range r.Stages[i].Checks {
			c := &r.Stages[i].Checks[j]
			c.Status, c.Points, c.What, c.Cause, c.BlockedBy, c.Excerpt = grade.Passed, c.Max, "", "", "", nil
		}
	}
	return r
}
