package submission

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strconv"
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

// second finds the command of a second server, for when the first one dies, and adds it to the settings: as
// READMEs start it, or as the first one, where that is told of another; or one that listens on a port of its
// own, as its source, or an argument, fixes it.
func (f *finder) second(ctx context.Context, one *found) {
	u, s := one.unit, &one.settings
	var commands []string
	first, port := f.portPair(u)
	if port != "" && s.Port == 0 {
		run, ok := f.equip(ctx, u, &found{}, &Settings{}, &u.server)
		if !ok {
			return
		}
		texts := f.texts(u)
		for _, name := range slices.Sorted(maps.Keys(texts)) {
			for line := range strings.Lines(texts[name]) {
				if u.server.portIn(line) != port {
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
			s.Second = command
			return
		}
	}
	f.fixedSecond(ctx, one, port)
}

// fixedSecond finds a second server that listens on a port which is fixed: another program, or the first one
// with another word or port. There is one where the clients' sources know its port, or its name says so.
func (f *finder) fixedSecond(ctx context.Context, one *found, port string) {
	u, s := one.unit, &one.settings
	known := ""
	for _, p := range u.programs() {
		known += p.text + p.near
	}
	for _, p := range u.spares {
		recipes, ok := f.equip(ctx, u, &found{}, s, &p)
		calls := p.calls(f.texts(u))
		const most = 3 // ways to call it
		for i := 0; ok && i < min(len(calls), most); i++ {
			command := calls[i].command(recipes[&p].run, "", "")
			r := f.listen(ctx, s.Dir, command)
			if fixed := p.portIn(f.docs(u)); slices.Contains(r.ports, r.asked) && fixed != "" {
				command = strings.ReplaceAll(command, "{port}", fixed)
				r = f.listen(ctx, s.Dir, command)
			}
			if f.isSecond(one, command, r, known, namesSpare.MatchString(words(p.name))) {
				return
			}
		}
	}
	var commands []string
	if s.Port == 0 && port != "" && strings.Contains(known, port) {
		commands = append(commands, strings.ReplaceAll(s.Server, "{port}", port))
	}
	for _, number := range portsIn(known) {
		if s.Port > 0 && number != s.Port && strings.Contains(s.Server, "{port}") {
			commands = append(commands, strings.ReplaceAll(s.Server, "{port}", strconv.Itoa(number)))
		}
	}
	called, last := s.Server[:strings.LastIndexByte(s.Server, ' ')+1], s.Server[strings.LastIndexByte(s.Server, ' ')+1:]
	for _, word := range alternativesOf(last, u.server.text+u.server.near+f.docs(u)) {
		commands = append(commands, called+word)
	}
	const most = 4
	for _, command := range commands[:min(len(commands), most)] {
		if f.isSecond(one, command, f.listen(ctx, s.Dir, command), known, false) {
			return
		}
	}
}

// isSecond takes a command for that of the second server where what became of it says so, and reports
// whether it did.
func (f *finder) isSecond(one *found, command string, r listener, known string, named bool) bool {
	s := &one.settings
	knows := slices.ContainsFunc(r.ports, func(port int) bool {
		const least = 1024 // for people other than root
		return port >= least && port != s.Port && wholeNumber(strconv.Itoa(port)).MatchString(known)
	})
	if r.ended || strings.Contains(command, "{port}") || !knows && !named {
		return false
	}
	f.tried("Second server: %s", command)
	s.Second = command
	return true
}

// alternativesOf are the words between which and another one a text leaves the choice: of "1", in "<1|2>".
func alternativesOf(word, text string) (all []string) {
	if word == "" || kindOf(word) != "" || !regexp.MustCompile(`^\w+$`).MatchString(word) {
		return nil
	}
	either := regexp.MustCompile(`\b` + word + `["'\])>]*\s*(?:[|/,]|\bor\b)\s*["'\[(<]*(\w+)|(\w+)["'\])>]*\s*(?:[|/,]|\bor\b)\s*["'\[(<]*` + word + `\b`)
	for _, found := range either.FindAllStringSubmatch(text, -1) {
		if other := found[1] + found[2]; other != word && !slices.Contains(all, other) {
			all = append(all, other)
		}
	}
	return all
}

// namesSpare matches what second servers are called.
var namesSpare = regexp.MustCompile(`(?i)second|back ?up|stand ?by|replica|spare|slave|follower|\b2\b|\bb\b`)

// docs are the texts about a unit, one after the other.
func (f *finder) docs(u unit) string {
	texts, all := f.texts(u), ""
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		all += texts[name] + "\n"
	}
	return all
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
