package submission

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"pubsublab/lab/grade/harness"
)

// unit is a solution of one of the steps: a server and what talks to it.
type unit struct {
	dir           string // the lowest folder that holds all of it, in which it is built
	home          string // the folder that is its own: below dir where that is the root of the packages of several
	task          int    // of the course's steps; 0 where nothing tells it
	suffix        int    // that the names of its programs end in; -1: none
	shares        bool   // its folder holds other units, too
	server        program
	spares        []program // other servers, of which one may be the second of two
	cast                    // the likeliest
	others        []cast    // that it may be instead
	roles, topics bool      // whether the sources speak of them
}

// cast are the programs that talk to a server: one client, or one program for each role, or none.
type cast struct {
	client, publisher, subscriber *program
}

// programs are those that there are.
func (c cast) programs() []*program {
	return slices.DeleteFunc([]*program{c.client, c.publisher, c.subscriber}, func(p *program) bool { return p == nil })
}

var (
	speaksRoles  = regexp.MustCompile(`(?i)publisher|subscriber`)
	speaksTopics = regexp.MustCompile(`(?i)topic|subject|channel|\bt[eh]+ma\b|t[óo]pico|kanal|canal`)
)

// units are the solutions in a tree, the one that the student went furthest with first.
func (t *tree) units() []unit {
	programs := t.programs()
	dirs := map[string]bool{}
	for _, p := range programs {
		for dir := path.Dir(p.source); ; dir = path.Dir(dir) {
			dirs[dir] = true
			if dir == "." {
				break
			}
		}
	}
	var lowest []string // folders with a server and a client, of which no folder below has both
	for dir := range dirs {
		if complete(programs, dir) {
			lowest = append(lowest, dir)
		}
	}
	holding := slices.Clone(lowest)
	lowest = slices.DeleteFunc(lowest, func(dir string) bool {
		rest := programs
		for _, other := range holding {
			if other != dir && below(other, dir) {
				rest = slices.DeleteFunc(slices.Clone(rest), func(p program) bool { return below(p.source, other) })
			}
		}
		return !complete(rest, dir)
	})
	if len(lowest) == 0 { // a server alone, or nothing at all
		for dir := range dirs {
			if !slices.ContainsFunc(programs, func(p program) bool { return p.role == server && below(p.source, dir) }) {
				continue
			}
			lowest = append(lowest, dir)
		}
		holding = slices.Clone(lowest)
		lowest = slices.DeleteFunc(lowest, func(dir string) bool {
			return slices.ContainsFunc(holding, func(other string) bool { return other != dir && below(other, dir) })
		})
	}
	var units []unit
	for _, dir := range lowest {
		root := t.packages(dir, programs)
		wide := t.widen(root, lowest)
		home := wide
		if root != dir && slices.ContainsFunc(lowest, func(other string) bool { return other != dir && below(other, root) }) {
			home = dir
		}
		inside := slices.DeleteFunc(slices.Clone(programs), func(p program) bool {
			return !below(p.source, dir) || slices.ContainsFunc(lowest, func(other string) bool {
				return other != dir && below(other, dir) && below(p.source, other)
			})
		})
		units = append(units, unitsIn(wide, home, t.docs(wide), inside)...)
	}
	slices.SortStableFunc(units, func(a, b unit) int {
		return cmp.Or(cmp.Compare(b.task, a.task), cmp.Compare(b.progress(), a.progress()),
			cmp.Compare(b.suffix, a.suffix), cmp.Compare(b.server.score, a.server.score), strings.Compare(b.dir, a.dir),
			strings.Compare(a.server.source, b.server.source))
	})
	return units
}

// buildFiles are the files by which tools build; commands run where they are.
var buildFiles = []string{"Makefile", "makefile", "GNUmakefile", "CMakeLists.txt", "go.mod", "Cargo.toml", "package.json", "pom.xml", "requirements.txt"}

// widen is the folder of a unit, or the highest one above it that holds a file by which it is built and
// no other unit.
func (t *tree) widen(dir string, all []string) string {
	wide := dir
	for up := path.Dir(dir); dir != "."; up = path.Dir(up) {
		if slices.ContainsFunc(all, func(other string) bool { return other != dir && below(other, up) }) {
			break
		}
		if slices.ContainsFunc(buildFiles, func(name string) bool { _, ok := t.texts[path.Join(up, name)]; return ok }) {
			wide = up
		}
		if up == "." {
			break
		}
	}
	return wide
}

