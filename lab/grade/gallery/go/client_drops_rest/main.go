// A client that takes what one read received for one message, and drops what is behind the first line.
package main

import (
	"fmt"
	"strings"

	"pubsublab/lab/grade/gallery/go/internal/client"
)

func main() {
	c := client.New()
	c.Show = func(received []byte) {
		message, _, _ := strings.Cut(string(received), "\n")
		fmt.Println(message)
	}
	c.Main()
}
