package submission

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// role is what a program is for.
type role string

const (
	server     role = "server"
	client     role = "client"
	publisher  role = "publisher"
	subscriber role = "subscriber"
)

// program is something that can be started: a source with a main function, or a script.
type program struct {
	language string
	source   string // its path in the tree
	class    string // of Java, with its package
	name     string // without folder and extension
	binary   string // the name of what it is built to; "" before, and for what is not
	text     string // of the source without comments
	near     string // of the sources of the same language beside it, without comments
	role     role   // "" where nothing tells it
	score    int    // how sure the role is, and how likely this one is meant
	number   int    // that its name ends in; -1 where there is none
	prefix   string // the word that tells it what to be, where one program is server and client
	mode     string // the value of its option for roles that makes it the server; "" where it has none
	both     bool   // it is server and client, and the number of its arguments tells it which
}

// LanguageOf is the language of a source by its name; empty for what is none.
func LanguageOf(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".py":
		return "Python"
	case ".java":
		return "Java"
	case ".c":
		return "C"
	case ".cc", ".cpp", ".cxx", ".c++":
		return "C++"
	case ".go":
		return "Go"
	case ".rs":
		return "Rust"
	case ".js", ".mjs", ".cjs":
		return "Node"
	}
	return ""
}

// interpreted finds the language of a script by its first line.
var interpreted = regexp.MustCompile(`^#!.*\b(python[0-9.]*|node|bash|sh)\b`)

func scriptLanguage(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	switch found := interpreted.FindStringSubmatch(first); {
	case found == nil:
		return ""
	case strings.HasPrefix(found[1], "python"):
		return "Python"
	case found[1] == "node":
		return "Node"
	}
	return "" // scripts of a shell start others, which are found by themselves
}

// Names and words that tell roles.
var (
	namesServer = regexp.MustCompile(`(?i)serv(er|idor|eur)|broker|\bsrv|middleware|\bhub\b|dispatcher|\bbus\b|vermittl|mediator|intermedi|\brelay\b`)
	namesClient = regexp.MustCompile(`(?i)client|cliente|\bcli\b|teilnehmer`)
	namesAside  = regexp.MustCompile(`(?i)old|backup|\bbak\b|copy|test|demo|example|sample|util|tutorial|article|handler|thread|helper|common|\bgui\b|udp`)

	listens  = regexp.MustCompile(`\.bind\s*\(|\bbind\s*\(|\.listen\s*\(|\blisten\s*\(|ServerSocket|create_?[sS]erver|net\.Listen|TcpListener|socketserver|start_server|WebSocketServer|ListenAndServe|HTTPServer`)
	connects = regexp.MustCompile(`\.connect\s*\(|\bconnect\s*\(|new Socket\s*\(|createConnection|net\.Dial|TcpStream::connect|open_connection|create_connection|SocketChannel\.open|new net\.Socket|new WebSocket\s*\(`)
	numbered = regexp.MustCompile(`(?i)(?:task|part|question|phase|step|stage|version|ver|q|t|v|ex)?[ _.-]*0*([0-9]{1,2})$`)
	taskIn   = regexp.MustCompile(`(?i)(?:task|part|question|phase|step|stage|exercise|tarea|q)[ _.-]*0*([0-9])(?:[^0-9]|$)`)
)

// words separates the words of a name: "myServer_app2" is "my Server app 2".
func words(name string) string {
	name = regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(name, "$1 $2")
	name = regexp.MustCompile(`([0-9]+)`).ReplaceAllString(name, " $1 ")
	return regexp.MustCompile(`[^\pL\pN]+`).ReplaceAllString(name, " ")
}

// kind is what the names of the programs of one solution have in common beside what they are for.
type kind struct {
	rest   string
	number int // -1: none
}

