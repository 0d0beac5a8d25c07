package submission

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// argvUse is how a language gets at an argument of the command line.
type argvUse struct {
	language string
	use      *regexp.Regexp
	first    int            // the index of the first one
	all      *regexp.Regexp // a statement that takes them all: names, and the first index; nil: there is none
}

// mainArguments matches where a main function names its arguments.
var mainArguments = regexp.MustCompile(`\bmain\s*\(\s*(?:final\s+)?String\s*(?:\[\s*\]|\.{3})\s*(\w+)|\bmain\s*\(\s*(?:const\s+)?int\s+(\w+)\s*,\s*(?:const\s+)?char\s*(?:const\s*)?\*+\s*(?:const\s*)?(\w+)`)

// usualNames is a source whose main function calls its arguments as most do.
func usualNames(text string) string {
	found := mainArguments.FindStringSubmatch(text)
	if found == nil {
		return text
	}
	for i, usual := range []string{"args", "argc", "argv"} {
		if name := found[i+1]; name != "" && name != usual {
			text = regexp.MustCompile(`\b`+name+`(\s*\[|\.length|\s*[!<>=]=?)`).ReplaceAllString(text, usual+"$1")
		}
	}
	return text
}

// sliced is a name for the arguments alone.
var sliced = regexp.MustCompile(`(\w+)\s*(?::\s*[\w<>&\[\]]+\s*)?:?=\s*(?:sys\.argv\[1:\]|os\.Args\[1:\]|flag\.Args\(\)|process\.argv\.slice\(2\)|(?:std::)?env::args\(\)\.skip\(1\))`)

// argv are the words of sources that stand for the arguments of its command line, with their first index.
var argv = []argvUse{
	{"Python", regexp.MustCompile(`\bargv\s*\[\s*(\d+)\s*\]`), 1, regexp.MustCompile(`(?m)^\s*([\w, ]+?)\s*=\s*(?:sys\.)?argv(?:\[\s*(\d)\s*:[^\]]*\])?\s*$`)},
	{"Java", regexp.MustCompile(`\bargs?\s*\[\s*(\d+)\s*\]`), 0, nil},
	{"C", regexp.MustCompile(`\bargv\s*\[\s*(\d+)\s*\]`), 1, nil},
	{"C++", regexp.MustCompile(`\bargv\s*\[\s*(\d+)\s*\]`), 1, nil},
	{"Go", regexp.MustCompile(`\b(?:os\.Args|args)\s*\[\s*(\d+)\s*\]|flag\.Arg\((\d+)\)`), 1, nil},
	{"Rust", regexp.MustCompile(`\bargs\s*\[\s*(\d+)\s*\]|\.(?:nth|get)\(\s*(\d+)\s*\)`), 1, nil},
	{"Node", regexp.MustCompile(`\bargv\s*\[\s*(\d+)\s*\]`), 2, regexp.MustCompile(`(?:const|let|var)\s*\[([\w, =']*)\]\s*=\s*process\.argv(?:\.slice\(\s*(\d)\s*\))?;?\s*$`)},
}

// options are the options that a source knows, of argparse, flag, getopt, picocli, clap, commander.
var options = []*regexp.Regexp{
	regexp.MustCompile(`["'](--[a-zA-Z][\w-]*|-[a-zA-Z])["'\s,=<]`),
	regexp.MustCompile(`\bflag\.\w+\(\s*(?:&[\w.]+\s*,\s*)?"([\w-]+)"`),
	regexp.MustCompile(`#\[(?:arg|clap)\([^)]*\blong\b[^)]*\)\]\s*(?:pub\s+)?(\w+)\s*:`),
}

// positionals are the arguments that a source names for argparse, and picocli.
var positionals = regexp.MustCompile(`add_argument\(\s*["']([a-zA-Z]\w*)["']|@Parameters\([^)]*\)\s*(?:private\s+|public\s+)?\w+\s+(\w+)`)

