// A server that sends messages back to publishers, too.
package main

import "pubsublab/lab/grade/gallery/go/internal/server"

func main() {
	s := server.New()
	s.Publish = func(from *server.Session, line string) {
		s.Each(func(to *server.Session) { // whatever its role
			s.Send(to, s.Format(from, line))
		})
	}
	s.Main()
}
