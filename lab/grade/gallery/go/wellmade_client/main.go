// A client that has no fault.
package main

import "pubsublab/lab/grade/gallery/go/internal/client"

func main() {
	client.New().Main()
}
