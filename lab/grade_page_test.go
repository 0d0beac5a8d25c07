package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/mattn/go-shellwords"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// gradeCommand finds the commands of lab grade on a page, which stand in blocks of code.
var gradeCommand = regexp.MustCompile(`(?m)^    (?:sudo )?(?:go run \./)?lab grade ((?:.*\\\n)*.*)`)

// TestGradingPage does what docs/grading.md says: each command is understood, and each for which this
// machine has what it needs is run, and gives what the page promises.
func TestGradingPage(t *testing.T) {
	page := read(t, filepath.Join("..", "docs", "grading.md"))
	python := "lab/grade/gallery/python"
	handedIn := filepath.Join(t.TempDir(), "here")
	folder := func(name string) string {
		require.NoError(t, os.MkdirAll(filepath.Join(handedIn, name), 0o755))
		return filepath.Join(handedIn, name)
	}
	for _, dir := range []string{folder("."), folder("submissions/ada"), folder("submissions/bob"), folder("../mine")} {
		for _, name := range []string{"server", "client"} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name+".py"), []byte(read(t, filepath.Join("..", python, "faithful_"+name+".py"))), 0o644))
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\nexec python3 "+name+".py \"$@\"\n"), 0o755))
		}
	}
	rubric := filepath.Join(handedIn, "rubric.yaml")
	require.NoError(t, os.WriteFile(rubric, []byte("title: T\nstages:\n  - {id: s, title: S, checks: [{id: server-starts, points: 2}, {id: pair-works, points: 1}]}\n"), 0o600))
	checkout, err := os.Getwd()
	require.NoError(t, err)
	found := gradeCommand.FindAllStringSubmatch(page, -1)
	assert.Greater(t, len(found), 8, "commands on the page")
	done, packs := map[string]bool{}, &packs{dir: t.TempDir(), checkout: checkout}
	for _, command := range found {
		text := strings.ReplaceAll(command[1], "\\\n", "")
		if done[text] {
			continue // the page says it twice
		}
		done[text] = true
		t.Run(strings.Join(strings.Fields(text), " "), func(t *testing.T) {
			text := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSpace(text), "..."), "> rubric.yaml")
			if strings.Contains(command[1], "...") {
				text += ` './server {port}' --client-cmd './client {host} {port}' --trust` // what the reader knows by then
			}
			text = strings.ReplaceAll(text, "--as submission", "--as "+strconv.Itoa(71_000+os.Getpid()%5_000))
			t.Chdir(handedIn)
			words, err := shellwords.Parse(text)
			require.NoError(t, err)
			var g grading
			parser, err := kong.New(&g)
			require.NoError(t, err)
			_, err = parser.Parse(words)
			if len(g.As) > 0 && (runtime.GOOS != "linux" || os.Geteuid() != 0) {
				assert.Error(t, err, "not everybody can become somebody else")
				t.Skip("it is for root on Linux: ", err)
			}
			require.NoError(t, err)
			follow(t, &g, packs, rubric)
		})
	}
}

// packs are what the commands of the page pack. They are packed at once, since building a static lab takes long.
type packs struct {
	dir, checkout string
	flags         []string // with which they were packed; nil: they were not
}

func (p *packs) follow(t *testing.T, g *grading) {
	if testing.Short() {
		t.Skip("it takes long, and -short asks for short ones")
	}
	zip, bundle := filepath.Join(p.dir, "autograder.zip"), filepath.Join(p.dir, "bundle")
	made := zip
	if g.Classroom50Bundle != "" {
		made = filepath.Join(bundle, "autograder.py")
	}
	if p.flags == nil {
		t.Chdir(p.checkout)
		p.flags, g.GradescopeZip, g.Classroom50Bundle = g.handedOn(), zip, bundle
		require.NoError(t, g.Run(&signals{run: t.Context(), force: t.Context()}))
	}
	assert.Equal(t, p.flags, g.handedOn(), "what is packed with other flags has to be packed by itself")
	assert.FileExists(t, made)
}

// follow runs a command of the page.
func follow(t *testing.T, g *grading, packs *packs, rubric string) {
	g.Out = filepath.Join(t.TempDir(), "out")
	run := func() { require.NoError(t, g.Run(&signals{run: t.Context(), force: t.Context()})) }
	switch program := strings.Fields(g.ServerCmd + " -")[0]; {
	case g.PrintRubric:
		run()
		return
	case g.ServerImage != "":
		t.Skip("TestContainers grades images")
	case g.packs():
		packs.follow(t, g)
		return
	case !g.found() && program != "python3" && program != "./server":
		t.Skipf("%s has other programs to start", program)
	}
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip(err)
	}
	if g.Rubric == "" || g.Rubric == "rubric.yaml" { // one that is done soon
		g.Rubric = rubric
		require.NoError(t, g.Validate())
	}
	run()
	reports, err := filepath.Glob(filepath.Join(g.Out, "report.html"))
	require.NoError(t, err)
	if g.Class != "" {
		reports, err = filepath.Glob(filepath.Join(g.Out, "*", "report.html"))
		require.NoError(t, err)
		assert.Len(t, reports, 2)
	}
	require.NotEmpty(t, reports)
	for _, page := range reports {
		for _, name := range []string{"release-body.md", "results.json", "result.json", "junit.xml", "ctrf.json"} {
			assert.FileExists(t, filepath.Join(filepath.Dir(page), name))
		}
		assert.Contains(t, read(t, filepath.Join(filepath.Dir(page), "release-body.md")), "## 3 / 3 points")
	}
}
