package harness

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"pubsublab/lab/grade/harness/runner"
)

func TestQuestions(t *testing.T) {
	for shown, want := range map[string]string{
		"Enter your role (PUBLISHER/SUBSCRIBER) : ":                                         "role",
		"Connected to the server.\nEnter your role (publisher/subscriber):\n":               "role",
		"Are you a publisher or a subscriber? ":                                             "role",
		"1. Publisher\n2. Subscriber\nYour choice: ":                                        "role",
		"1. Start server\n2. Start publisher\n3. Start subscriber\nOption [1-3]: ":          "role",
		"[1] Publisher\n[2] Subscriber\nChoose an option > ":                                "role",
		"Do you want to (p)ublish or to (s)ubscribe? ":                                      "role",
		"¿Emisor o receptor? ":                                                              "role",
		"Rolle (Verleger/Abonnent): ":                                                       "role",
		"1) Publish\n2) Subscribe\n3) Quit\n> ":                                             "role",
		"registered as PUBLISHER: 1 publisher and 0 subscribers online\nterminate ends\n> ": "",
		"1 publisher and 0 subscribers online\n> ":                                          "",
		"publish, subscribe or quit? ":                                                      "role",
		"1. Publicador\n2. Suscriptor\n":                                                    "role",
		"Online:\n1 publisher\n2 subscribers\n":                                             "",
		"Introduce el tema: ":                                                               "topic",
		"Thema: ":                                                                           "topic",
		"Nachricht zum Thema news: ":                                                        "",
		"Role: ":                                                                            "role",
		"Enter topic: ":                                                                     "topic",
		"Which topic do you want to subscribe to?":                                          "topic",
		"Enter the topic name> ":                                                            "topic",
		"Enter the topic to publish to (e.g. sport): ":                                      "topic",
		"Topic to send to: ":                                                                "topic",
		"Topic name (or exit to leave): ":                                                   "topic",
		"Which topic do you want to publish on? ":                                           "topic",
		"Topic news, your message: ":                                                        "",
		"Publishing to topic news (exit to leave): ":                                        "",
		"Topic = ":                         "topic",
		"What is your name? ":              "name",
		"Enter server IP: ":                "host",
		"Server address: ":                 "host",
		"Enter port number: ":              "port",
		"":                                 "",
		"> ":                               "",
		"PUBLISHER> ":                      "",
		"[topic news] > ":                  "",
		"Enter message: ":                  "",
		"Enter a message for topic news: ": "",
		"Registered as PUBLISHER. Type messages:\n":          "",
		"You are registered as a SUBSCRIBER\n":               "",
		"registered as PUBLISHER\n":                          "",
		"Subscribed to topic news\n":                         "",
		"Waiting for messages...\n":                          "",
		"[FROM 127.0.0.1:4711] : m1-k3vq9x-001.\n":           "",
		"Type 'terminate' to end, or a line for the topic: ": "",
	} {
		assert.Equal(t, want, asked(shown, map[string]bool{}), "%q", shown)
	}
	assert.Empty(t, asked("Enter your role (PUBLISHER/SUBSCRIBER) : ", map[string]bool{"role": true}))
	assert.Equal(t, "topic", asked("Enter topic: ", map[string]bool{"topic": true}), "that of the next message")
}

// A question stays one where the server's words are shown behind it.
func TestQuestionsThatWereOvertaken(t *testing.T) {
	said := [][]byte{[]byte("HELLO pubsub/1.0\r\nregistered: ok\n")}
	for shown, want := range map[string]string{
		"User name: * HELLO pubsub/1.0\n": "name",
		"Topic: registered: ok\n":         "topic",
		"Enter topic:\nHELLO pubsub/1.0":  "topic",
		"HELLO pubsub/1.0\n":              "",
		"Connected to port: 5000\n":       "",
		"Message: HELLO pubsub/1.0\n":     "",
	} {
		assert.Equal(t, want, asked(overtaken(shown, said), map[string]bool{}), "%q", shown)
	}
}

// A role is spelt as the question has it.
func TestSpellings(t *testing.T) {
	for shown, want := range map[string][2]string{
		"Enter your role (PUBLISHER/SUBSCRIBER) : ": {"PUBLISHER", "SUBSCRIBER"},
		"":                          {"PUBLISHER", "SUBSCRIBER"},
		"role? ":                    {"PUBLISHER", "SUBSCRIBER"},
		"Publisher or subscriber? ": {"Publisher", "subscriber"},
		"Enter role (pub/sub): ":    {"pub", "sub"},
		"Publisher (P) or subscriber (S)? [P/S]: ":       {"P", "S"},
		"Are you a publisher or a subscriber? (p/s) ":    {"p", "s"},
		"Do you want to (p)ublish or to (s)ubscribe? ":   {"p", "s"},
		"(V)eröffentlichen oder (a)bonnieren? ":          {"V", "a"},
		"Publish or subscribe? (pub/sub) ":               {"pub", "sub"},
		"Voulez-vous publier (p) ou vous abonner (a) ? ": {"p", "a"},
		"¿Emisor o receptor? ":                           {"Emisor", "receptor"},
		"1. Producer\n2. Consumer\nChoice: ":             {"1", "2"},
		"1 - publicar\n2 - suscribirse\nElige: ":         {"1", "2"},
		"Press 1 to send or 2 to receive messages: ":     {"1", "2"},
		"Role [P/S]: ": {"P", "S"},
		"1. Publisher\n2. Subscriber\nYour choice: ":                               {"1", "2"},
		"1. Start server\n2. Start publisher\n3. Start subscriber\nOption [1-3]: ": {"2", "3"},
		"1) PUBLISHER\n2) SUBSCRIBER\n> ":                                          {"1", "2"},
		"[1] Publisher [2] Subscriber: ":                                           {"1", "2"},
		"Enter 1 for publisher, 2 for subscriber: ":                                {"1", "2"},
		"Press p for publisher or s for subscriber: ":                              {"p", "s"},
		"p - publisher\ns - subscriber\nchoice: ":                                  {"p", "s"},
		"Are you a publisher or a subscriber? ":                                    {"publisher", "subscriber"},
		"127.0.0.1 connected.\nPUBLISHER or SUBSCRIBER? ":                          {"PUBLISHER", "SUBSCRIBER"},
	} {
		assert.Equal(t, want, [2]string{spellings(runner.Publisher, shown)[0], spellings(runner.Subscriber, shown)[0]}, "%q", shown)
	}
}

// A question that comes again was not answered as it wants.
func TestSpellingsToTryNext(t *testing.T) {
	assert.Equal(t, []string{"Publisher", "PUBLISHER", "publisher", "p", "1"}, spellings(runner.Publisher, "Publisher or subscriber? "))
	assert.Equal(t, []string{"2", "subscriber", "SUBSCRIBER", "s"}, spellings(runner.Subscriber, "1 publisher, 2 subscriber: "))
}