// kind is a program's: that of serverSide2 and of clientSide2 is "side" and 2.
func (p program) kind() kind {
	name := parts.ReplaceAllString(words(p.name), " ")
	return kind{strings.Join(strings.Fields(strings.ToLower(name)), " "), p.number}
}

// parts matches what the name of a program says of its part, and numbers.
var parts = regexp.MustCompile(namesServer.String() + `|` + namesClient.String() + `|publi(?:sher)?|subscri(?:ber)?|\b(?:pub|sub)\b|[0-9]+`)

// judge finds out what a program is for: from its name, from what it does, from its folder.
func (p *program) judge() {
	p.number = -1
	if found := taskIn.FindStringSubmatch(p.name + " "); found != nil {
		p.number, _ = strconv.Atoi(found[1])
	} else if found := numbered.FindStringSubmatch(p.name); found != nil {
		p.number, _ = strconv.Atoi(found[1])
	}
	name, folder := words(p.name), words(path.Base(path.Dir(p.source)))
	does := func(own string) role {
		switch l, c := len(listens.FindAllString(own, -1)), len(connects.FindAllString(own, -1)); {
		case l > 0 && l >= c:
			return server
		case c > 0:
			return client
		}
		return ""
	}
	own := does(p.text)
	byName := func(name string) role {
		says := roleNamed(name, own != server)
		switch {
		case namesServer.MatchString(name):
			return server
		case namesClient.MatchString(name) && says == "":
			return client
		}
		return says
	}
	for _, guess := range []struct {
		role  role
		score int
	}{{byName(name), 40}, {own, 30}, {byName(folder), 20}, {does(p.near), 5}} {
		if guess.role != "" {
			p.role, p.score = guess.role, guess.score
			break
		}
	}
	if own != "" && (own == server) == (p.role == server) {
		p.score += 25
	} else if own != "" { // it is called one thing and does the other
		p.score -= 15
	}
	if namesAside.MatchString(name) {
		p.score -= 20
	}
}

// roleNamed is the role that a name stands for, by plain words, too, where they can mean it.
func roleNamed(name string, plain bool) role {
	switch harness.RoleOf(name, plain) {
	case runner.Publisher:
		return publisher
	case runner.Subscriber:
		return subscriber
	}
	return ""
}

// comments of most languages; a # is one of Python's, and of shell scripts.
var (
	slashComments = regexp.MustCompile(`(?s)/\*.*?\*/|(?m)(^|[\s;{})])//[^\n]*`)
	hashComments  = regexp.MustCompile(`(?m)(^|\s)#[^\n]*`)
)

func withoutComments(language, text string) string {
	if language == "Python" {
		return hashComments.ReplaceAllString(text, "")
	}
	return slashComments.ReplaceAllString(text, "$1")
}

// empty matches names that say nothing of what a program is for.
var empty = regexp.MustCompile(`(?i)^(main|index|app|__main__|mod|cmd|src|run|program|bin|internal|java|tcp)$`)

// nameOf is the name of a source without folder and extension, or the next name above it that says
// something.
func nameOf(source string) string {
	name := strings.TrimSuffix(path.Base(source), path.Ext(source))
	for dir := path.Dir(source); empty.MatchString(name) && dir != "."; dir = path.Dir(dir) {
		name = path.Base(dir)
	}
	return name
}

// programs are all that can be started in a tree, the likeliest of each role first.
func (t *tree) programs() []program {
	var all []program
	imported := t.imported()
	for _, name := range t.paths(func(string) bool { return true }) {
		language := LanguageOf(name)
		if language == "" {
			language = scriptLanguage(t.texts[name])
		}
		text := usualNames(withoutComments(language, t.texts[name]))
		if language == "" || !hasMain(language, text) || imported[name] && !strings.Contains(text, "__main__") {
			continue
		}
		p := program{language: language, source: name, name: nameOf(name), text: text}
		if language == "Java" {
			p.class = mainClass(text)
			if simple := p.class[strings.LastIndexByte(p.class, '.')+1:]; !empty.MatchString(simple) {
				p.name = simple
			}
		}
		p.near = t.near(p)
		p.judge()
		all = append(all, p)
	}
	if !slices.ContainsFunc(all, func(p program) bool { return p.role == server }) { // one that is all, and asks what to be
		if i := slices.IndexFunc(all, func(p program) bool { return listens.MatchString(p.text + p.near) }); i >= 0 {
			all[i].role = server
		}
	}
	slices.SortStableFunc(all, func(a, b program) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(len(a.source), len(b.source)))
	})
	return all
}

