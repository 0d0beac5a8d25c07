// Usage:
//
//	middleware server PORT
//	middleware client HOST PORT ROLE TOPIC
package main

import (
	"fmt"
	"os"
)

func main() {
	switch {
	case len(os.Args) == 3 && os.Args[1] == "server":
		runServer(os.Args[2])
	case len(os.Args) == 6 && os.Args[1] == "client":
		runClient(os.Args[2], os.Args[3], os.Args[4], os.Args[5])
	default:
		fmt.Println("usage: middleware server PORT | middleware client HOST PORT ROLE TOPIC")
		os.Exit(2)
	}
}
