// A server that starts a goroutine for each message, which then race each other.
package main

import "pubsublab/lab/grade/gallery/go/internal/server"

func main() {
	s := server.New()
	s.Publish = func(from *server.Session, line string) {
		go s.Broadcast(from, line)
	}
	s.Main()
}
