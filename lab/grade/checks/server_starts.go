package checks

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/gofrs/flock"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// serverStarts is the check server-starts:
//
//	grader ──connect──▶ server
var serverStarts = Check{
	ID:         "server-starts",
	Title:      "the server starts and accepts connections",
	From:       "A1",
	Foundation: true,
	Alone:      true,
	Run:        runServerStarts,
}

// runServerStarts also finds out whether the source fixes the port. A server that does so is graded
// in networks of its own, or where that cannot be one run at a time, and nobody else's meanwhile.
func runServerStarts(ctx context.Context, g *Suite) (*harness.Finding, error) {
	parting, _ := g.Runner.(runner.Parting)
	separable := false
	if parting != nil {
		_, err := parting.Apart()
		separable = err == nil
	}
	if parting != nil && parting.FixedPort() > 0 {
		g.fixed, g.Apart = true, separable
		if !separable {
			if err := g.oneByOne(ctx, strconv.Itoa(parting.FixedPort())); err != nil {
				return nil, err
			}
		}
	}
	f, err := g.reach(ctx)
	if err != nil {
		return nil, err
	}
	// One that ended may have found its port in use, or miss something in a network of its own.
	elsewhere := g.firstRun.Elsewhere()
	if f != nil && !g.firstRun.Running() && separable || len(elsewhere) > 0 && separable {
		first := g.firstRun
		g.pool.clear()
		g.Apart = !g.Apart
		again, err := g.reach(ctx)
		if err != nil && !errors.Is(err, harness.ErrStart) { // which says less than what is known
			return nil, err
		}
		if again == nil && err == nil {
			f, elsewhere = nil, g.firstRun.Elsewhere()
		} else {
			g.firstRun, g.Apart = first, !g.Apart
		}
	}
	g.Fixed, g.fixed = elsewhere, g.fixed || len(elsewhere) > 0
	if f == nil && g.besides && !g.fixed && separable { // and what its ports are there for may be fixed, and for its clients
		if !g.Apart {
			g.pool.clear()
		}
		g.Apart, g.Together = true, true
	}
	if f == nil && g.fixed && !g.Apart && g.pool.turn == nil {
		port := strconv.Itoa(g.firstRun.Port)
		if len(elsewhere) > 0 {
			_, port, _ = net.SplitHostPort(elsewhere[0])
		}
		return nil, g.oneByOne(ctx, port)
	}
	return f, nil
}

// reach starts the server, and sees whether it takes a connection and goes on.
func (g *Suite) reach(ctx context.Context) (*harness.Finding, error) {
	g.alone = true
	r, err := g.Start(ctx, "first")
	if err != nil {
		return nil, err
	}
	g.firstRun = r
	defer r.Close()
	if _, err := r.Connect(ctx, runner.Publisher); err != nil {
		return r.Unreachable("after it was started"), nil
	}
	// The system accepts connections for a server that listens, and is about to end. And where it does
	// not show the server listening, somebody else may have taken the port.
	sure := 100 * time.Millisecond
	if runtime.GOOS == "linux" && r.Runner.Kind() == "processes" && len(r.Program.Listening()) == 0 {
		sure = 3 * time.Second
	}
	select {
	case <-r.Program.Done():
		return r.Unreachable("after it was started"), nil
	case <-time.After(sure):
		g.besides = r.Program.Besides(r.Port)
		g.late(r)
		return nil, nil
	}
}

// late leaves a first run that took long to start to the others, with nobody connected, where that does
// not end it.
func (g *Suite) late(r *harness.ServerRun) {
	if g.Sparing = r.Reached() > harness.LateStart; !g.Sparing {
		return
	}
	g.printed = r.Program.Output.Len()
	release := r.Release
	r.Release = func() {
		const ends = 200 * time.Millisecond // of one that ends with its first client
		select {
		case <-r.Program.Done():
		case <-time.After(ends):
			g.alone = false
		}
		release()
	}
}

// oneByOne waits until no other grader of this machine uses a port, and lets one run of the server
// be there at a time.
func (g *Suite) oneByOne(ctx context.Context, port string) error {
	g.pool.exclusively()
	var err error
	g.claimed, err = claim(ctx, port)
	return err
}

// claim waits until no other grader of this machine uses a port that a source fixes. Closing the lock, or
// the end of this process, lets others have it.
func claim(ctx context.Context, port string) (*flock.Flock, error) {
	lock := flock.New(filepath.Join(os.TempDir(), "pubsublab-port-"+port+".lock"), flock.SetPermissions(0o666))
	const again = 100 * time.Millisecond
	if _, err := lock.TryLockContext(ctx, again); err != nil {
		return nil, fmt.Errorf("waiting for port %s, which the source fixes: %w", port, err)
	}
	return lock, nil
}
