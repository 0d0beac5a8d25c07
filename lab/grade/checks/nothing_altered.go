package checks

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"pubsublab/lab/grade/harness"
)

// nothingAltered is the check nothing-altered:
//
//	publisher ──m with "quotes", ü, 日本──▶ server ──just that──▶ each subscriber
var nothingAltered = Check{
	ID:     "nothing-altered",
	Title:  "messages arrive as they were sent",
	From:   "A7",
	Needs:  []string{"server-delivers"},
	Shares: []string{"nothing-lost"},
	Alone:  true,
	Ahead:  makeTrafficAhead,
	Run:    runNothingAltered,
}

func runNothingAltered(ctx context.Context, g *Suite) (*harness.Finding, error) {
	return judgeTraffic(ctx, g, func(t *traffic) *harness.Finding {
		for _, s := range t.subscribers {
			data := string(s.Received.Bytes())
			raw := map[string]string{}
			for _, seen := range s.Seen() {
				raw[seen.Token] = seen.Raw
			}
			for _, m := range t.messages {
				switch got := raw[m.Token]; {
				case got == "" && t.texts[m.Token] && received(counts(s), t.of(m.From)) > 0:
					return t.altered(s, m, "This message holds more than letters: it is split, decoded or escaped in a way that loses it.")
				case got == "": // lost, whatever it holds
				case got != m.Token:
					return t.altered(s, m, "Letters are changed to upper case: compare the role without changing the message.")
				case !arrived(data, m.Text):
					return t.altered(s, m, "The message is split, stripped, cut, formatted or decoded on its way: pass it on as it came.")
				}
			}
		}
		return nil
	})
}

func (t *traffic) altered(s *harness.Participant, m harness.Message, cause string) *harness.Finding {
	return &harness.Finding{
		What:    fmt.Sprintf("%s sent %q, and %s received something else, or nothing.", harness.Sentence(m.From.Name)[:len(m.From.Name)], m.Text, s.Name),
		Cause:   cause,
		Excerpt: t.mark(t.server.Excerpt([]*harness.Participant{m.From, s}, []string{m.Token}), s, m.Token, 0),
	}
}

// arrived reports whether a message's text is in data as it was sent, or as JSON writes it.
func arrived(data, text string) bool {
	if strings.Contains(data, text) {
		return true
	}
	quoted, _ := json.Marshal(text) // no string fails
	ascii := escapeASCII(strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(quoted)))
	return strings.Contains(data, strings.Trim(string(quoted), `"`)) ||
		strings.Contains(escapeASCII(data), ascii[1:len(ascii)-1])
}

var notASCII = regexp.MustCompile(`[^\x00-\x7f]`)

// escapeASCII writes letters beyond ASCII as JSON does that is plain ASCII.
func escapeASCII(text string) string {
	return notASCII.ReplaceAllStringFunc(text, func(r string) string { return fmt.Sprintf(`\u%04x`, []rune(r)[0]) })
}
