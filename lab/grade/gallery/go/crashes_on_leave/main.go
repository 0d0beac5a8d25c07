// A server that ends when a subscriber leaves.
package main

import (
	"log"

	"pubsublab/lab/grade/gallery/go/internal/server"
)

func main() {
	s := server.New()
	s.Leave = func(session *server.Session) {
		if session.Role == "SUBSCRIBER" {
			log.Fatal("cannot read from ", session.Name) // Fatal ends more than this session
		}
	}
	s.Main()
}
