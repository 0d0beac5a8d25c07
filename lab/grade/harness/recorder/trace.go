package recorder

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

type key struct{}

func Label(ctx context.Context, s string) context.Context { return context.WithValue(ctx, key{}, s) }

var tr struct {
	sync.Mutex
	f *os.File
}

var Zero = time.Now()

func Trace(ctx context.Context, kind string, began time.Time, timed bool) {
	name := os.Getenv("PSL_TRACE")
	if name == "" {
		return
	}
	took := time.Since(began)
	if took < time.Millisecond {
		return
	}
	pc := make([]uintptr, 14)
	n := runtime.Callers(3, pc)
	fr := runtime.CallersFrames(pc[:n])
	var st []string
	for {
		f, more := fr.Next()
		if strings.Contains(f.Function, "lab/grade") {
			st = append(st, f.Function[strings.LastIndexByte(f.Function, '/')+1:]+fmt.Sprintf(":%d", f.Line))
		}
		if !more {
			break
		}
	}
	l, _ := ctx.Value(key{}).(string)
	tr.Lock()
	defer tr.Unlock()
	if tr.f == nil {
		tr.f, _ = os.Create(name)
	}
	fmt.Fprintf(tr.f, "%7.3f %6.3f %-6s %v %-24s %s\n", began.Sub(Zero).Seconds(), took.Seconds(), kind, map[bool]string{true: "T", false: "e"}[timed], l, strings.Join(st[:min(7, len(st))], " < "))
}
