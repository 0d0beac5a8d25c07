package submission

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// portPair are the ports of two servers of one program, as READMEs start them one after the other; zero
// where they do not.
func (f *finder) portPair(u unit) (first, second string) {
	for _, name := range slices.Sorted(maps.Keys(f.texts(u))) {
		for line := range strings.Lines(f.texts(u)[name]) {
			switch port := u.server.portIn(line); {
			case first == "":
				first = port
			case port != "" && port != first:
				return first, port
			}
		}
	}
	return "", ""
}

// portIn is the first port behind the name of a program in a line; empty where there is none.
func (p program) portIn(line string) string {
	for _, name := range []string{p.source[strings.LastIndexByte(p.source, '/')+1:], p.class, p.binary, p.name} {
		if name == "" {
			continue
		}
		if called := regexp.MustCompile(`(?:^|[\s/.]|\b)` + regexp.QuoteMeta(name) + `\b(.*)`).FindStringSubmatch(line); called != nil {
			return aPort.FindString(called[1])
		}
	}
	return ""
}

// guides are the READMEs that are about a unit. Where they start two servers that know each other, they
// are about the first: the other's port is {port2}, and the other's own lines are left out.
func (f *finder) guides(u unit) map[string]string {
	texts := f.texts(u)
	first, second := f.portPair(u)
	if second == "" {
		return texts
	}
	for name, text := range texts {
		var lines []string
		for line := range strings.Lines(text) {
			ports := aPort.FindAllString(line, -1)
			if both := slices.Contains(ports, first) && slices.Contains(ports, second); both && ports[0] == second {
				continue
			} else if both {
				line = wholeNumber(second).ReplaceAllString(wholeNumber(first).ReplaceAllString(line, "{port}"), "{port2}")
			}
			lines = append(lines, line)
		}
		texts[name] = strings.Join(lines, "")
	}
	return texts
}

func wholeNumber(number string) *regexp.Regexp { return regexp.MustCompile(`\b` + number + `\b`) }

// second is the command of a second server, for when the first one dies: as READMEs start it, or as the
// first one, where that is told of another. It is empty where there is none that listens.
func (f *finder) second(ctx context.Context, one *found) string {
	u, s := one.unit, one.settings
	if s.Port > 0 {
		return ""
	}
	var commands []string
	if first, second := f.portPair(u); second != "" {
		run, ok := f.equip(ctx, u, &found{}, &Settings{}, &u.server)
		if !ok {
			return ""
		}
		texts := f.texts(u)
		for _, name := range slices.Sorted(maps.Keys(texts)) {
			for line := range strings.Lines(texts[name]) {
				if u.server.portIn(line) != second {
					continue
				}
				line = wholeNumber(first).ReplaceAllString(line, "{port1}")
				for _, c := range u.server.mentions(line, name, 80) {
					commands = append(commands, c.command(run[&u.server].run, "", ""))
				}
			}
		}
	}
	if strings.Contains(s.Server, "{port2}") {
		commands = append(commands, strings.ReplaceAll(s.Server, "{port2}", "{port1}"))
	}
	known := strings.Contains(s.Server+s.Client+s.Publisher, "{port2}")
	for _, command := range commands {
		if !known && !strings.Contains(command, "{port1}") {
			continue // two servers that nobody tells of each other
		}
		if r := f.listen(ctx, s.Dir, strings.ReplaceAll(command, "{port1}", "{port2}")); slices.Contains(r.ports, r.asked) {
			f.tried("Second server: %s listens on the port that it was given.", command)
			return command
		}
	}
	return ""
}

// another is what stands for a word about another server's address, in a call that has named one already;
// empty where the word is about something else.
func another(word, bare string, seen map[string]bool) string {
	switch kind := kindOf(bare); {
	case strings.Contains(word, "{port1}"), strings.Contains(word, "{port2}"):
		return localNames.ReplaceAllString(strings.Trim(word, "<>[]"), "{host}")
	case !seen["{port}"]:
		return ""
	case kind == "{port}" && !seen["{port2}"]:
		return "{port2}"
	case kind == "{host}" && seen["{host}"] && (anIP.MatchString(bare) || strings.HasPrefix(word, "<")):
		return "{host}"
	}
	return ""
}

var localNames = regexp.MustCompile(`\d{1,3}(?:\.\d{1,3}){3}|localhost`)
