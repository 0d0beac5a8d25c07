package submission

import (
	"regexp"
	"slices"
	"strings"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// spellings are the words for the roles that the sources may want, the likeliest first.
func (u unit) spellings() [][2]string {
	usual := [2]string{runner.Publisher, runner.Subscriber}
	mine, others := u.client.text+u.client.near, u.server.text+u.server.near
	all := quotedRoles(mine)
	switch {
	case len(all) == 0: // it hands on what it is told
		all = append([][2]string{usual}, quotedRoles(others)...)
		if !shouted.MatchString(mine) && !foldsCase.MatchString(mine+others) && len(all) > 1 && !slices.Contains(all[1:], usual) {
			all = append(all[1:], usual)
		}
	case slices.Contains(all, usual), foldsCase.MatchString(mine) && strings.EqualFold(all[0][0], usual[0]):
		all = append([][2]string{usual}, all...)
	default:
		all = append(all, usual)
	}
	for _, pair := range append(statedRoles(mine), halfQuoted(mine+others)...) {
		if !slices.Contains(all, pair) {
			all = append(all, pair)
		}
	}
	return all
}

// halfQuoted are usual pairs of words for the roles of which a source has one in quotes: it takes whatever
// is not that for the other.
func halfQuoted(text string) (all [][2]string) {
	for _, found := range quotedWord.FindAllStringSubmatch(text, -1) {
		for _, pair := range usualPairs {
			if (found[1] == pair[0] || found[1] == pair[1]) && !slices.Contains(all, pair) {
				all = append(all, pair)
			}
		}
	}
	return all
}

// statedRoles are the words for the roles between which a usage text leaves the choice, as "pub|sub".
func statedRoles(text string) (all [][2]string) {
	for _, found := range alternatives.FindAllStringSubmatch(text, -1) {
		switch one, other := harness.RoleOf(found[1], true), harness.RoleOf(found[2], true); {
		case one == runner.Publisher && other == runner.Subscriber:
			all = append(all, [2]string{found[1], found[2]})
		case one == runner.Subscriber && other == runner.Publisher:
			all = append(all, [2]string{found[2], found[1]})
		}
	}
	return all
}

var alternatives = regexp.MustCompile(`\b(\pL+)\s*(?:[|/,]|\bor\b)\s*(\pL+)\b`)

// shouted matches the roles as a usage text has them.
var shouted = regexp.MustCompile(`\bPUBLISHER\b[\s\S]*\bSUBSCRIBER\b`)

// foldsCase matches what makes upper case of lower case, or compares without it.
var foldsCase = regexp.MustCompile(`(?i)\.upper\(|\.lower\(|toUpperCase|toLowerCase|equalsIgnoreCase|EqualFold|ToUpper|ToLower|strcasecmp|to_uppercase|to_lowercase|casefold|tolower|toupper`)

// usualPairs are words for the roles, the likeliest first.
var usualPairs = [][2]string{
	{"PUBLISHER", "SUBSCRIBER"}, {"publisher", "subscriber"}, {"Publisher", "Subscriber"}, {"pub", "sub"}, {"PUB", "SUB"},
	{"publish", "subscribe"}, {"PUBLISH", "SUBSCRIBE"},
}

// quotedRoles are the words for the roles that a source has in quotes, the likeliest first.
func quotedRoles(text string) (all [][2]string) {
	var publishers, subscribers []string
	there := map[string]bool{}
	for _, found := range quotedWord.FindAllStringSubmatch(text, -1) {
		word := found[1]
		if there[word] {
			continue
		}
		there[word] = true
		switch harness.RoleOf(strings.TrimLeft(word, "-"), true) {
		case runner.Publisher:
			publishers = append(publishers, word)
		case runner.Subscriber:
			subscribers = append(subscribers, word)
		}
	}
	for _, pair := range usualPairs {
		if there[pair[0]] && there[pair[1]] {
			all = append(all, pair)
		}
	}
	const most = 6
	for _, publisher := range publishers {
		for _, subscriber := range subscribers {
			pair := [2]string{publisher, subscriber}
			if spelling(publisher) == spelling(subscriber) && !slices.Contains(all, pair) && len(all) < most {
				all = append(all, pair)
			}
		}
	}
	for _, pair := range [][2]string{{"p", "s"}, {"P", "S"}, {"1", "2"}} {
		if there[pair[0]] && there[pair[1]] {
			all = append(all, pair)
		}
	}
	return all
}

var quotedWord = regexp.MustCompile(`["'](-{0,2}[\pL\pN]+)["']`)

// spelling is how a word is written: with which dashes, and in large or small letters.
func spelling(word string) string {
	bare := strings.TrimLeft(word, "-")
	dashes := word[:len(word)-len(bare)]
	switch bare {
	case strings.ToUpper(bare):
		return dashes + "A"
	case strings.ToLower(bare):
		return dashes + "a"
	}
	return dashes + "Aa"
}
