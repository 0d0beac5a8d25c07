// A server that publishes the word terminate before it obeys.
package main

import (
	"strings"

	"pubsublab/lab/grade/gallery/go/internal/server"
)

func main() {
	s := server.New()
	hear := s.Hear
	s.Hear = func(session *server.Session, line string) bool {
		more := hear(session, line)
		if session.Role == "PUBLISHER" && strings.TrimSpace(line) == "terminate" {
			s.Publish(session, line)
		}
		return more
	}
	s.Main()
}