// imports finds the modules of the submission itself that a script takes in.
var imports = regexp.MustCompile(`(?m)^\s*(?:from\s+\.?([\w.]+)\s+import|import\s+([\w.]+))|(?:require\(\s*|from\s+)["'](\.\.?/[\w./-]+?)(?:\.[mc]?js)?["']`)

// takes are the scripts that a script may take in, by the paths that they would have.
func (t *tree) takes(name string) (others []string) {
	if language := LanguageOf(name); language != "Python" && language != "Node" {
		return nil
	}
	for _, found := range imports.FindAllStringSubmatch(t.texts[name], -1) {
		module := strings.ReplaceAll(found[1]+found[2], ".", "/")
		for _, other := range []string{module + ".py", found[3] + ".js", found[3] + ".mjs", found[3] + ".cjs", found[3] + "/index.js"} {
			if other = path.Join(path.Dir(name), other); other != name && t.texts[other] != "" {
				others = append(others, other)
			}
		}
	}
	return others
}

// imported are the scripts that others take in.
func (t *tree) imported() map[string]bool {
	if t.modules == nil {
		t.modules = map[string]bool{}
		for name := range t.texts {
			for _, other := range t.takes(name) {
				t.modules[other] = true
			}
		}
	}
	return t.modules
}

// near is the text of the sources of a program's language in its folder and below, and of those that
// it takes in from elsewhere, without its own.
func (t *tree) near(p program) string {
	var all []string
	for _, other := range t.takes(p.source) {
		if !below(other, path.Dir(p.source)) {
			all = append(all, withoutComments(p.language, t.texts[other]))
		}
	}
	for _, other := range t.paths(func(name string) bool { return name != p.source && below(name, path.Dir(p.source)) }) {
		if LanguageOf(other) == p.language && (!hasMain(p.language, t.texts[other]) || t.imported()[other]) {
			all = append(all, withoutComments(p.language, t.texts[other]))
		}
	}
	if len(all) == 0 && !networks(p.text) { // what it does lies elsewhere
		for _, other := range t.paths(func(name string) bool { return LanguageOf(name) == p.language && name != p.source }) {
			if !hasMain(p.language, t.texts[other]) {
				all = append(all, withoutComments(p.language, t.texts[other]))
			}
		}
	}
	return strings.Join(all, "\n")
}

func networks(text string) bool { return listens.MatchString(text) || connects.MatchString(text) }

var mains = map[string]*regexp.Regexp{
	"Java": regexp.MustCompile(`static\s+(final\s+)?void\s+main\s*\(`),
	"C":    regexp.MustCompile(`\bmain\s*\([^;]*?\)\s*\{`),
	"C++":  regexp.MustCompile(`\bmain\s*\([^;]*?\)\s*\{`),
	"Go":   regexp.MustCompile(`(?m)^package main\b[\s\S]*^func main\(\)`),
	"Rust": regexp.MustCompile(`\bfn main\s*\(`),
}

// doing matches what a script does beside defining things.
var doing = regexp.MustCompile(`(?m)__main__|^[a-zA-Z_.]+\s*\(|^(while|if|for|try|with)\b|socket\.socket|listen\s*\(|connect\s*\(`)

func hasMain(language, text string) bool {
	if match := mains[language]; match != nil {
		return match.MatchString(text)
	}
	return doing.MatchString(text)
}
