package submission

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// phrases are what may be typed at clients that take commands, the likeliest first.
type phrases struct {
	subscribe []string // "sub {topic}"
	publish   []string // "pub {topic} {text}"
}

// both reports whether there is something for each role.
func (p phrases) both() bool { return len(p.subscribe) > 0 && len(p.publish) > 0 }

func (p *phrases) add(others phrases) {
	const most = 6
	for _, list := range []struct {
		to   *[]string
		from []string
	}{{&p.subscribe, others.subscribe}, {&p.publish, others.publish}} {
		for _, line := range list.from {
			if !slices.Contains(*list.to, line) && len(*list.to) < most {
				*list.to = append(*list.to, line)
			}
		}
	}
}

// phrases are those that the READMEs and the sources of a unit tell.
func (f *finder) phrases(u unit) (all phrases) {
	guides := f.texts(u)
	for _, name := range slices.Sorted(maps.Keys(guides)) {
		all.add(listed(guides[name]))
	}
	for _, p := range append(u.programs(), &u.server) {
		all.add(listed(p.text + "\n" + p.near))
	}
	for _, p := range append(u.programs(), &u.server) {
		all.add(compared(p.text + "\n" + p.near))
	}
	return all
}

var (
	// commandWord matches what may be the word of a command, with what it is begun by in some programs.
	commandWord = regexp.MustCompile(`(?:^|[^\pL\pN/!:\\.-])([/!:\\.]?)(\pL+)`)
	// blank matches what stands for something to be typed, and what stands before it.
	blank = regexp.MustCompile(`^([ \t]*[:|,;#=][ \t]*|[ \t]+)["']?(<[^<>\n]+>|\[[^\[\]\n]+\]|\{[^{}\n]+\}|\.{3}|…|[\pL\pN_][\pL\pN_-]*)["']?`)
	// aText matches what a message may be called.
	aText = regexp.MustCompile(`(?i)message|msg|text|content|payload|data\b|body|words?\b|nachricht|mensa(?:je|gem)|\.\.\.|…`)
	// begun matches what may stand before a command that is shown as it is typed.
	begun = regexp.MustCompile("^[\\s>$*•\"'`(-]*$")
)

// listed are the commands that a text lists or shows, as "subscribe <topic>" and "PUB topic text", and with
// words of their own where a line begins with one, as "/pub sport We have won".
func listed(text string) (all phrases) {
	for line := range strings.Lines(text) {
		line = strings.ReplaceAll(strings.TrimSpace(line), `\n`, "\n")
		for part := range strings.Lines(line) {
			for _, found := range commandWord.FindAllStringSubmatchIndex(part, -1) {
				role := harness.RoleOf(part[found[4]:found[5]], true)
				if role == "" {
					continue
				}
				word := part[found[2]:found[5]]
				const most = 6 // words of an example
				example := begun.MatchString(part[:found[2]]) && len(strings.Fields(part)) <= most && !strings.HasSuffix(strings.TrimSpace(part), ".")
				if template := fillBlanks(word, part[found[5]:], example); template != "" {
					all.put(role, template)
				}
			}
		}
	}
	return all
}

// put adds a template where it fits a role.
func (p *phrases) put(role, template string) {
	switch {
	case role == runner.Subscriber && strings.Contains(template, "{topic}") && !strings.Contains(template, "{text}"):
		p.add(phrases{subscribe: []string{template}})
	case role == runner.Publisher && strings.Contains(template, "{text}"):
		p.add(phrases{publish: []string{template}})
	}
}

// fillBlanks makes a template of the word of a command and what follows it; empty where that is prose.
// shown says that it may be an example, with any words for the topic and the text.
func fillBlanks(word, rest string, shown bool) string {
	template, seen := word, map[string]bool{}
	for len(seen) < 2 {
		found := blank.FindStringSubmatch(rest)
		if found == nil {
			break
		}
		inner, kind := strings.Trim(found[2], "<>[]{}"), ""
		marked := inner != found[2]
		switch {
		case aText.MatchString(inner) && (marked || !seen["{text}"]):
			kind = "{text}"
		case kindOf(inner) == "{topic}":
			kind = "{topic}"
		case prose.MatchString(inner) || stops.MatchString(inner):
		case marked && !seen["{topic}"], shown && !seen["{topic}"]:
			kind = "{topic}"
		case marked || shown:
			kind = "{text}"
		}
		if kind == "" || seen[kind] {
			break
		}
		seen[kind] = true
		template += strings.NewReplacer("\t", " ").Replace(found[1]) + kind
		rest = rest[len(found[0]):]
	}
	if len(seen) == 0 {
		return ""
	}
	return template
}

