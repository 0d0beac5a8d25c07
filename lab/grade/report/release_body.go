package report

import (
	"fmt"
	"html"
	"regexp"
	"strings"

	"pubsublab/lab/grade"
	"pubsublab/lab/grade/harness"
)

// What GitHub takes as the text of a release is at most 125,000 characters.
const (
	bodyLimit   = 100_000 // bytes before what is left is only counted
	detailLimit = 6_000   // characters of what is said of one check
)

// releaseBody makes release-body.md, the text of the release in which a student of Classroom 50
// reads about a submission: all points, and of each check that did not pass what happened and why.
// What a submission had a say in stands in blocks of code, where nothing of it is Markdown and
// nobody is notified.
func releaseBody(r *grade.Result) ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n", sum(r))
	if text := leftOut(r); text != "" {
		fmt.Fprintf(&b, "%s\n\n", text)
	}
	if !r.Graded() {
		b.WriteString("A person has to look: this says nothing about how good it is.\n\n")
		b.WriteString(fence(verdict(r)))
	}
	for _, remark := range r.Remarks {
		b.WriteString(fence(clean(remark)))
	}
	stages, more := r.Stages, 0
	if !r.Graded() {
		stages = nil // their points mean nothing
	}
	for _, s := range stages {
		earned, of, bonus := s.Points()
		fmt.Fprintf(&b, "### %s: %s\n\n", markdown(s.Title), score(earned, of)+plus(bonus))
		for _, c := range s.Checks {
			fmt.Fprintf(&b, "- %s %s (%s)\n", marks[c.Status], markdown(c.Title), worth(c))
		}
		b.WriteString("\n")
		for _, c := range s.Checks {
			if c.Status != grade.Failed {
				continue
			}
			if b.Len() > bodyLimit {
				more++
				continue
			}
			fmt.Fprintf(&b, "<details><summary>✘ %s</summary>\n\n%s</details>\n\n", html.EscapeString(clean(c.Title)), fence(evidence(r, c)))
		}
	}
	if more > 0 {
		fmt.Fprintf(&b, "%s failed than fit here.\n\n", harness.Count(more, "more check"))
	}
	fmt.Fprintf(&b, "To repeat this run: the same command with `%s`.\n", repeat(r))
	return []byte(b.String()), nil
}

func plus(bonus float64) string {
	if bonus == 0 {
		return ""
	}
	return ", and " + number(bonus) + " bonus"
}

// worth is what a check is worth and came to, in words.
func worth(c grade.Check) string {
	switch {
	case c.Bonus:
		return number(c.Points) + " bonus"
	case c.Of() == 0 && c.Max > 0:
		return "does not count"
	}
	return score(c.Points, c.Max)
}

// fence is a text as a block of code that nothing in it can end.
func fence(text string) string {
	const most = detailLimit / 2
	if runes := []rune(text); len(runes) > detailLimit {
		text = string(runes[:most]) + "\n…\n" + string(runes[len(runes)-most:])
	}
	ticks := "```"
	for strings.Contains(text, ticks) {
		ticks += "`"
	}
	return ticks + "text\n" + text + "\n" + ticks + "\n\n"
}

// markdown is a title of the rubric on one line, in which nothing is Markdown or HTML.
func markdown(text string) string { return marked.ReplaceAllString(clean(text), `\$0`) }

var marked = regexp.MustCompile("[\\\\`*_{}\\[\\]()<>#+.!|~&:-]")
