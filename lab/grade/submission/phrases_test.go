package submission

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCommandsThatAreListed(t *testing.T) {
	for text, want := range map[string]phrases{
		"commands: /sub <topic>   /pub <topic> <message>   terminate\n":                                    {[]string{"/sub {topic}"}, []string{"/pub {topic} {text}"}},
		"connected. SUBSCRIBE <topic> | UNSUBSCRIBE <topic> | PUBLISH <topic> <text> | terminate":          {[]string{"SUBSCRIBE {topic}"}, []string{"PUBLISH {topic} {text}"}},
		"Órdenes:\n  subscribe TEMA\n  unsubscribe TEMA\n  publish TEMA MENSAJE\n  terminate":              {[]string{"subscribe {topic}"}, []string{"publish {topic} {text}"}},
		"usage: SUB:<topic> or PUB:<topic>:<message>":                                                      {[]string{"SUB:{topic}"}, []string{"PUB:{topic}:{text}"}},
		"- `PUBLISH|topic|message` sends a message\n- `SUBSCRIBE|topic` receives the messages of a topic":  {[]string{"SUBSCRIBE|{topic}"}, []string{"PUBLISH|{topic}|{text}"}},
		"For example, type\n\n    pub sport We have won!\n\nand, at another client,\n\n    sub sport\n":    {[]string{"sub {topic}"}, []string{"pub {topic} {text}"}},
		"> subscribe [topic]\n> send [topic] [message]\n":                                                  {[]string{"subscribe {topic}"}, []string{"send {topic} {text}"}},
		"publizieren <Thema> <Nachricht>, abonnieren <Thema>":                                              {[]string{"abonnieren {topic}"}, []string{"publizieren {topic} {text}"}},
		"!publish <channel> <msg>\n!subscribe <channel>":                                                   {[]string{"!subscribe {topic}"}, []string{"!publish {topic} {text}"}},
		"Subscribers receive all messages of a topic. Publishers send messages to the server.":             {},
		"Subscribed to topic news\nWaiting for messages...":                                                {},
		"1. Publisher\n2. Subscriber\nYour choice: ":                                                       {},
		"A publisher publishes a message under a topic and all subscribers of this topic receive it again": {},
	} {
		got := listed(text)
		assert.Equal(t, want.subscribe, got.subscribe, "%q", text)
		if want.publish != nil || got.both() {
			assert.Equal(t, want.publish, got.publish, "%q", text)
		}
	}
}

func TestCommandsThatAreCompared(t *testing.T) {
	for text, want := range map[string]phrases{
		`if word == "subscribe": ... elif word == "publish":`:                                             {[]string{"subscribe {topic}"}, []string{"publish {topic} {text}"}},
		`if (strncmp(buf, "/sub ", 5) == 0) ... else if (strncmp(buf, "/pub ", 5) == 0)`:                  {[]string{"/sub {topic}"}, []string{"/pub {topic} {text}"}},
		`String[] parts = line.split(":", 3); if (parts[0].equals("SUB")) ... if (parts[0].equals("PUB")`: {[]string{"SUB {topic}", "SUB:{topic}"}, []string{"PUB {topic} {text}", "PUB:{topic}:{text}"}},
		`print("hello")`: {},
	} {
		assert.Equal(t, want, compared(text), "%q", text)
	}
}

// What subscribers show as it was typed, with its first word, was no command.
func TestLinesThatArePassedOn(t *testing.T) {
	assert.True(t, passedOn("> PUBLISHER:say m1-k3vq9x-001. hello", "say {text}", "sport", "m1-k3vq9x-001."))
	assert.True(t, passedOn("pub sport m1-k3vq9x-001.", "PUB {topic} {text}", "sport", "m1-k3vq9x-001."))
	assert.False(t, passedOn("[sport] m1-k3vq9x-001.", "pub {topic} {text}", "sport", "m1-k3vq9x-001."))
	assert.False(t, passedOn("sport m1-k3vq9x-001.", "{topic} {text}", "sport", "m1-k3vq9x-001."))
}
