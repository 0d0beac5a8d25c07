// Package failed keeps the run of an end-to-end test that failed, for whoever looks at it later.
package failed

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"pubsublab/lab/history"
	"pubsublab/lab/report"
)

// Keep writes run.json and report.html of a test, as it is by now, into lab-report/e2e of this
// checkout, where the test has failed. It says where.
func Keep(t testing.TB, run report.Run) {
	t.Helper()
	if !t.Failed() {
		return
	}
	folder, err := folderOf(t.Name())
	if err == nil {
		err = keep(folder, t.Name(), run)
	}
	if err != nil {
		t.Log("the run is not kept:", err)
		return
	}
	t.Logf("the run is kept: %s, %s", filepath.Join(folder, report.PageFile), filepath.Join(folder, report.RunFile))
}

func keep(folder, test string, run report.Run) error {
	run.Title = test
	run.Verdict = report.Verdict{Level: "bad", Headline: test + " failed."}
	run.History = settled(run.History)
	return report.Write(folder, run)
}

var notInNames = regexp.MustCompile(`[^\w.-]+`)

// folderOf is where the run of a test is kept.
func folderOf(test string) (string, error) {
	root, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(root, "go.mod")); missing == nil {
			return filepath.Join(root, "lab-report", "e2e", notInNames.ReplaceAllString(test, "_")), nil
		}
		if filepath.Dir(root) == root {
			return "", os.ErrNotExist
		}
		root = filepath.Dir(root)
	}
	return "", err
}

// settled is a history that can be judged: publishers that share a name, and those that the test
// made itself, are others, who are shown and not judged.
func settled(h history.History) history.History {
	times := map[string]int{}
	for _, p := range h.Publishers {
		times[p.Name]++
	}
	h.Publishers = slices.DeleteFunc(slices.Clone(h.Publishers), func(p history.Publisher) bool { return times[p.Name] > 1 })
	for _, s := range h.Subscribers {
		for _, m := range s.Received {
			h.Others = h.Others || m.Gap == 0 && times[m.From] != 1
		}
	}
	return h
}
