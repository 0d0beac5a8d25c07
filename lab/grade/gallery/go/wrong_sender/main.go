// A server that names the publisher that connected last, whoever sent the message.
package main

import (
	"fmt"
	"sync/atomic"

	"pubsublab/lab/grade/gallery/go/internal/server"
)

var publisher atomic.Value // one for all

func main() {
	s := server.New()
	s.Join = func(session *server.Session) {
		if session.Role == "PUBLISHER" {
			publisher.Store(session.Name)
		}
		s.Add(session)
	}
	s.Format = func(_ *server.Session, line string) string {
		return fmt.Sprintf("[FROM %s] : %s\n", publisher.Load(), line)
	}
	s.Main()
}
