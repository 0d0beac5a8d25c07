// A client that takes the end of the connection, which terminate leads to, for an error.
package main

import (
	"log"

	"pubsublab/lab/grade/gallery/go/internal/client"
)

func main() {
	c := client.New()
	c.Closed = func(err error) {
		log.Fatal("connection lost: ", err) // exits with 1
	}
	c.Main()
}
