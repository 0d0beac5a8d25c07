package main

import (
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mayImport says which packages of this module the code below a folder may import, tests left out:
// those below the folders named, and its own. Imports point down, never up. The longest folder that
// fits counts. Programs of the gallery are other people's, and the grader shares no code with what
// it grades, so that it cannot share its bugs. How tests wait, e2e/wait, and where
// their servers listen, e2e/ports, are for test files and what only those import, wherever those are.
var mayImport = map[string][]string{
	"protocol":        {},
	"server/journal":  {"protocol"},
	"server/feed":     {"protocol", "server/journal"},
	"server/broker":   {"protocol", "server/journal", "server/feed"},
	"server/web":      {"protocol", "server/journal", "server/feed", "server/broker"},
	"server/web/page": {},
	"server":          {"protocol"},
	"client/pubsub":   {"protocol"},
	"client":          {"protocol"},
	"lab/internal":    {},
	"lab/history":     {"lab/internal"},
	"lab/topology":    {"lab/internal", "lab/history"},
	"lab/report":      {"lab/internal", "lab/history"},
	"lab/console":     {"lab/history", "lab/topology", "lab/report", "server/web/page"},
	"lab/grade":       {"lab/internal"},
	"lab/bench":       {"lab/internal", "protocol"},
	"lab":             {"protocol", "client/pubsub"},
	"e2e":             {"protocol", "client/pubsub", "lab/history", "lab/topology", "lab/report", "lab/internal"},
}

// belongs reports whether a package is a folder's or lies below it.
func belongs(pkg, folder string) bool { return pkg == folder || strings.HasPrefix(pkg, folder+"/") }

func TestImportsPointDown(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-buildvcs=false", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "pubsublab/...").Output()
	require.NoError(t, err)
	folders := slices.Collect(maps.Keys(mayImport))
	seen := 0
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pkg := strings.TrimPrefix(fields[0], "pubsublab/")
		home := ""
		for _, folder := range folders {
			if belongs(pkg, folder) && len(folder) > len(home) {
				home = folder
			}
		}
		if !assert.NotEmpty(t, home, "%s is in no folder of the map", pkg) {
			continue
		}
		for _, path := range fields[1:] {
			other, ours := strings.CutPrefix(path, "pubsublab/")
			if !ours {
				continue
			}
			seen++
			if other == "e2e/wait" || other == "e2e/ports" {
				assert.Contains(t, fields, "testing", "%s imports %s outside its tests", pkg, other)
				continue
			}
			allowed := slices.ContainsFunc(append(mayImport[home], home), func(folder string) bool { return belongs(other, folder) })
			assert.True(t, allowed, "%s imports %s: what is below %s may only import %v", pkg, other, home, mayImport[home])
		}
	}
	assert.Greater(t, seen, 30, "imports looked at")
}