// readSource is the call that the use of the arguments in a source tells, and how many arguments
// there are at most; -1 where it looks at none.
func (p program) readSource() (found []call, most int) {
	text := p.text
	if !argsAnywhere.MatchString(text) {
		text += "\n" + p.near
	}
	most = -1
	if argsAnywhere.MatchString(text) {
		most = 0
	}
	at := map[int]string{} // kinds by position
	uses := slices.Clone(argv)
	for _, name := range sliced.FindAllStringSubmatch(text, -1) { // args = sys.argv[1:]
		use := regexp.MustCompile(`\b` + name[1] + `\s*\[\s*(\d+)\s*\]`)
		all := regexp.MustCompile(`(?m)^\s*(?:const |let |var )?\[?([\w, ]+?)\]?\s*:?=\s*` + name[1] + `(?:\[\s*(\d)\s*:[^\]]*\])?;?\s*$`)
		uses = append(uses, argvUse{p.language, use, 0, all})
		uses = slices.DeleteFunc(uses, func(a argvUse) bool { return a.first == 1 && name[1] == "args" && a.language == "Go" })
	}
	for _, a := range uses {
		if a.language != p.language {
			continue
		}
		for line := range strings.Lines(text) {
			for _, use := range a.use.FindAllStringSubmatchIndex(line, -1) {
				group := line[use[0]:use[1]]
				i, err := strconv.Atoi(regexp.MustCompile(`\d+`).FindString(group))
				if i -= a.first; err != nil || i < 0 || i > 8 {
					continue
				}
				most = max(most, i+1)
				if at[i] == "" {
					at[i] = kindInLine(line, use[0], use[1])
				}
			}
			if a.all == nil {
				continue
			}
			if all := a.all.FindStringSubmatch(line); all != nil {
				from := 0
				if all[2] != "" {
					from, _ = strconv.Atoi(all[2])
				}
				for i, name := range strings.Split(all[1], ",") {
					name, _, _ = strings.Cut(strings.TrimSpace(name), "=")
					if i = i + from - a.first; i >= 0 && name != "" && strings.Contains(all[1], ",") {
						most, at[i] = max(most, i+1), kindOf(strings.TrimSpace(name))
					}
				}
			}
		}
	}
	if c := counted.FindStringSubmatch(text); c != nil && most >= 0 {
		n, _ := strconv.Atoi(c[1])
		for _, a := range argv {
			if a.language == p.language && n-a.first <= 8 {
				most = max(most, n-a.first)
			}
		}
	}
	if most == 0 {
		most = unknown // it looks at them in another way
	}
	if p.role == server && most == 1 {
		at[0] = "{port}"
	}
	if most > 0 {
		sure := len(at) == most && !slices.Contains(slices.Collect(maps.Values(at)), "")
		one := call{args: fillKinds(at, most), from: "its use of the arguments", score: 90, sure: sure}
		if !sure {
			one.score = 84 // a usage text knows it
		}
		if !sure && most == 1 { // an address, or a port
			one.score, one.args = 75, []string{"{host}"}
			found = append(found, call{args: []string{"{port}"}, from: one.from, score: 70})
		}
		found = append(found, one)
	}
	return append(found, p.readOptions(text)...), most
}

// counted finds how many arguments a source insists on.
var counted = regexp.MustCompile(`(?:\bargc|len\((?:sys\.argv|argv|os\.Args|args)\)|\bargs?\.length|argv\.length|args\.len\(\))\s*(?:!==?|<)\s*(\d+)`)

var argsAnywhere = regexp.MustCompile(`\bargv\s*\[\s*\d|\bargc\s*[!<>=]|sys\.argv|import argv|process\.argv|\bargs?\s*\[\s*\d|\bargs?\.length|os\.Args|env::args|argparse|\bflag\.|clap|picocli|commander|getopt|yargs`)

