package harness

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"pubsublab/lab/grade/harness/runner"
)

// answers are what a client at a terminal may be asked for.
type answers struct{ Host, Port, Role, Topic, Name string }

// to is the answer to a question of a kind.
func (a answers) to(kind string) string {
	switch kind {
	case "role":
		return a.Role
	case "topic":
		return a.Topic
	case "name":
		return a.Name
	case "host":
		return a.Host
	}
	return a.Port
}

// What questions are about. One for messages names the rest at times: "Message for topic news: ".
var (
	asksMessage = regexp.MustCompile(`(?i)message|\bmsg|\btext|\bsend\b|publish (to|on|some)|terminate|\bquit|\bexit|nachricht|mensa(?:je|gem)|escrib|eingeben`)
	asksRole    = regexp.MustCompile(`(?i)\brole\b|\brolle\b|\brol\b|\brôle\b|client type|type of client`)
	asksTopic   = regexp.MustCompile(`(?i)topic|channel|subject|\bth?ema\b|t[óo]pico|\b[ck]anal\b|asunto|sujet`)
	asksName    = regexp.MustCompile(`(?i)name|\bnick|client id|\bid\b|nombre|\bnome?\b`)
	asksPort    = regexp.MustCompile(`(?i)\bport\b|puerto|\bporta\b`)
	asksHost    = regexp.MustCompile(`(?i)\bhost|\bip\b|address|adresse|direcci|endere`)
	// topicFirst matches a question for the topic alone that goes on with what is done with it: "Enter topic to
	// publish to: ", "Topic (or 'exit' to leave): ".
	topicFirst = regexp.MustCompile(`(?i)^\W*(?:(?:please |kindly )?(?:enter|input|type|give|choose|select|specify|provide|which|what|your)\b[\pL ]{0,12}\b)?(?:topic|channel|subject)s?(?: name)?(?:\s+(?:(?:do |should )?(?:you|we|i)\b[\pL ]*)?to (?:publish|subscribe|send|listen)\b|\s*\([^)]*\))(?:\([^)]*\)|[^:(])*[:?>=]?\s*$`)
	// waiting is the end of a line that waits for an answer; after some, a new line is begun.
	waiting = regexp.MustCompile(`[:?=]\s*$|(?i)(enter|choose|choice|select|which|what|w(?:ä|ae)hle|wahl|eli(?:ge|ja)|escolh|choisi|choix)[^\n]*[>)\]}.-]?\s*$`)
	// prompt is the end of what may wait for an answer, or for a message.
	prompt = regexp.MustCompile(`>\s*$`)
)

// asked is what a client asks for with the last line of what it shows: "role", "topic", "name",
// "host", "port", or nothing that is known. told are the kinds that it has been told already: a role
// and an address are not told twice.
func asked(shown string, told map[string]bool) string {
	text, line := lastLine(shown)
	if !told["role"] && isMenu(marks(lastTwo(text))) {
		return "role" // and no line behind the menu asks to choose
	}
	if !waiting.MatchString(line) && !prompt.MatchString(line) {
		return ""
	}
	if !told["role"] && (bothRoles(line) || prompt.MatchString(line) && isMenu(beginnings(text))) {
		return "role"
	}
	switch {
	case !waiting.MatchString(line):
		return ""
	case topicFirst.MatchString(line) && !told["topic"]:
		return "topic"
	case asksMessage.MatchString(line):
		return ""
	}
	for _, k := range []struct {
		kind  string
		about *regexp.Regexp
	}{{"topic", asksTopic}, {"role", asksRole}, {"name", asksName}, {"host", asksHost}, {"port", asksPort}} {
		if k.about.MatchString(line) && (k.kind == "topic" || !told[k.kind]) {
			return k.kind
		}
	}
	if !told["role"] && isMenu(text) {
		return "role" // "1. Publisher", "2. Subscriber", "Your choice: "
	}
	return ""
}

