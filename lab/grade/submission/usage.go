package submission

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"

	"pubsublab/lab/grade/harness"
)

var (
	anIP      = regexp.MustCompile(`^(\d{1,3}(\.\d{1,3}){3}|localhost|::1?|0\.0\.0\.0)$`)
	aNumber   = regexp.MustCompile(`^\d{2,5}$`)
	aHostPort = regexp.MustCompile(`^(\d{1,3}(\.\d{1,3}){3}|localhost):\d{2,5}$`)
	spelt     = regexp.MustCompile(`(?i)^(publisher|subscriber|pub|sub)$`)
	bracketed = regexp.MustCompile(`<[^<>\n]*>|\[[^\[\]\n]*\]|\{[^{}\n]*\}`)
	prose     = regexp.MustCompile(`(?i)^(and|or|to|in|the|for|on|with|then|is|as|from|will|should|e\.g\.?|example:?|where|first|file|->|–|—|-)$`)
)

// oneOf matches words that leave a choice.
var oneOf = regexp.MustCompile(`^[\pL\pN_]+(?:\|[\pL\pN_]+)+$`)

// readCall makes a call of the words that follow a program's name in a line of a README or of a usage
// text. It reports false where they are prose.
func readCall(rest string) (call, bool) {
	rest = strings.ReplaceAll(rest, `\"`, "'")
	if i := strings.IndexByte(rest, '"'); i >= 0 && strings.Count(rest, `"`)%2 == 1 { // of a string in a source
		rest = rest[:i]
	}
	if i := strings.IndexAny(rest, "`#;"); i >= 0 {
		rest = rest[:i]
	}
	rest = regexp.MustCompile(`\s+(&&?|\|\||\||>|2>|//)\s.*$|\s+&\s*$`).ReplaceAllString(rest, "")
	rest = regexp.MustCompile(`"[^"\n]*"`).ReplaceAllStringFunc(rest, func(in string) string { return strings.ReplaceAll(in, " ", "_") })
	rest = bracketed.ReplaceAllStringFunc(rest, func(in string) string { return strings.ReplaceAll(in, " ", "_") })
	rest = strings.NewReplacer(`\n`, " ", "'", "", `"`, "", ")", "", "(", "").Replace(rest)
	var c call
	flag, port := "", 0
	seen := map[string]bool{}
	put := func(placeholder string) {
		seen[placeholder] = true
		c.args = append(c.args, placeholder)
	}
	for _, word := range strings.Fields(rest) {
		bare := strings.Trim(word, "<>[]{}$%,.:*…")
		bare = strings.TrimPrefix(bare, "--")
		other := another(word, bare, seen)
		switch {
		case other != "" && !strings.HasPrefix(word, "-"):
			put(other)
			flag = ""
		case bare == "" || prose.MatchString(word):
			if len(c.args) > 0 && flag == "" {
				return c, true
			}
			return c, false
		case strings.HasPrefix(strings.Trim(word, "[]"), "-") && len(word) > 1: // an option, with its value behind = or as the next word
			inner := strings.Trim(word, "[]")
			name, value, ok := strings.Cut(inner, "=")
			if one, rest, _ := strings.Cut(name, "_"); roleOption(strings.Trim(one, "|<>")) != "" { // -pub, [-pub TOPIC | -sub TOPIC]
				c.args = append(c.args, one)
				if value, _, _ = strings.Cut(cmp.Or(value, rest), "|"); strings.Trim(value, "_ ") != "" {
					put("{topic}")
				} else {
					flag = one
				}
				continue
			}
			if !ok {
				name, value, ok = strings.Cut(inner, "_") // [--port PORT], which was one in brackets
				ok = ok && strings.HasPrefix(word, "[")
				if ok {
					if strings.HasPrefix(value, "-") || name == "-h" && value == "" {
						continue
					}
					c.args = append(c.args, name)
					put(cmp.Or(optionKind(name), kindOf(value), value))
					continue
				}
				if inner == "-h" && strings.HasPrefix(word, "[") { // help
					continue
				}
				flag = inner
				c.args = append(c.args, flag)
				continue
			}
			put(name + "=" + cmp.Or(optionKind(name), kindOf(value), value))
			seen[optionKind(name)] = true
		case flag != "" && roleOption(flag) != "":
			switch {
			case anIP.MatchString(bare):
				put("{host}")
			case aNumber.MatchString(bare):
				put("{port}")
			default:
				put("{topic}")
			}
			flag = ""
		case flag != "":
			if value := cmp.Or(optionKind(flag), kindOf(bare), bare); aHostPort.MatchString(bare) {
				put("{host}:{port}")
			} else if strings.HasPrefix(word, ":") && aNumber.MatchString(bare) {
				put(":{port}")
			} else {
				put(value)
			}
			flag = ""
		case anIP.MatchString(bare):
			put("{host}")
		case aHostPort.MatchString(bare):
			put("{host}:{port}")
			seen["{port}"] = true
		case aNumber.MatchString(bare) && !seen["{port}"]:
			port, _ = strconv.Atoi(bare)
			put("{port}")
		case port > 0 && bare == strconv.Itoa(port+1):
			put("{port+1}")
		case spelt.MatchString(bare), harness.RoleOf(bare, true) != "" && !seen["{role}"]:
			put("{role}")
		case kindOf(bare) != "" && !seen[kindOf(bare)]:
			put(kindOf(bare))
		case seen["{role}"] && !seen["{topic}"]:
			put("{topic}")
		case seen["{port}"] && seen["{host}"] || seen["{port}"] && !strings.HasPrefix(word, "<"):
			put(bare)
		case oneOf.MatchString(bare): // any will do
			first, _, _ := strings.Cut(bare, "|")
			put(first)
		default:
			return c, len(c.args) > 0
		}
		if len(c.args) > 10 {
			return c, false
		}
	}
	return c, true
}

