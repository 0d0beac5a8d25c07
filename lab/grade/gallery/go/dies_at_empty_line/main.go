// A server that ends at an empty line.
package main

import (
	"fmt"
	"strings"

	"pubsublab/lab/grade/gallery/go/internal/server"
)

func main() {
	s := server.New()
	hear := s.Hear
	s.Hear = func(session *server.Session, line string) bool {
		fmt.Println("first word:", strings.Fields(line)[0]) // panics where there is none
		return hear(session, line)
	}
	s.Main()
}
