package main

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	docLink    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	docTest    = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z]\w*(?:\.\.\.)?`)
	docPath    = regexp.MustCompile("`((?:server|client|protocol|lab|internal|e2e|docs)/[^\\s`]*)`")
	docHeading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	docFence   = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	docMention = regexp.MustCompile(`\bdocs/[\w/-]+\.md\b`)
	testFunc   = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
)

// Every relative link in the documentation leads somewhere, its heading too; every test and every path that it names is
// there; and so is every page that the code names.
func TestDocLinks(t *testing.T) {
	var pages, code, tests []string
	require.NoError(t, filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch name := entry.Name(); {
		case entry.IsDir() && (name == ".git" || name == "testdata"):
			return fs.SkipDir
		case entry.IsDir():
		case strings.HasSuffix(name, ".md"):
			pages = append(pages, path)
		case slices.Contains([]string{".go", ".yaml", ".yml", ".conf"}, filepath.Ext(name)):
			code = append(code, path)
		}
		return nil
	}))
	for _, path := range code {
		text := read(t, path)
		if strings.HasSuffix(path, "_test.go") {
			for _, found := range testFunc.FindAllStringSubmatch(text, -1) {
				tests = append(tests, found[1])
			}
		}
		for _, page := range docMention.FindAllString(text, -1) {
			assert.FileExists(t, filepath.Join("..", page), "%s names it", path)
		}
	}
	looked := 0
	for _, page := range pages {
		text := read(t, page)
		for _, found := range docTest.FindAllString(text, -1) {
			looked++
			name, begin := strings.CutSuffix(found, "...")
			assert.True(t, slices.ContainsFunc(tests, func(test string) bool {
				return test == name || begin && strings.HasPrefix(test, name)
			}), "%s names the test %s: there is none", page, found)
		}
		for _, found := range docPath.FindAllStringSubmatch(text, -1) {
			looked++
			there, err := filepath.Glob(filepath.Join("..", found[1]))
			assert.True(t, err == nil && len(there) > 0, "%s names %s: there is no such file or folder", page, found[1])
		}
		for _, found := range docLink.FindAllStringSubmatch(docFence.ReplaceAllString(text, ""), -1) {
			link, err := url.Parse(found[1])
			require.NoError(t, err, page)
			if link.Scheme != "" {
				continue
			}
			looked++
			target := page
			if link.Path != "" {
				target = filepath.Join(filepath.Dir(page), link.Path)
			}
			if _, err := os.Stat(target); !assert.NoError(t, err, "%s links to %s", page, found[1]) || link.Fragment == "" {
				continue
			}
			assert.Contains(t, anchors(read(t, target)), link.Fragment, "%s links to %s: there is no such heading", page, found[1])
		}
	}
	assert.Greater(t, looked, 300, "links, tests and paths looked at")
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// anchors are the names by which a page's headings can be linked to, as GitHub makes them.
func anchors(page string) (all []string) {
	for _, found := range docHeading.FindAllStringSubmatch(docFence.ReplaceAllString(page, ""), -1) {
		all = append(all, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, found[1]))
	}
	return all
}
