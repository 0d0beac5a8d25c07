// A server that has no fault.
package main

import "pubsublab/lab/grade/gallery/go/internal/server"

func main() {
	server.New().Main()
}
