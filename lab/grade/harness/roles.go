package harness

import (
	"regexp"
	"strings"

	"pubsublab/lab/grade/harness/runner"
)

// What publishers and subscribers are called, in English, Spanish, Portuguese, German and French: by
// names of programs, by options, in menus and in questions. Plain words have other uses, too.
const (
	publishing    = `publi\pL*|produ[czk]\pL*|emisor\pL*|emit\pL*|verleg\pL*|ver(?:ö|oe)ffent\pL*|herausgeb\pL*|[ée]dit(?:eu|o)r|[ée]metteur`
	publishingToo = `send(?:er|en)?|talk(?:er)?|writer?|speaker?|announcer?|post(?:er)?|escrit(?:or|ura)|enviar|schreib\pL*`

	subscribing    = `subs?cri\pL*|suscri\pL*|cons[uo]m\pL*|konsum\pL*|abonn\pL*|assin\pL*|receptor\pL*|empf(?:ä|ae)ng\pL*|r[ée]cepteur`
	subscribingToo = `receiver?|recv|listen(?:er)?|reader?|follow(?:er)?|watch(?:er)?|lector|recibir|leser?|(?:zu)?h(?:ö|oe)r(?:er|en)`
)

var (
	spokenRoles    = wordsOf(publishing, subscribing)
	roleNames      = wordsOf(publishing+`|pub`, subscribing+`|sub`)
	plainRoleNames = wordsOf(publishing+`|pub|`+publishingToo, subscribing+`|sub|`+subscribingToo)
)

// byRole is something for each role.
type byRole map[string]*regexp.Regexp

func wordsOf(publishers, subscribers string) byRole {
	whole := func(words string) *regexp.Regexp {
		return regexp.MustCompile(`(?i)(^|[^\pL\pN])(` + words + `)($|[^\pL])`)
	}
	return byRole{runner.Publisher: whole(publishers), runner.Subscriber: whole(subscribers)}
}

// in is the word for a role that stands last in a text, as it is spelt there; empty where there is
// none.
func (b byRole) in(role, text string) (word string) {
	for {
		found := b[role].FindStringSubmatchIndex(text)
		if found == nil {
			return word
		}
		word, text = text[found[4]:found[5]], text[found[5]:]
	}
}

// RoleOf is the role that a name of a program, an option or an argument stands for; empty where it
// stands for none, or for both. Plain words are those that have other uses, too, as "send" and
// "listen" have.
func RoleOf(name string, plain bool) string {
	names := roleNames
	if plain {
		names = plainRoleNames
	}
	publisher, subscriber := names.in(runner.Publisher, name) != "", names.in(runner.Subscriber, name) != ""
	switch {
	case publisher == subscriber:
		return ""
	case publisher:
		return runner.Publisher
	}
	return runner.Subscriber
}

// SpeakOfRoles reports whether a text names both roles by words that have no other use.
func SpeakOfRoles(text string) bool {
	text = unmarked(text)
	return spokenRoles[runner.Publisher].MatchString(text) && spokenRoles[runner.Subscriber].MatchString(text)
}

// marked matches the letter of a word that stands for it: the p of "(p)ublish".
var marked = regexp.MustCompile(`[(\[](\pL)[)\]](\pL+)`)

// unmarked is a text without such marks.
func unmarked(text string) string { return marked.ReplaceAllString(text, "$1$2") }

// labelled matches a word with a letter or number behind it that stands for it: "publish (p)".
var labelled = regexp.MustCompile(`(\pL{3,})\s*[(\[](\pL|\d)[)\]]`)

// markOf is the letter that is marked in a word for a role, or that stands behind it; empty where there
// is none.
func markOf(role, text string) string {
	for _, found := range labelled.FindAllStringSubmatch(text, -1) {
		if plainRoleNames[role].MatchString(found[1]) {
			return found[2]
		}
	}
	for _, found := range marked.FindAllStringSubmatch(text, -1) {
		if plainRoleNames[role].MatchString(found[1] + found[2]) {
			return found[1]
		}
	}
	return ""
}

// choices matches what a question has in brackets to choose from: "(p/s)", "[pub|sub]".
var choices = regexp.MustCompile(`[(\[{<]\s*["']?([\pL\pN]+)["']?\s*(?:[/|,]|\bor\b|\bo\b|\boder\b)\s*["']?([\pL\pN]+)["']?\s*[)\]}>]`)

// choiceOf is what stands for a role among the choices of a text in which both roles are spelt, or
// which are words for them; empty where nothing does.
func choiceOf(role, text string) string {
	all := choices.FindAllStringSubmatch(text, -1)
	if len(all) == 0 {
		return ""
	}
	last := all[len(all)-1][1:]
	for _, choice := range last {
		if plainRoleNames[role].MatchString(choice) {
			return choice
		}
	}
	word := plainRoleNames.in(role, text)
	if word == "" {
		word = role
	}
	for _, choice := range last {
		if strings.HasPrefix(strings.ToLower(word), strings.ToLower(choice)) {
			return choice
		}
	}
	return ""
}
