// A client that receives one message and no more.
package main

import (
	"os"
	"strings"

	"pubsublab/lab/grade/gallery/go/internal/client"
)

func main() {
	c := client.New()
	messages := 0
	c.Show = func(received []byte) {
		if messages == 0 { // an if where a loop should be
			os.Stdout.Write(received)
		}
		if strings.Contains(string(received), "[FROM") {
			messages++
		}
	}
	c.Main()
}
