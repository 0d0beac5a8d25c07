package submission

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// call is how a program wants to be called: the words behind its name.
type call struct {
	args  []string // with {host}, {port}, {role} and {topic}
	env   []string // NAME=VALUE
	from  string   // where that was read, for people
	sure  bool     // nothing of it was guessed
	score int      // how likely it is
}

func (c call) key() string { return strings.Join(c.env, " ") + "|" + strings.Join(c.args, " ") }

// has reports whether the call says something.
func (c call) has(placeholder string) bool { return strings.Contains(c.key(), placeholder) }

// What words of a usage text, of an example or of a source are about. The first that fits counts.
var kinds = []struct {
	placeholder string
	about       *regexp.Regexp
}{
	{"{port}", regexp.MustCompile(`(?i)port|puerto|porta|anschluss`)},
	{"{role}", regexp.MustCompile(`(?i)role|\brolle|\brol\b|mode\b|client_?type|type|publisher.*subscriber|pub.*[/|].*sub|^(publisher|subscriber|pub|sub)$|\bpub_?sub|is_?publisher|kind`)},
	{"{topic}", regexp.MustCompile(`(?i)topic|subject|channel|tema\b|thema|t[óo]pico|category|asunto|sujet|kanal|canal`)},
	{"{host}", regexp.MustCompile(`(?i)host|\bip\b|ip$|^ip|_ip|addr|server|servidor|rechner|localhost|domain|127\.0\.0\.1`)},
	{"{name}", regexp.MustCompile(`(?i)name|\bid$|user|nick`)},
}

// kindOf is what a word is about; empty where nothing tells it.
func kindOf(word string) string {
	word = noPort.ReplaceAllString(word, "")
	for _, k := range kinds {
		if k.about.MatchString(word) {
			return k.placeholder
		}
	}
	return ""
}

// noPort matches words in which a port is none: sport is what many topics are called.
var noPort = regexp.MustCompile(`(?i)\b(?:sports?|reports?|imports?|exports?|supports?|transports?)\b`)

// ranked are calls without doubles, the likeliest first.
func ranked(calls []call) []call {
	slices.SortStableFunc(calls, func(a, b call) int { return cmp.Compare(b.score, a.score) })
	seen := map[string]bool{}
	return slices.DeleteFunc(calls, func(c call) bool {
		double := seen[c.key()]
		seen[c.key()] = true
		return double
	})
}

const guess = "a guess"

// guesses are the usual ways to call a server or a client.
func guesses(server bool) []call {
	shapes := []string{"{host} {port} {role} {topic}", "{host} {port} {role}", "{host} {port}", "", "{port}", "{port} {role}", "{role}", "{role} {topic}",
		"{role} {host} {port}", "{port} {host} {role}", "{host} {port} {topic} {role}", "{host} {port} {topic}", "{role} {host} {port} {topic}",
		"--host {host} --port {port} --role {role} --topic {topic}"}
	if server {
		shapes = []string{"{port}", "", "{host} {port}", "--port {port}", "-p {port}", "{port} {host}"}
	}
	var calls []call
	for i, shape := range shapes {
		calls = append(calls, call{args: strings.Fields(shape), from: guess, score: 40 - i})
	}
	if server {
		calls = append(calls, call{env: []string{"PORT={port}"}, from: guess, score: 20})
	}
	return calls
}

// colon matches what takes an address apart that is one argument, HOST:PORT.
var colon = regexp.MustCompile(`(?:split|partition|rsplit|rpartition|find|strchr|indexOf)\([^()\n]*["']:["']|SplitHostPort|split_once\(':'`)

// pairFlags puts both options for the roles where a call has one of them, as an example has, and
// leaves out those of which the other one is not known.
func (p program) pairFlags(calls []call) []call {
	return slices.DeleteFunc(calls, func(c call) bool {
		for i, arg := range c.args {
			if !strings.HasPrefix(arg, "-") || roleOption(arg) == "" || i+1 < len(c.args) && c.args[i+1] == "{role}" {
				continue
			}
			bare := strings.TrimLeft(arg, "-")
			dashes := arg[:len(arg)-len(bare)]
			pairs := quotedRoles(strings.NewReplacer(`"-`, `"`, `"--`, `"`, "'-", "'", "'--", "'").Replace(p.text + p.near))
			at := slices.IndexFunc(pairs, func(pair [2]string) bool { return pair[0] == bare || pair[1] == bare })
			if at < 0 {
				return true
			}
			c.args[i] = "{" + dashes + pairs[at][0] + "|" + dashes + pairs[at][1] + "}"
		}
		return false
	})
}