// readOptions is the call by the options that a source knows.
func (p program) readOptions(text string) []call {
	if !regexp.MustCompile(`argparse|\bflag\.|getopt|picocli|commander|yargs|minimist|clap|parseArgs|--\w`).MatchString(text) {
		return nil
	}
	dashes := map[bool]string{true: "-", false: "--"}
	var args []string
	seen := map[string]bool{}
	for _, p := range positionals.FindAllStringSubmatch(text, -1) {
		if kind := kindOf(p[1] + p[2]); kind != "" && !seen[kind] {
			seen[kind] = true
			if kind == "{host}" && regexp.MustCompile(`(?i)`+p[1]+p[2]+`\b[^\n]*host:port`).MatchString(text) {
				seen["{port}"], kind = true, "{host}:{port}"
			}
			args = append(args, kind)
		}
	}
	for _, command := range subcommands.FindAllStringSubmatch(text, -1) {
		if harness.RoleOf(command[1], true) != "" && !seen["{role}"] {
			seen["{role}"] = true
			args = append([]string{"{role}"}, args...)
		}
	}
	var long, short []string
	for _, pattern := range options {
		for _, o := range pattern.FindAllStringSubmatch(text, -1) {
			name := o[1]
			if !strings.HasPrefix(name, "-") {
				name = dashes[strings.HasPrefix(o[0], "flag") || len(name) == 1] + name
			}
			if strings.HasPrefix(name, "--") || strings.HasPrefix(o[0], "flag") {
				long = append(long, name)
			} else {
				short = append(short, name)
			}
		}
	}
	var flags [2]string // options that are roles
	if both := slices.Contains(short, "-p") && slices.Contains(short, "-s"); both && seen["{port}"] {
		flags = [2]string{"-p", "-s"}
	}
	for _, name := range append(long, short...) {
		kind := optionKind(name)
		if address := regexp.MustCompile(`["']-*` + regexp.QuoteMeta(strings.TrimLeft(name, "-")) + `["'][^\n]{0,40}["']([\w.]*):\d{2,5}["']`).FindStringSubmatch(text); address != nil {
			if kind = ":{port}"; address[1] != "" {
				kind = "{host}:{port}"
			}
			if here := bindOption.MatchString(name); here != (p.role == server) && (here || p.mode != "") {
				continue // of the other side of a program that is both
			}
			seen["{port}"] = true
		} else if p.role == server {
			if bindOption.MatchString(name) {
				kind = "{port}"
			}
		} else if is := roleOption(name); is != "" {
			if i := slices.Index([]string{runner.Publisher, runner.Subscriber}, is); flags[i] == "" {
				flags[i] = name
			}
			continue
		}
		if kind == "" || seen[kind] || name == "-h" && strings.Contains(text, "argparse") || name == "--help" {
			continue
		}
		seen[kind] = true
		args = append(args, name, kind)
	}
	if valued := func(flag string) bool { return !valueless(text, flag) }; flags[0] != "" && flags[1] != "" {
		args = append(args, "{"+flags[0]+"|"+flags[1]+"}")
		if valued(flags[0]) && valued(flags[1]) {
			args = append(args, "{topic}")
		}
	} else if one := flags[0] + flags[1]; one != "" && !valued(one) {
		args = append(args, "{"+flags[0]+"|"+flags[1]+"}")
	} else if one != "" && !seen["{role}"] { // its value is
		args = append(args, one, "{role}")
	}
	if len(args) == 0 {
		return nil
	}
	return []call{{args: args, from: "the options in its source", score: 95, sure: true}}
}

// bindOption matches options by which a server is told its port or address.
var bindOption = regexp.MustCompile(`(?i)listen|bind`)

// subcommands are those of argparse.
var subcommands = regexp.MustCompile(`add_parser\(\s*["']([\w-]+)["']`)

// roleOption is the role that an option stands for by its name; empty where it stands for none.
func roleOption(name string) string {
	if kind := kindOf(strings.TrimLeft(name, "-")); kind != "" && kind != "{role}" {
		return ""
	}
	return harness.RoleOf(strings.TrimLeft(name, "-"), true)
}

// valueless reports whether an option of a source stands by itself.
func valueless(text, flag string) bool {
	name := regexp.QuoteMeta(strings.TrimLeft(flag, "-"))
	return regexp.MustCompile(`["']-*` + name + `["'][^\n]*(?:store_(?:true|false|const)|BooleanOptional|boolean)|flag\.Bool(?:Var)?\([^"\n]*"` + name + `"`).MatchString(text)
}