// stops matches what goes on in prose behind a word that could be a command's.
var stops = regexp.MustCompile(`(?i)^(a|an|any|all|by|of|from|this|that|your|new|zu|ein|eine|un|una|del?|a|en|para|sur|au|quit|exit|terminate|unsubscribe|or)$`)

var (
	// quotedCommand matches a word in quotes with which a source compares the beginning of a line.
	quotedCommand = regexp.MustCompile("[\"'`]([/!:\\\\.]?)(\\pL+)([ :|,;#]?)[\"'`]")
	// splits matches where a source takes a line apart at something else than a space.
	splits = regexp.MustCompile(`(?i)(?:split|splitn|partition|strtok|find|indexOf|strchr|cut|tokenize)\w*\([^)\n]*["']([:|,;#])["']`)
)

// compared are the commands with whose words a source compares what it reads.
func compared(text string) (all phrases) {
	between := []string{" "}
	for _, found := range splits.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(between, found[1]) {
			between = append(between, found[1])
		}
	}
	for _, found := range quotedCommand.FindAllStringSubmatch(text, -1) {
		role := harness.RoleOf(found[2], true)
		if role == "" {
			continue
		}
		word, ways := found[1]+found[2], between
		if found[3] != "" {
			ways = []string{found[3]}
		}
		for _, way := range ways {
			if role == runner.Subscriber {
				all.put(role, word+way+"{topic}")
			} else {
				all.put(role, word+way+"{topic}"+way+"{text}")
			}
		}
	}
	return all
}

// explore types commands at a subscriber and a publisher that run, until a message arrives, and returns
// the two that were typed last before that; empty where none does.
func explore(ctx context.Context, sub, pub *harness.Participant, p phrases) (subscribe, publish string) {
	const arrives = 1200 * time.Millisecond
	topic := sub.Terminal().Topic
	enter := func(at *harness.Participant, line, text string) {
		line = strings.NewReplacer("{topic}", topic, "{text}", text).Replace(line)
		_ = at.Terminal().Program.Type(line + "\n") // one that has ended takes nothing, which is seen below
	}
	for _, subscribe := range p.subscribe {
		now := sub.Received.Len()
		enter(sub, subscribe, "")
		soon, cancel := context.WithTimeout(ctx, arrives/3) // for its answer, if there is one
		sub.Received.Wait(soon, func(data []byte) bool { return len(data) > now })
		cancel()
		var tokens []string // of p.publish
		for _, publish := range p.publish {
			m := pub.Next("")
			tokens = append(tokens, m.Token)
			enter(pub, publish, m.Text)
			harness.Pause(ctx, arrives/20) // so that servers that take a read for a line see lines
		}
		found, whole := -1, false
		soon, cancel = context.WithTimeout(ctx, arrives)
		harness.Poll(soon, func() bool {
			found = slices.IndexFunc(tokens, func(token string) bool { return sub.Has(0, token) })
			if found >= 0 && passedOn(string(sub.Received.Bytes()), p.publish[found], topic, tokens[found]) {
				whole = true
			}
			return found >= 0 || sub.Closed() || pub.Closed()
		})
		cancel()
		if whole {
			break
		}
		if found >= 0 {
			return subscribe, p.publish[found]
		}
		if ctx.Err() != nil || sub.Closed() || pub.Closed() {
			break
		}
	}
	return "", ""
}

// passedOn reports whether a subscriber shows the whole line that was to be a command, its word too: to the
// programs it was a message.
func passedOn(shown, command, topic, token string) bool {
	line, _, _ := strings.Cut(strings.ReplaceAll(command, "{topic}", topic), "{text}")
	return line != "" && !strings.HasPrefix(command, "{") && strings.Contains(strings.ToLower(shown), strings.ToLower(line)+token)
}
