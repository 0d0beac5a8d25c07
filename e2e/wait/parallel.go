package wait

import (
	"flag"
	"runtime"
	"strconv"
)

// Parallel has so many tests run side by side that call t.Parallel, or as many as there are
// processors where those are more, unless the command line says how many. It is for a TestMain whose
// tests mostly wait for others: go test's own number is that of the processors.
func Parallel(n int) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		flag.Set("test.parallel", strconv.Itoa(max(n, runtime.GOMAXPROCS(0))))
	}
}