// overtaken is what a client showed before it showed a line that came from the server, up to the mark at
// which its question ends: the thread that reads from the server prints "Name: " and the greeting on one
// line. It is empty where it showed no such line.
func overtaken(shown string, said [][]byte) string {
	const shortest = 3
	first := -1
	for _, data := range said {
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimSpace(line); len(line) < shortest {
				continue
			}
			if at := strings.Index(shown, line); at >= 0 && (first < 0 || at < first) {
				first = at
			}
		}
	}
	return shown[:1+strings.LastIndexAny(shown[:max(first, 0)], ":?>")]
}

func isMenu(text string) bool {
	return menu(runner.Publisher, text) != "" && menu(runner.Subscriber, text) != ""
}

// lastTwo are the last two lines of a text.
func lastTwo(text string) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-2):], "\n")
}

// marks are the lines of a text that begin as the entries of a menu with a mark do: "1. Publisher", and
// not "1 publisher".
func marks(text string) string {
	return strings.Join(markedEntry.FindAllString(text, -1), "\n")
}

var markedEntry = regexp.MustCompile(`(?m)^\s*[\[(]?\w\s*(?:[\])]|[.:-]\s).*$`)

// beginnings are the entries of a menu with which lines of a text begin: "1 publisher and 0 subscribers
// online" is no menu.
func beginnings(text string) string {
	var found strings.Builder
	for line := range strings.Lines(text) {
		if at := entries.FindStringIndex(line); at != nil && strings.TrimSpace(line[:at[0]]) == "" {
			found.WriteString(line[at[0]:at[1]] + "\n")
		}
	}
	return found.String()
}

// lastLine is a text without the space at its end, and its last line.
func lastLine(shown string) (text, line string) {
	text = strings.TrimRight(shown, "\r\n\t ")
	return text, text[strings.LastIndexByte(text, '\n')+1:]
}

// bothRoles reports whether a line names both roles, as a question for one of them does.
func bothRoles(line string) bool {
	line = unmarked(line)
	return plainRoleNames.in(runner.Publisher, line) != "" && plainRoleNames.in(runner.Subscriber, line) != ""
}

// spellings are the ways in which a question may want a role to be spelt, the likeliest first.
func spellings(role, shown string) (all []string) {
	other, number := runner.Publisher, "2"
	if role == runner.Publisher {
		other, number = runner.Subscriber, "1"
	}
	for _, way := range []func(role, shown string) string{menu, markOf, choiceOf, spelt} {
		if mine, others := way(role, shown), way(other, shown); mine != "" && others != "" && mine != others && !slices.Contains(all, mine) {
			all = append(all, mine)
		}
	}
	for _, usual := range []string{role, strings.ToLower(role), strings.ToLower(role[:1]), number} {
		if !slices.Contains(all, usual) {
			all = append(all, usual)
		}
	}
	return all
}

// spelt is the word for a role that stands last in a question; empty where there is none.
func spelt(role, shown string) string {
	if word := plainRoleNames.in(role, shown); word != "" {
		return word
	}
	found := regexp.MustCompile(`(?i)\b`+role[:1]+`\b`).FindAllString(shown, -1)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// menu is what a menu wants for a role: "1" of "1. Publisher" or "[1] - publisher", "p" of
// "p) publisher"; empty where there is none.
func menu(role, shown string) string {
	for _, found := range entries.FindAllStringSubmatch(shown, -1) {
		if !plainRoleNames[role].MatchString(found[3]) {
			continue
		}
		if _, err := strconv.Atoi(found[1]); err == nil || strings.TrimSpace(found[2]) != "" {
			return found[1]
		}
	}
	for _, found := range lineEntry.FindAllStringSubmatch(shown, -1) { // "2. Start a publisher"
		if RoleOf(found[2], true) == role {
			return found[1]
		}
	}
	return ""
}

// lineEntry matches a line that is an entry of a menu.
var lineEntry = regexp.MustCompile(`(?m)^\s*[\[(]?([0-9]|[a-zA-Z])\s*(?:[\]).:=]+|->?|=>)\s*([^\n]*)$`)

// entries matches the entries of a menu, or of a sentence that is one.
var entries = regexp.MustCompile(`(?i)(?:^|[^\pL\pN])([0-9]|[a-z])([\])]?\s*(?:[.:)=]|->?|=>|\bfor\b|\bto\b|\bpara\b|\bfür\b|\bpour\b)?)\s*(?:an? |be a |un |una |als )?(\pL+)`)
