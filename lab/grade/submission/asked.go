package submission

import (
	"context"
	"regexp"
	"slices"
	"strings"
)

// typing types at a server what it asks for, until it listens.
func (f *finder) typing(ctx context.Context, dir string, run []string, asks string) (started, bool) {
	var lines []string
	for asks != "" && !slices.Contains(lines, asks) {
		lines = append(lines, asks)
		command := "sh -c " + quote("(echo "+strings.Join(lines, "; echo ")+"; cat) | "+join(run...))
		r := f.listen(ctx, dir, command)
		switch {
		case slices.Contains(r.ports, r.asked):
			f.tried("Server: %s listens on the port that it was given.", command)
			return started{command: command}, true
		case len(r.ports) > 0:
			f.tried("Server: %s listens on port %s and not on the one that it was given, %d.", command, numbers(r.ports, 0), r.asked)
			return started{command: command, port: r.ports[0]}, true
		}
		f.tried("Server: %s %s", command, r.said())
		asks = r.asks
	}
	return started{}, false
}

var (
	// asksPort matches the end of a text that waits for a port.
	asksPort = regexp.MustCompile(`(?i)\b(?:port|puerto|porta)\b[^\n]*[:?>]\s*$`)
	// asksWhat matches a text that waits for what a program is to be, by a menu or in words.
	asksWhat = regexp.MustCompile(`(?im)^\s*[\[(]?(\w)\s*(?:[\]).:=-]+|->)\s*[^\n]*\b(?:` + serverWord + `)\b[\s\S]*[:?>]\s*$` +
		`|(?:\b(` + serverWord + `)\s*[/|,]|(?:[/|,]|\bor)\s*(?:or\s+)?(?:an? )?(` + serverWord + `)\b)[^\n]*[:?>)]\s*$`)
)

// answer is what a server is typed that shows this; empty where it asks for nothing that is known.
func answer(shown string) string {
	if asksPort.MatchString(shown) {
		return "{port}"
	}
	if found := asksWhat.FindStringSubmatch(shown); found != nil && speaksRoles.MatchString(shown) {
		return found[1] + found[2] + found[3]
	}
	return ""
}

const serverWord = `serv(?:er|idor|eur)|broker`