// asServer is how a program is called as the server that is told its port, where it is called like this as
// a client: with the word for that in the place of a role, and without what is about topics and hosts.
func asServer(args []string, mode string) (all []string) {
	for _, arg := range args {
		switch {
		case arg == "{role}":
			all = append(all, mode)
		case arg != "{topic}" && arg != "{host}" && arg != "{name}":
			all = append(all, arg)
		case len(all) > 0 && strings.HasPrefix(all[len(all)-1], "-"): // its option
			all = all[:len(all)-1]
		}
	}
	return all
}

// anExample matches what an example has in the place of a topic.
var anExample = regexp.MustCompile(`^\pL[\pL\pN_]*$`)

// unknown is how many arguments there are where that cannot be read.
const unknown = -2

// calls are the ways in which a program may want to be called, the likeliest first. guides are READMEs
// by their names.
func (p program) calls(guides map[string]string) []call {
	var all []call
	most := -1
	if p.prefix == "" {
		all, most = p.readSource()
	} else {
		most = unknown // some, behind the word that says what it is to be
		all = p.readOptions(p.text + p.near)
	}
	for _, e := range p.readEnvironment() {
		for _, c := range all { // some as arguments, the rest from the environment
			if !c.has("{port}") && !c.has("{host}") && e.has("{port}") && c.score > 0 {
				all = append(all, call{args: c.args, env: e.env, from: e.from, score: c.score + 12, sure: c.sure})
			}
		}
		all = append(all, e)
	}
	all = append(all, p.mentions(p.text, "the usage text in its source", 85)...)
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range guides {
			if !yield(name) {
				return
			}
		}
	}) {
		all = append(all, p.mentions(guides[name], name, 80)...)
	}
	if p.role != server {
		all = p.pairFlags(all)
	}
	for i := range all {
		if p.mode != "" {
			all[i].args = asServer(all[i].args, p.mode)
		}
	}
	all = append(all, guesses(p.role == server)...)
	if p.both && p.role == server {
		most = unknown
	}
	known := map[string]int{}
	for i, c := range all {
		if p.role == publisher || p.role == subscriber { // it knows what it is
			for j, arg := range c.args {
				example := j > 0 && !strings.HasPrefix(c.args[j-1], "-") && anExample.MatchString(arg) && c.has("{port}")
				if (arg == "{role}" || example) && !c.has("{topic}") {
					c.args[j] = "{topic}"
				}
			}
			if c.has("{role}") {
				all[i].score = 0
			}
		}
		known[c.key()]++
		if c.has("{port2}") { // the README tells of two servers
			all[i].score += 20
		}
		switch n := len(c.args); {
		case c.from == guess && most >= 0 && n > most, c.from == guess && most > 1 && n < most-1:
			all[i].score = 0 // the source looks at another number of arguments
		case p.prefix != "":
		case n == most:
			all[i].score += 8
		case most >= 0 && n > most && c.score < 95 && !c.has("{port2}"):
			all[i].score -= 30
		case most > 0 && n < most:
			all[i].score -= 3 * (most - n)
		case most == -1 && n == 0: // it looks at no arguments
			all[i].score += 60
		}
		if p.role != server && !c.has("{port}") && colon.MatchString(p.text+p.near) {
			for j, arg := range c.args {
				if arg == "{host}" {
					c.args[j] = "{host}:{port}"
				}
			}
		}
		if p.role == server && (c.has("{role}") || c.has("{topic}")) {
			all[i].score -= 50
		}
		if p.role != server && most != 0 && len(c.args) == 1 && c.has("{port}") {
			all[i].score -= 5
		}
	}
	for i, c := range all { // several that say the same
		all[i].score += 2 * min(known[c.key()]-1, 3)
		if p.prefix != "" {
			all[i].args = append([]string{p.prefix}, c.args...)
		}
	}
	return slices.DeleteFunc(ranked(all), func(c call) bool { return c.score <= 0 })
}
