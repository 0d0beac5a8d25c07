package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// publish publishes lines, and waits until they are acknowledged.
func (s *server) publish(name string, lines ...string) {
	s.t.Helper()
	conn, in := s.register("PUBLISHER ack=yes name=" + name)
	for _, line := range lines {
		fmt.Fprintln(conn, line)
	}
	fmt.Fprintln(conn, "terminate")
	acks, err := io.ReadAll(in)
	require.NoError(s.t, err)
	require.Contains(s.t, string(acks), fmt.Sprintf("ack %d\n", len(lines)))
}

// receive returns the next lines that a subscriber is sent.
func (s *server) receive(role string, lines int) (text string) {
	s.t.Helper()
	_, in := s.register(role)
	for range lines {
		line, err := in.ReadString('\n')
		require.NoError(s.t, err)
		text += line
	}
	return text
}

func output(t *testing.T, code int, args ...string) string {
	t.Helper()
	cmd := command(t, args...)
	out, _ := cmd.CombinedOutput()
	require.Equal(t, code, cmd.ProcessState.ExitCode(), "%v: %s", args, out)
	return string(out)
}

func regexpFind(t *testing.T, pattern string, in []string) string {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(strings.Join(in, "\n"))
	require.NotNil(t, found, "%s in %v", pattern, in)
	return found[1]
}

// small has the files of a journal be small, too: each is read at a start.
const small = "--journal-size=16MiB"

// A server with a journal in a folder says so, keeps its order over a stop and a kill, and lets
// nobody else into the folder.
func TestJournalOnADisk(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "journal")
	s := start(t, "--journal", dir, small)
	id := regexpFind(t, `journal=(\w+)`, s.seen)
	s.publish("ada", "one", "two")
	require.Equal(t, "healthy sync=always\n", output(t, 0, "healthcheck", s.addr))
	refused := output(t, 1, "--journal", dir, "0")
	require.Contains(t, refused, "another broker has the folder: waiting for its end")
	require.Contains(t, refused, "\nserver: --journal "+dir+": the folder "+dir+" is in use by another broker\n")
	require.Zero(t, s.stop(os.Interrupt), "P17")

	s = start(t, "--journal", dir, small, "--sync=1s")
	require.Equal(t, id, regexpFind(t, `journal=(\w+)`, s.seen))
	s.publish("bob", "three")
	require.Equal(t, "healthy sync=1s\n", output(t, 0, "healthcheck", s.addr))
	require.NotZero(t, s.stop(syscall.SIGKILL))

	s = start(t, "--journal", dir, small, "--sync=never")
	const all = "[FROM ada] : one\n[FROM ada] : two\n[FROM bob] : three\n"
	require.Equal(t, all, s.receive("SUBSCRIBER from=first", 3))
	require.Equal(t, all, output(t, 0, "journal", "cat", dir), "while a server runs")
	require.Zero(t, s.stop(os.Interrupt))
	require.Equal(t, "[FROM bob] : three\n", output(t, 0, "journal", "cat", dir, "--from=3"))
	require.Regexp(t, `{"pos":3,"time":"[^"]+","from":"bob","topic":"","line":"three"}`, output(t, 0, "journal", "cat", dir, "--format=json"))
	require.Regexp(t, `^journal `+id+`: 3 messages from position 1 on, the next one is 4; .* 0 runs of publishers; 1 files, 1.0 MiB\nnothing is damaged\n$`,
		output(t, 0, "journal", "check", dir))
}

// What is damaged is named, and is a gap for who wants to go on.
func TestDamagedJournal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, "--journal", dir, small)
	s.publish("ada", "one", "two")
	s.publish("bob", "three")
	require.Zero(t, s.stop(os.Interrupt))
	file := filepath.Join(dir, "0000000001.journal")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, bytes.Replace(data, []byte("two"), []byte("too"), 1), 0o600))

	const damage = `the journal is damaged: 0000000001.journal at offset \d+: what is there is no frame, or was changed`
	require.Regexp(t, `^server: --journal .*: `+damage+`. To go on with a gap in its place, start with --damaged=gap\n$`, output(t, 1, "--journal", dir, "0"))
	require.Regexp(t, `^server: `+damage+`. Messages missing there: [12]\n`, output(t, 1, "journal", "check", dir))
	s = start(t, "--journal", dir, small, "--damaged=gap")
	text := s.receive("SUBSCRIBER from=1", 2)
	require.Regexp(t, `^(\[FROM ada\] : one\n)?\[GAP [12]\]\n`, text)
	require.Zero(t, s.stop(os.Interrupt))
	require.Regexp(t, `\[GAP [12]\]\n\[FROM bob\] : three\n`, output(t, 1, "journal", "cat", dir))
}
