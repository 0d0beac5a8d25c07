// A server that ends when a client leaves before it has said a role.
package main

import (
	"strings"

	"pubsublab/lab/grade/gallery/go/internal/server"
)

func main() {
	s := server.New()
	s.Role = func(said string) string {
		return strings.ToUpper(strings.Fields(said)[0]) // panics where nothing was said
	}
	s.Main()
}
