// A server whose messages hold 16 bytes, and no more.
package main

import "pubsublab/lab/grade/gallery/go/internal/server"

func main() {
	s := server.New()
	s.Publish = func(from *server.Session, line string) {
		var message [16]byte
		n := copy(message[:], line)
		s.Broadcast(from, string(message[:n]))
	}
	s.Main()
}
