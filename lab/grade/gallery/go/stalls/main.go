// A server that writes to subscribers while it holds the lock, so that one that does not read stops all.
package main

import (
	"io"

	"pubsublab/lab/grade/gallery/go/internal/server"
)

func main() {
	s := server.New()
	s.Send = func(to *server.Session, text string) {
		io.WriteString(to.Conn, text)
	}
	s.Main()
}
