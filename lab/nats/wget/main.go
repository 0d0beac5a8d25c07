// Command wget stands in for the one of BusyBox in the stand-in image of NATS, which has no other
// programs: so the health check of compose.cluster.yaml is the same for both images. It fetches the
// URL that is its last argument, prints nothing, and exits 1 unless the answer is 200.
package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	response, err := http.Get(os.Args[len(os.Args)-1])
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("the server says %s", response.Status)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "wget:", err)
		os.Exit(1)
	}
}
