package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/client/internal/fake"
	"pubsublab/protocol"
)

func TestServerAndItsPortInOne(t *testing.T) {
	for name, args := range map[string][]string{
		"role and topic": {"HOST:PORT", "Publisher", "sea"},
		"role":           {"HOST:PORT", "publisher", "--topic=sea"},
		"nothing":        {"HOST:PORT", "--topic=sea"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fake.New(t, func(p *fake.Peer) {
				h := p.Accept(" next=1")
				assert.Equal(t, protocol.Publisher, h.Role)
				assert.Equal(t, "sea", h.Topic)
				p.Discard()
			})
			stdin := "hello\n"
			if name == "nothing" {
				stdin = "publisher\n" + stdin
			}
			got := client(t, s, strings.NewReader(stdin), args...)
			assert.Zero(t, got.exit, got.stderr)
		})
	}
}

func TestGoesOnAtAnotherBroker(t *testing.T) {
	a := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Send(message(1, "a", "", "one"))
	})
	b := fake.New(t, func(p *fake.Peer) {
		assert.EqualValues(t, 2, p.Accept(" next=2").From.Position())
		p.Send(message(2, "a", "", "two"))
		p.Want("terminate")
	})
	got := client(t, nil, nil, a.Addr+","+b.Addr, "subscriber", "--count=2")
	assert.Zero(t, got.exit)
	assert.Equal(t, "[FROM a] : one\n[FROM a] : two\n", got.stdout)
	assert.Regexp(t, `^connected \(to A, after \S+\)
registered as SUBSCRIBER \S+: 1 publisher and 1 subscriber online
connection lost, trying again \(for 30s\): A closed the connection
connected again \(to B, after \S+\)
summary: 2 lines .*
$`, strings.NewReplacer(a.Addr, "A", b.Addr, "B").Replace(got.stderr))
}

func TestRoleFromAPipe(t *testing.T) {
	s := fake.New(t, func(p *fake.Peer) {
		assert.Equal(t, protocol.Publisher, p.Accept("").Role)
		p.Want("hello", "terminate")
	})
	got := client(t, s, strings.NewReader(" publisher \nhello\n"), "HOST PORT")
	assert.Equal(t, 1, got.exit, "nothing was acknowledged")
	assert.Empty(t, got.stdout, "a program may read it")
	assert.Contains(t, got.stderr, protocol.Prompt)
	got = client(t, s, strings.NewReader("hello\n"), "HOST PORT")
	assert.Equal(t, 2, got.exit)
	assert.Contains(t, got.stderr, `client: error: unknown role "hello", expected PUBLISHER or SUBSCRIBER`)
	got = client(t, s, strings.NewReader("publisher ack=yes\n"), "HOST PORT")
	assert.Equal(t, 2, got.exit)
	assert.Contains(t, got.stderr, "client: error: ack and run are this client's own matter")
}

// What nc may send, and answer.
func TestRoleFromAPipeAsWithNetcat(t *testing.T) {
	s := fake.New(t, func(p *fake.Peer) {
		h := p.Accept(" next=1")
		assert.Equal(t, protocol.Publisher, h.Role)
		assert.Equal(t, "ada", h.Name)
		assert.Equal(t, "sea", h.Topic)
		assert.Equal(t, "sesame", h.Token)
		p.Want("hello")
		p.Send("ack 1\n")
		p.Want("terminate")
	})
	got := client(t, s, strings.NewReader("PUBLISHER name=ada topic=sea token=sesame\nhello\n"), "HOST PORT", "--name=bob")
	assert.Zero(t, got.exit, got.stderr)
}

func TestPublishFromAPipe(t *testing.T) {
	s := fake.New(t, func(p *fake.Peer) {
		h := p.Accept(" next=1")
		assert.Equal(t, protocol.Publisher, h.Role)
		assert.Equal(t, "keeper", h.Name)
		assert.Equal(t, "sea.light", h.Topic)
		p.Want("one", "", "three\r", "  four  ", "last")
		p.Send("ack 5\n")
		p.Want("terminate")
	})
	got := client(t, s, strings.NewReader("one\r\n\nthree\r\r\n  four  \nlast"), "--name=keeper", "HOST PORT", "Publisher", "sea.light")
	assert.Equal(t, result{0, "", "registered as PUBLISHER keeper: 1 publisher and 1 subscriber online\n" +
		"summary: 5 lines sent, 5 acknowledged, 0 rejected\n"}, got)
}

func TestPublishScript(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script.txt")
	long := strings.Repeat("x", protocol.MaxLine)
	require.NoError(t, os.WriteFile(script, []byte("one\n"+long+"\n"+long+"y\nnul \x00\n\xff\n"+strings.Repeat(long, 5)+"\ntwo\n terminate \nthree\n"), 0o600))
	t.Setenv("PUBSUB_SCRIPT", script)
	t.Setenv("PUBSUB_TOPIC", "rail")
	s := fake.New(t, func(p *fake.Peer) {
		assert.Equal(t, "rail", p.Accept("").Topic)
		p.Want("one", long, "two")
		p.Send("error: line 3 is odd: rejected\nack 3\n")
		p.Want("terminate")
	})
	got := client(t, s, nil, "HOST PORT", "PUBLISHER")
	assert.Equal(t, 1, got.exit, "some lines were rejected")
	assert.Contains(t, got.stderr, "line 3 of the script not sent: a message of 65537 bytes, expected at most 65536\n")
	assert.Contains(t, got.stderr, "line 4 of the script not sent: message \"nul \\x00\" holds a NUL byte, expected text\n")
	assert.Contains(t, got.stderr, "line 5 of the script not sent: message \"\\xff\" is not UTF-8\n")
	assert.Contains(t, got.stderr, "line 6 of the script not sent: a message of more than 65536 bytes, expected at most that\n")
	assert.Contains(t, got.stderr, "line 3 is odd: rejected: \"two\"\n")
	assert.True(t, strings.HasSuffix(got.stderr, "summary: 3 lines sent, 2 acknowledged, 5 rejected\n"), got.stderr)
}

func TestPublishNoSuchScript(t *testing.T) {
	got := client(t, nil, nil, "localhost", "1", "publisher", "--script=/no/such")
	assert.Equal(t, result{1, "", "client: open /no/such: no such file or directory\n"}, got)
}

func TestPublishAtARate(t *testing.T) {
	s := fake.New(t, func(p *fake.Peer) {
		p.Accept("")
		p.Discard()
	})
	start := time.Now()
	got := client(t, s, strings.NewReader(strings.Repeat("x\n", 21)), "HOST PORT", "publisher", "--rate=100", "--script=-")
	assert.Zero(t, got.exit, got.stderr)
	assert.GreaterOrEqual(t, time.Since(start), 200*time.Millisecond)
}

func TestPublishInterrupted(t *testing.T) {
	arrived := make(chan struct{})
	s := fake.New(t, func(p *fake.Peer) {
		p.Accept("")
		p.Want("one")
		close(arrived)
		p.Send("ack 1\n")
		p.Want("terminate")
	})
	var stdout, stderr buffer
	ctx, interrupt := context.WithCancel(t.Context())
	stdin, typing := io.Pipe()
	defer typing.Close()
	ended := make(chan int)
	go func() { ended <- run(ctx, at(s, []string{"HOST PORT", "publisher"}), stdin, &stdout, &stderr) }()
	io.WriteString(typing, "one\n")
	<-arrived
	interrupt()
	assert.Equal(t, 1, <-ended)
	assert.Contains(t, stderr.String(), "summary: 1 line sent, 1 acknowledged, 0 rejected\nclient: interrupted: the rest was not sent\n")
}

func TestPublishTakenOver(t *testing.T) {
	s := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Send("error: " + protocol.TakenOver + "\n")
	})
	stdin, typing := io.Pipe()
	defer typing.Close()
	got := client(t, s, stdin, "HOST PORT", "publisher", "--name=a")
	assert.Equal(t, 1, got.exit)
	assert.Contains(t, got.stderr, "summary: 0 lines sent, 0 acknowledged, 0 rejected\n"+
		"client: another client has connected with this name and taken it over: choose another --name\n")
}

func TestPublishUndelivered(t *testing.T) {
	s := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Want("one", "two")
		p.Reset()
	})
	got := client(t, s, strings.NewReader("one\ntwo\n"), "HOST PORT", "publisher", "--name=a", "--retry=0")
	assert.Equal(t, 1, got.exit)
	assert.Contains(t, got.stderr, "summary: 2 lines sent, 0 acknowledged, 0 rejected\nclient: 2 lines not acknowledged by the server: ")
}

func TestSubscribePrintsEachFormat(t *testing.T) {
	sent := "#joined\t" + stamp + "\tPUBLISHER\ta\tsea\n" + message(1, "a", "sea", "one") + message(2, "b", "", "\x1b[31m\u202e\u009b\t\r\r") +
		"#left\t" + stamp + "\tPUBLISHER\ta\tsea\t1\teof\n" + message(3, "b", "", "")
	lines := []string{"[FROM a #sea] : one", "[FROM b] : \x1b[31m\u202e\u009b\t\r\r", "[FROM b] : "}
	for format, want := range map[string]string{
		"plain":   strings.Join(lines, "\n") + "\n",
		"stamped": strings.ReplaceAll(strings.Join(lines, "\n")+"\n", "[FROM", "["+stamp+" FROM"),
		"tsv":     sent,
		"json": `{"event":"joined","time":"` + stamp + `","role":"PUBLISHER","name":"a","topic":"sea"}
{"pos":1,"time":"` + stamp + `","from":"a","topic":"sea","line":"one"}
{"pos":2,"time":"` + stamp + `","from":"b","topic":"","line":"\u001b[31m` + "\u202e\u009b" + `\t\r"}
{"event":"left","time":"` + stamp + `","role":"PUBLISHER","name":"a","topic":"sea","lines":1,"reason":"eof"}
{"pos":3,"time":"` + stamp + `","from":"b","topic":"","line":""}
`,
	} {
		t.Run(format, func(t *testing.T) {
			s := fake.New(t, func(p *fake.Peer) {
				h := p.Accept(" next=1")
				assert.Equal(t, protocol.TSV, h.Format)
				assert.True(t, h.From.First())
				p.Send(sent + message(4, "b", "", "more than was asked for"))
				p.Want("terminate")
			})
			file := filepath.Join(t.TempDir(), "out")
			got := client(t, s, strings.NewReader(""), "HOST PORT", "SUBSCRIBER", "--from=first", "--count=3", "--format="+format, "--output="+file)
			assert.Equal(t, 0, got.exit)
			assert.Equal(t, want, got.stdout)
			assert.Contains(t, got.stderr, "\nsummary: 3 lines from 2 publishers, in order, 0 missing, 0 duplicates, sha256 "+digest(lines...)+"\n")
			written, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, want, string(written))
		})
	}
}

func TestSubscribeUntilPublishersHaveFinished(t *testing.T) {
	event := func(what, name, rest string) string {
		return "#" + what + "\t" + stamp + "\tPUBLISHER\t" + name + "\t" + rest + "\n"
	}
	s := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Send(event("joined", "a", "") + message(1, "a", "", "x") + event("left", "a", "\t1\treset") +
			event("joined", "b", "") + event("left", "b", "\t0\tterminate") +
			event("joined", "a", "") + message(2, "a", "", "y") + event("left", "a", "\t1\teof"))
		p.Want("terminate")
	})
	got := client(t, s, strings.NewReader(""), "HOST PORT", "SUBSCRIBER", "--publishers=2")
	assert.Equal(t, 0, got.exit)
	assert.Equal(t, "[FROM a] : x\n[FROM a] : y\n", got.stdout)
}

func TestSubscribeTellsWhatIsWrong(t *testing.T) {
	sum := func(line string) string { return "sha256 " + digest("[FROM a] : "+line) }
	for name, c := range map[string]struct {
		sent string
		args []string
		want string
	}{
		"too few":         {message(1, "a", "", "x"), []string{"--count=2"}, "summary: 1 line from 1 publisher, in order, 0 missing, 0 duplicates, " + sum("x") + "; wrong: HOST closed the connection; ended before line 2"},
		"nobody finished": {message(1, "a", "", "x"), []string{"--publishers=1"}, sum("x") + "; wrong: HOST closed the connection; 0 of 1 publisher finished"},
		"missing":         {message(1, "a", "", "x") + message(4, "a", "", "x"), []string{"--count=2"}, "2 missing, 0 duplicates, sha256 " + digest("[FROM a] : x", "[FROM a] : x") + "; wrong: positions 2 to 3 are missing"},
		"taken over":      {"error: " + protocol.TakenOver + "\n", nil, "; wrong: another client has connected with this name and taken it over: choose another --name"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fake.New(t, func(p *fake.Peer) {
				p.Accept(" next=1")
				p.Send(c.sent)
				if strings.HasPrefix(name, "missing") {
					p.Want("terminate")
				}
			})
			got := client(t, s, strings.NewReader(""), append(c.args, "HOST PORT", "SUBSCRIBER", "--retry=0")...)
			assert.Equal(t, 1, got.exit)
			assert.Contains(t, got.stderr, strings.ReplaceAll(c.want, "HOST", s.Addr)+"\n")
		})
	}
}

func TestSubscribeInterrupted(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		exit int
		end  string
	}{
		"asked for nothing": {nil, 0, "\n"},
		"asked for more":    {[]string{"--count=2"}, 1, "; wrong: ended before line 2\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fake.New(t, func(p *fake.Peer) {
				p.Accept(" next=1")
				p.Send(message(1, "a", "", "x"))
				p.Want("terminate")
			})
			var stdout, stderr buffer
			ctx, interrupt := context.WithCancel(t.Context())
			ended := make(chan int)
			go func() {
				ended <- run(ctx, at(s, append(c.args, "HOST PORT", "subscriber")), strings.NewReader(""), &stdout, &stderr)
			}()
			stdout.waitFor(t, "[FROM a] : x\n") // at once, not at the end
			interrupt()
			assert.Equal(t, c.exit, <-ended)
			assert.True(t, strings.HasSuffix(stderr.String(), digest("[FROM a] : x")+c.end), stderr.String())
		})
	}
}

func TestOutputIsEmptiedWhenThereIsAServer(t *testing.T) {
	path := inFile(t, "of an earlier run, and longer\n")
	s := fake.New(t)
	got := client(t, s, nil, "HOST PORT", "subscriber", "--output="+path, "--retry=0")
	assert.Equal(t, 1, got.exit)
	holds(t, path, "of an earlier run, and longer\n")
	s = fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Send(message(1, "a", "", "x"))
		p.Want("terminate")
	})
	got = client(t, s, nil, "HOST PORT", "subscriber", "--output="+path, "--count=1")
	assert.Zero(t, got.exit, got.stderr)
	holds(t, path, "[FROM a] : x\n")
}

// What a person sees and what is kept to be checked may have two formats.
func TestOutputFormat(t *testing.T) {
	line := message(1, "a", "", "x")
	for format, want := range map[string]string{"tsv": line, "plain": "[FROM a] : x\n"} {
		path := inFile(t, "")
		s := fake.New(t, func(p *fake.Peer) {
			p.Accept(" next=1")
			p.Send(line)
			p.Want("terminate")
		})
		got := client(t, s, nil, "HOST PORT", "subscriber", "--format=json", "--output="+path, "--output-format="+format, "--count=1")
		assert.Zero(t, got.exit, got.stderr)
		assert.Contains(t, got.stdout, `"pos":1`)
		holds(t, path, want)
	}
}

func TestSubscribeCannotWrite(t *testing.T) {
	got := client(t, nil, nil, "localhost", "1", "subscriber", "--output=/no/such/file")
	assert.Equal(t, result{1, "", "client: open /no/such/file: no such file or directory\n"}, got)

	s := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Send(message(1, "a", "", "x"))
		p.Want("terminate")
	})
	got = client(t, s, nil, "HOST PORT", "subscriber", "--output=/dev/full")
	assert.Equal(t, 1, got.exit)
	assert.Contains(t, got.stderr, "; wrong: writing what was received: write /dev/full: no space left on device\n")
}

func TestSubscribeIsQuietWhenNobodyReadsItsOutput(t *testing.T) {
	for name, sent := range map[string]string{"and there is output": message(1, "a", "", "x"), "and there is none": ""} {
		t.Run(name, func(t *testing.T) {
			s := fake.New(t, func(p *fake.Peer) {
				p.Accept(" next=1")
				p.Send(sent)
				p.Want("terminate")
			})
			r, w, err := os.Pipe()
			require.NoError(t, err)
			defer w.Close()
			r.Close()
			var stderr buffer
			assert.Zero(t, run(t.Context(), at(s, []string{"HOST PORT", "subscriber", "--count=5"}), nil, w, &stderr))
			assert.NotContains(t, stderr.String(), "summary")
		})
	}
}

func TestSubscribeIgnoresItsInputUnlessTyped(t *testing.T) {
	s := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		time.Sleep(50 * time.Millisecond) // long enough to notice the input's end
		p.Send(message(1, "a", "", "x"))
		p.Want("terminate")
	})
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close()
	assert.Equal(t, "[FROM a] : x\n", client(t, s, null, "HOST PORT", "subscriber", "--count=1").stdout)
}
