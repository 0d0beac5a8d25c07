// A server that publishes what subscribers say, too.
package main

import "pubsublab/lab/grade/gallery/go/internal/server"

func main() {
	s := server.New()
	hear := s.Hear
	s.Hear = func(session *server.Session, line string) bool {
		more := hear(session, line)
		if more && session.Role == "SUBSCRIBER" {
			s.Publish(session, line)
		}
		return more
	}
	s.Main()
}
