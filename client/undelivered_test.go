package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/client/internal/fake"
	"pubsublab/protocol"
)

// inFile returns a path of a file that holds this.
func inFile(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "file.txt")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func holds(t *testing.T, path, want string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, want, string(text))
}

func TestUndeliveredOfAScript(t *testing.T) {
	s := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Want("one", "two")
		p.Send("ack 1\n")
		p.Conn.CloseWrite() // a reset could overtake what was sent
		io.Copy(io.Discard, p.R)
	})
	var rest strings.Builder // more than the window holds
	for range 100 {
		rest.WriteString(strings.Repeat("x", protocol.MaxLine) + "\n")
	}
	rest.WriteString("cr\r\r\nlast")
	script := inFile(t, "one\ntwo\n"+rest.String()+"\nterminate\nnever\n")
	path := inFile(t, "of an earlier run, and longer than nothing\n")
	got := client(t, s, nil, "HOST PORT", "publisher", "--name=a", "--retry=0", "--script="+script, "--undelivered="+path)
	assert.Equal(t, 1, got.exit)
	assert.Contains(t, got.stderr, "103 lines not delivered: kept in "+path+"\n")
	assert.Regexp(t, `\d+ lines? not acknowledged by the server: `, got.stderr)
	holds(t, path, "two\n"+rest.String()+"\n")
}

func TestUndeliveredOfAPipe(t *testing.T) {
	s := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Want("one", "two")
		p.Reset()
	})
	stdin, typing := io.Pipe()
	defer typing.Close()
	go io.WriteString(typing, "one\ntwo\n") // and then nothing, and no end
	path := filepath.Join(t.TempDir(), "new.txt")
	t.Setenv("PUBSUB_UNDELIVERED", path)
	got := client(t, s, stdin, "HOST PORT", "publisher", "--name=a", "--retry=0")
	assert.Equal(t, 1, got.exit)
	holds(t, path, "one\ntwo\n")
}

func TestUndeliveredAtARate(t *testing.T) {
	arrived := make(chan struct{})
	s := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Want("one")
		p.Send("ack 1\n")
		close(arrived)
		p.Want("terminate")
	})
	path := inFile(t, "")
	var stdout, stderr buffer
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan int)
	go func() {
		args := at(s, []string{"HOST PORT", "publisher", "--rate=0.01", "--undelivered=" + path})
		ended <- run(ctx, args, strings.NewReader("one\ntwo\nthree\n"), &stdout, &stderr)
	}()
	<-arrived
	interrupt()
	assert.Equal(t, 1, <-ended)
	assert.Contains(t, stderr.String(), "2 lines not delivered: kept in "+path+"\nclient: interrupted: the rest was not sent\n")
	holds(t, path, "two\nthree\n")
}

func TestUndeliveredWithoutAServer(t *testing.T) {
	s := fake.New(t)
	path := inFile(t, "")
	got := client(t, s, nil, "HOST PORT", "publisher", "--retry=0", "--script="+inFile(t, "one\ntwo\n"), "--undelivered="+path)
	assert.Equal(t, 1, got.exit)
	holds(t, path, "one\ntwo\n")
}

func TestUndeliveredStaysWhereThereIsNoServerAndNoLine(t *testing.T) {
	path := inFile(t, "still to deliver\n")
	got := client(t, fake.New(t), strings.NewReader(""), "HOST PORT", "publisher", "--retry=0", "--undelivered="+path)
	assert.Equal(t, 1, got.exit)
	holds(t, path, "still to deliver\n")
}

func TestNothingIsUndelivered(t *testing.T) {
	s := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Discard()
	})
	path := inFile(t, "of an earlier run\n")
	got := client(t, s, nil, "HOST PORT", "publisher", "--script="+inFile(t, "one\nterminate\ntwo\n"), "--undelivered="+path)
	assert.Zero(t, got.exit, got.stderr)
	assert.NotContains(t, got.stderr, "delivered")
	holds(t, path, "")
}

func TestUndeliveredCannotBeKept(t *testing.T) {
	got := client(t, nil, strings.NewReader(""), "localhost", "1", "publisher", "--undelivered=/no/such/file")
	assert.Equal(t, result{1, "", "client: open /no/such/file: no such file or directory\n"}, got, "it is said before anything is published")

	script := inFile(t, "one\n")
	got = client(t, nil, nil, "localhost", "1", "publisher", "--script="+script, "--undelivered="+script)
	assert.Equal(t, result{2, "", "client: error: --undelivered: expected another file than the script\n"}, got)
	holds(t, script, "one\n")

	s := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Want("one")
		p.Reset()
	})
	got = client(t, s, strings.NewReader("one\n"), "HOST PORT", "publisher", "--name=a", "--retry=0", "--undelivered=/dev/full")
	assert.Equal(t, 1, got.exit)
	assert.Contains(t, got.stderr, "client: 1 line not delivered, and not kept either: write /dev/full: no space left on device\n")
}
