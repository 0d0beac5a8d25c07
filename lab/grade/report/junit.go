package report

import (
	"bytes"
	"encoding/xml"
	"maps"
	"slices"
	"strconv"
	"time"

	"pubsublab/lab/grade"
)

// The elements of junit.xml: what both the schema of Ant
// (https://github.com/windyroad/JUnit-Schema) and that of Jenkins (junit-10.xsd
// of https://github.com/jenkinsci/xunit-plugin) know.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		ID         int             `xml:"id,attr"`
		Name       string          `xml:"name,attr"`
		Package    string          `xml:"package,attr"`
		Hostname   string          `xml:"hostname,attr"`
		Timestamp  string          `xml:"timestamp,attr"`
		Time       string          `xml:"time,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
		Out        string          `xml:"system-out"`
		Err        string          `xml:"system-err"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name    string       `xml:"name,attr"`
		Class   string       `xml:"classname,attr"`
		Time    string       `xml:"time,attr"`
		Skipped *junitSkip   `xml:"skipped"`
		Error   *junitReason `xml:"error"`
		Failure *junitReason `xml:"failure"`
	}
	// junitSkip has no type: the stricter schema of Jenkins knows none.
	junitSkip struct {
		Message string `xml:"message,attr"`
	}
	junitReason struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// junit makes junit.xml: a suite for each stage. What was not tried and bonuses
// that were not found are skipped. A submission that was not graded has one more
// suite, with an error.
func junit(r *grade.Result) ([]byte, error) {
	var out junitSuites
	if !r.Graded() {
		suite := newJUnitSuite(r, 0, grade.Stage{ID: "verdict", Title: "The submission", Checks: make([]grade.Check, 1)})
		suite.Errors, suite.Time = 1, seconds(r.Took)
		suite.Cases = []junitCase{{
			Name: "can be graded", Class: "verdict", Time: seconds(r.Took),
			Error: &junitReason{Type: reason(r), Message: clean(r.Why), Text: verdict(r)},
		}}
		out.Suites = append(out.Suites, suite)
	}
	for _, s := range r.Stages {
		suite := newJUnitSuite(r, len(out.Suites), s)
		var took time.Duration
		for _, c := range s.Checks {
			took += c.Took
			test := junitCase{Name: clean(c.Title), Class: s.ID + "." + c.ID, Time: seconds(c.Took)}
			switch c.Status {
			case grade.Failed:
				suite.Failures++
				test.Failure = &junitReason{Type: string(c.Status), Message: explanation(r, c), Text: evidence(r, c)}
			case grade.Blocked, grade.NotTried, grade.Absent:
				suite.Skipped++
				test.Skipped = &junitSkip{explanation(r, c)}
			}
			suite.Cases = append(suite.Cases, test)
		}
		suite.Time = seconds(took)
		out.Suites = append(out.Suites, suite)
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	encoder := xml.NewEncoder(&b)
	encoder.Indent("", "  ")
	if err := encoder.Encode(out); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

func newJUnitSuite(r *grade.Result, id int, s grade.Stage) junitSuite {
	suite := junitSuite{
		ID:        id,
		Name:      clean(s.Title),
		Package:   s.ID,
		Hostname:  "localhost",
		Timestamp: r.Began.UTC().Format("2006-01-02T15:04:05"),
		Tests:     len(s.Checks),
		Out:       "To repeat this run: the same command with " + repeat(r),
	}
	known := facts(r)
	for _, name := range slices.Sorted(maps.Keys(known)) {
		suite.Properties = append(suite.Properties, junitProperty{name, known[name]})
	}
	return suite
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }
