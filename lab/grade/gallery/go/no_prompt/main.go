// A server that does not ask for the role, but waits for it.
package main

import "pubsublab/lab/grade/gallery/go/internal/server"

func main() {
	s := server.New()
	s.Prompt = ""
	s.Main()
}
