package submission

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAnswersOfAServer(t *testing.T) {
	for shown, want := range map[string]string{
		"Enter the port: ": "{port}",
		"1. Start server\n2. Start publisher\n3. Start subscriber\nOption [1-3]: ":              "1",
		"[p]ublisher [s]ubscriber\n(b) broker, for publishers and subscribers\n> ":              "b",
		"What is this? (server/publisher/subscriber): ":                                         "server",
		"Publisher, subscriber or broker? ":                                                     "broker",
		"1. Start server\n2. Start publisher\n3. Start subscriber\nOption [1-3]: Port number: ": "{port}",
		"Server ready for publishers and subscribers:\n":                                        "",
		"1. Publisher\n2. Subscriber\nYour choice: ":                                            "",
		"Transport: \nstarting\n":                                                               "",
		"":                                                                                      "",
	} {
		assert.Equal(t, want, answer(shown), "%q", shown)
	}
}