// packages is a folder, or the one above it in which the packages of its Java programs begin.
func (t *tree) packages(dir string, programs []program) string {
	for _, p := range programs {
		if p.language != "Java" || !below(p.source, dir) {
			continue
		}
		if root := t.sourceRoot(p); root != dir && below(dir, root) {
			return root
		}
	}
	return dir
}

// complete reports whether a folder holds a server and something that talks to it.
func complete(programs []program, dir string) bool {
	has := func(is func(role) bool) bool {
		return slices.ContainsFunc(programs, func(p program) bool { return is(p.role) && below(p.source, dir) })
	}
	return has(func(r role) bool { return r == server }) && has(func(r role) bool { return r == client || r == publisher || r == subscriber })
}

// unitsIn makes units of the programs of one folder: several, where their names tell which belong together, as
// server1 and client1 do, or serverSide and clientSide beside server and client.
func unitsIn(dir, home, docs string, programs []program) []unit {
	kinds := map[kind]bool{}
	for _, p := range programs {
		if p.role == server && slices.ContainsFunc(programs, func(c program) bool { return c.role != server && c.role != "" && c.kind() == p.kind() }) {
			kinds[p.kind()] = true
		}
	}
	if len(kinds) == 0 {
		kinds[kind{number: -1}] = true
	}
	var units []unit
	for k := range kinds {
		fits := func(p program) bool { return p.kind() == k || len(kinds) == 1 }
		u := unit{dir: dir, home: home, suffix: k.number, shares: len(kinds) > 1}
		pick := func(r role) *program {
			if i := slices.IndexFunc(programs, func(p program) bool { return p.role == r && fits(p) }); i >= 0 {
				return &programs[i]
			}
			return nil
		}
		found := pick(server)
		if found == nil {
			continue
		}
		u.server, u.client, u.publisher, u.subscriber = *found, pick(client), pick(publisher), pick(subscriber)
		for _, p := range programs {
			if p.role == server && p.source != found.source && p.language == found.language && fits(p) {
				u.spares = append(u.spares, p)
			}
		}
		u.settleClients()
		u.otherwise(slices.DeleteFunc(slices.Clone(programs), func(p program) bool { return !fits(p) }))
		u.divide(docs)
		u.judge()
		units = append(units, u)
	}
	return units
}

// otherwise adds what the cast may be, too: any two of the clients.
func (u *unit) otherwise(programs []program) {
	const most = 4
	clients := slices.DeleteFunc(slices.Clone(programs), func(p program) bool {
		return p.role == server || p.role == "" || namesAside.MatchString(words(p.name))
	})
	for _, p := range clients {
		for _, q := range clients {
			taken := u.publisher != nil && u.publisher.source == p.source && u.subscriber.source == q.source
			if p.source == q.source || p.role == subscriber || q.role == publisher || taken || len(u.others) == most {
				continue
			}
			p.role, q.role = publisher, subscriber
			u.others = append(u.others, cast{publisher: &p, subscriber: &q})
		}
	}
}

// settleClients decides between one client and two.
func (u *unit) settleClients() {
	both := u.publisher != nil && u.subscriber != nil
	switch {
	case both && (u.client == nil || u.client.score <= max(u.publisher.score, u.subscriber.score)):
		u.client = nil
	case u.client == nil && u.publisher != nil:
		u.client, u.publisher, u.subscriber = u.publisher, nil, nil
	case u.client == nil && u.subscriber != nil:
		u.client, u.publisher, u.subscriber = u.subscriber, nil, nil
	default:
		u.publisher, u.subscriber = nil, nil
	}
}