// kindInLine is what an argument is about: by the name that it is given, or by the words around it.
func kindInLine(line string, from, to int) string {
	if names, values, ok := strings.Cut(line[:from], "="); ok && strings.Contains(names, ",") && !strings.ContainsAny(names, "(\"'") {
		if i := strings.Count(values, ","); i < strings.Count(names, ",")+1 { // host, port = argv[1], argv[2]
			return kindOf(strings.TrimSpace(strings.Split(names, ",")[i]))
		}
	}
	before := line[:from]
	if i := strings.LastIndexAny(before, ";{"); i >= 0 {
		before = before[i+1:]
	}
	if name, _, ok := strings.Cut(before, "="); ok && !strings.ContainsAny(name, "(!<>\"") {
		if kind := kindOf(strings.TrimSpace(regexp.MustCompile(`^.*\b(\w+)\s*(:\s*[\w<>&]+\s*)?$`).ReplaceAllString(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(name), ":")), "$1"))); kind != "" {
			return kind
		}
	}
	if asNumber.MatchString(line[:from]) {
		return "{port}"
	}
	if asHost.MatchString(line[:from]) {
		return "{host}"
	}
	if asService.MatchString(line[:from]) {
		return "{port}"
	}
	if compared := quotedWord.FindStringSubmatch(line[to:min(len(line), to+40)]); compared != nil && harness.RoleOf(compared[1], false) != "" {
		return "{role}"
	}
	if i := strings.LastIndexByte(before, ','); i >= 0 { // one of several in a line
		before = before[i+1:]
	}
	after, _, _ := strings.Cut(line[to:], ",")
	if kind := kindOf(before + " " + after); kind != "" || strings.Contains(line[:from]+line[to:], ",") {
		return kind
	}
	return kindOf(line[:from] + " " + line[to:])
}

var (
	// asHost matches what stands before an argument that is connected to.
	asHost = regexp.MustCompile(`(?i)(?:new Socket|connect|connection|dial|gethostbyname|getaddrinfo|inet_addr|getByName)\s*\(+\s*(?:sys\.)?$`)
	// asService matches what stands before the second one that is.
	asService = regexp.MustCompile(`getaddrinfo\s*\([^,()]*,\s*$`)
	// asNumber matches what stands before an argument that is made a number.
	asNumber = regexp.MustCompile(`(?i)(?:\bint|atoi|parseInt|stoi|Number|htons|parse::<u16>|valueOf)\s*\(\s*(?:sys\.)?$`)
)

// fillKinds are the arguments of a source, those that nothing tells in the order of the assignment.
func fillKinds(at map[int]string, most int) []string {
	usual := []string{"{host}", "{port}", "{role}", "{topic}", "{name}"}
	if kinds := slices.Collect(maps.Values(at)); slices.Contains(kinds, "{role}") && !slices.Contains(kinds, "{port}") && most < 3 {
		usual = []string{"{topic}", "{name}"} // it knows the server's address
	}
	args, seen := make([]string, most), map[string]bool{}
	for i := range args {
		kind := at[i]
		if kind == "{port}" && seen[kind] { // it has two
			kind = "{port+1}"
		}
		if kind != "" && !seen[kind] {
			args[i] = kind
			seen[kind] = true
		}
	}
	for i := range args {
		for _, kind := range usual {
			if args[i] == "" && !seen[kind] {
				args[i] = kind
				seen[kind] = true
			}
		}
		if args[i] == "" {
			args[i] = "x"
		}
	}
	return args
}

var environment = regexp.MustCompile(`(?:getenv\(|environ(?:\.get)?[\[(]|Getenv\(|process\.env\.|env::var\()\s*["']?([A-Z][A-Z0-9_]*)`)

// readEnvironment is the call by the environment variables that a source reads.
func (p program) readEnvironment() []call {
	c := call{from: "the environment variables in its source", score: 60}
	seen := map[string]bool{}
	for _, found := range environment.FindAllStringSubmatch(p.text+p.near, -1) {
		if kind := kindOf(found[1]); kind != "" && !seen[kind] {
			seen[kind] = true
			c.env = append(c.env, found[1]+"="+kind)
		}
	}
	if len(c.env) == 0 {
		return nil
	}
	return []call{c}
}
