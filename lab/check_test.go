package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/history"
	"pubsublab/lab/report"
)

// A run that was kept is judged as it was.
func TestCheckAKeptRun(t *testing.T) {
	h := history.History{
		Publishers:  []history.Publisher{{Name: "ada", Sent: []string{"one", "two"}, Acked: 2}},
		Subscribers: []history.Subscriber{{Name: "s", FromFirst: true, ToEnd: true, Received: []history.Message{{Pos: 1, From: "ada", Line: "one"}, {Pos: 2, From: "ada", Line: "two"}}}},
	}
	folder := filepath.Join(t.TempDir(), "lab-report")
	require.NoError(t, report.Write(folder, report.Run{History: h}))
	path := filepath.Join(folder, report.RunFile)
	require.NoError(t, (&checking{File: path}).Run(nil))

	h.Subscribers[0].Received = h.Subscribers[0].Received[:1]
	var out strings.Builder
	assert.ErrorIs(t, checkRun(&out, h), errVerdict)
	assert.Contains(t, out.String(), `s: lost 1 line of "ada": #2 "two"`)

	require.NoError(t, os.WriteFile(path, []byte("not a run"), 0o600))
	assert.ErrorContains(t, (&checking{File: path}).Run(nil), "run.json: expected a run as lab up keeps it")
}