// divide makes a server and a client of one program that is both, as its first argument says.
func (u *unit) divide(docs string) {
	all := u.server.text + u.server.near
	if u.client != nil || u.publisher != nil || !listens.MatchString(all) || !connects.MatchString(all) {
		return
	}
	word := func(pattern string) string {
		if found := regexp.MustCompile(`["'](-{0,2}(?:` + pattern + `))["']`).FindStringSubmatch(all); found != nil {
			return found[1]
		}
		return ""
	}
	serves := "server|broker|serve|servidor|hub"
	if option := modeOption(all); option != "" && word(serves) != "" { // -mode server
		c := u.server
		c.role, u.server.mode, u.client = client, word(serves), &c
		return
	}
	c, pub, sub := u.server, u.server, u.server
	c.role, pub.role, sub.role = client, publisher, subscriber
	u.server.prefix, c.prefix = word(serves), word("client|connect|join|cliente")
	if word("-s") != "" && word("-c") != "" {
		u.server.prefix, c.prefix = "-s", "-c"
	}
	if pairs := quotedRoles(all); len(pairs) > 0 {
		pub.prefix, sub.prefix = pairs[0][0], pairs[0][1]
	}
	if c.prefix == "" {
		c.prefix = u.server.another(all + "\n" + docs)
	}
	switch {
	case u.server.prefix == "":
		u.server.both, c.prefix, c.both, u.client = true, "", true, &c
	case c.prefix != "":
		u.client = &c
	case pub.prefix != "":
		u.publisher, u.subscriber = &pub, &sub
	default:
		u.server.prefix = ""
	}
}

// modeOption is the option by which a source tells what it is to be; empty where it has none.
func modeOption(text string) string {
	for _, pattern := range options {
		for _, found := range pattern.FindAllStringSubmatch(text, -1) {
			if name := strings.TrimLeft(found[1], "-"); kindOf(name) == "{role}" && harness.RoleOf(name, true) == "" {
				return name
			}
		}
	}
	return ""
}

// another is a word behind a program's name in a text, as "join" in "app.py join HOST PORT", other
// than the one that makes it a server, or one for a role; empty where there is none.
func (p program) another(text string) string {
	called := regexp.MustCompile(`\b` + regexp.QuoteMeta(path.Base(p.source)) + `[ \t]+(-{0,2}[a-z][\w-]*)[ \t]+\S`)
	for _, found := range called.FindAllStringSubmatch(text, -1) {
		if found[1] != p.prefix && harness.RoleOf(found[1], true) == "" {
			return found[1]
		}
	}
	return ""
}

// docs are all texts for people in a folder and above it.
func (t *tree) docs(dir string) string {
	var all []string
	for _, name := range t.paths(guide) {
		if folder := path.Dir(name); below(folder, dir) || below(dir, folder) {
			all = append(all, t.texts[name])
		}
	}
	return strings.Join(all, "\n")
}

// judge finds the number of the step, and what the sources speak of.
func (u *unit) judge() {
	all := u.server.text + u.server.near
	for _, p := range u.programs() {
		all += p.text + p.near
	}
	pairs := quotedRoles(all)
	u.roles = len(pairs) > 0 && len(pairs[0][0]) > 1 || speaksRoles.MatchString(all) || harness.SpeakOfRoles(all) || u.publisher != nil || len(u.others) > 0 || listed(all).both()
	u.topics = len(speaksTopics.FindAllString(all, 3)) == 3
	if u.task = stepOf(u.home); u.task == 0 {
		u.task = stepOf(path.Dir(u.server.source)) // its package, where the folder that is built is above it
	}
	if u.task == 0 && u.suffix >= 0 && taskIn.MatchString(u.server.name+" ") {
		u.task = u.suffix
	}
}

// stepOf is the number of the step that a folder's name, or that of one above it, says; 0 where none does.
func stepOf(dir string) (task int) {
	for element := range strings.SplitSeq(dir, "/") {
		if found := taskIn.FindStringSubmatch(element + " "); found != nil {
			task, _ = strconv.Atoi(found[1])
		} else if found := numbered.FindStringSubmatch(element); found != nil && task == 0 && found[0] == element {
			task, _ = strconv.Atoi(found[1])
		}
	}
	return task
}

// progress is the step that the sources look like.
func (u unit) progress() int {
	switch {
	case u.topics && u.roles:
		return topicsStep
	case u.roles:
		return 2
	}
	return 1
}

// forTask are the units that solve a step: those that say so, or else those that look like it.
func forTask(units []unit, task int) []unit {
	for _, is := range []func(unit) bool{
		func(u unit) bool { return u.task == task },
		func(u unit) bool { return u.task == 0 && u.progress() == task },
		func(u unit) bool { return u.task == 0 && u.progress() >= task },
		func(u unit) bool { return u.progress() >= task },
	} {
		if fit := slices.DeleteFunc(slices.Clone(units), func(u unit) bool { return !is(u) }); len(fit) > 0 {
			return fit
		}
	}
	return units
}
