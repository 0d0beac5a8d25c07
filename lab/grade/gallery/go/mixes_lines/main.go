// A server that sends each message in two parts, between which another publisher's may come.
package main

import (
	"time"

	"pubsublab/lab/grade/gallery/go/internal/server"
)

func main() {
	s := server.New()
	s.Publish = func(from *server.Session, line string) {
		var all []*server.Session
		s.Each(func(to *server.Session) {
			if to.Role == "SUBSCRIBER" {
				all = append(all, to)
			}
		})
		for _, to := range all {
			s.Send(to, "[FROM "+from.Name+"] : ")
			time.Sleep(time.Millisecond) // a busy machine
			s.Send(to, line+"\n")
		}
	}
	s.Main()
}