// optionKind is what an option is about; letters alone are what they mostly stand for.
func optionKind(name string) string {
	switch name = strings.TrimLeft(name, "-"); name {
	case "p":
		return "{port}"
	case "h", "H", "s", "a", "i":
		return "{host}"
	case "r", "m":
		return "{role}"
	case "t", "c":
		return "{topic}"
	case "n", "u":
		return "{name}"
	}
	return kindOf(name)
}

// nameless matches what follows the program's name in a usage text.
var nameless = regexp.MustCompile(`(?i)usage:?\s*(?:python3?\s+|java\s+|node\s+|go run\s+|\./)?[^\s<\[]+[ \t]+([<\[-][^\n]*)`)

// shape matches a usage text that does not say that it is one, in a source: "peer <host> <port>".
var shape = regexp.MustCompile(`"[\w./%-]+[ \t]+((?:[^"<\n]*<[^"<>\n]+>){2,}[^"\n]*)`)

// mentions are the calls of a program in a text: examples and usage texts.
func (p program) mentions(text, from string, score int) []call {
	base := p.source[strings.LastIndexByte(p.source, '/')+1:]
	names := []string{regexp.QuoteMeta(base)}
	if p.language != "Python" && p.language != "Node" {
		names = append(names, regexp.QuoteMeta(p.name), regexp.QuoteMeta(strings.TrimSuffix(base, "."+base[strings.LastIndexByte(base, '.')+1:])))
	}
	if p.binary != "" {
		names = append(names, regexp.QuoteMeta(p.binary))
	}
	if p.class != "" {
		names = append(names, regexp.QuoteMeta(p.class))
	}
	if p.language == "Rust" {
		names = append(names, "cargo run.*?--")
	}
	if strings.Contains(p.source, "/") && p.language == "Go" {
		names = append(names, `go run \S*`)
	}
	if p.prefix != "" {
		names = []string{p.prefix}
	}
	called := regexp.MustCompile(`(?i)(?:^|[\s/\\` + "`" + `'"=$>.:])(?:` + strings.Join(names, "|") + `)(?:\.exe|\.jar|\.out)?(?:[ \t]+([^\n]*)|[ \t]*$|` + "`" + `)`)
	var found []call
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if regexp.MustCompile(`\b(javac|gcc|rustc)\b|\bg\+\+ `).MatchString(line) && !strings.Contains(line, "&&") {
			continue
		}
		if !regexp.MustCompile(`^\W*(python|java|node|go run|\./|\$|>)`).MatchString(line) && regexp.MustCompile(`(?i)[─└├│]`).MatchString(line) {
			continue // a drawing of folders
		}
		matches := called.FindAllStringSubmatch(line, -1)
		if len(matches) == 0 && score >= 85 { // of a usage text of its own, in which the name is filled in
			matches = append(nameless.FindAllStringSubmatch(line, -1), shape.FindAllStringSubmatch(line, -1)...)
		}
		for _, match := range matches {
			if c, ok := readCall(match[1]); ok {
				c.from, c.score, c.sure = from, score, true
				found = append(found, c)
			}
		}
	}
	return found
}

// helpOptions are the lines of a help text, one for each option.
var helpOptions = regexp.MustCompile(`(?m)^\s+(?:-\w, )?(--?[\w-]+)\b([^\n]*(?:\n\s{6,}[^-\s][^\n]*)?)`)

// readHelp is the call by the options that a program tells when it is called wrongly.
func readHelp(output string) []call {
	c := call{from: "its help text", score: 100, sure: true}
	seen := map[string]bool{}
	for _, o := range helpOptions.FindAllStringSubmatch(output, -1) {
		kind := optionKind(o[1])
		if kind == "" || seen[kind] || strings.Contains(o[2], "help") {
			continue
		}
		seen[kind] = true
		if kind == "{host}" && regexp.MustCompile(`[\w.]*:\d{2,5}\b`).MatchString(o[2]) {
			kind = "{host}:{port}"
		}
		c.args = append(c.args, o[1], kind)
	}
	if len(c.args) == 0 {
		return nil
	}
	return []call{c}
}
