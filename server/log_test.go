package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
)

// stuckWriter takes a write and does not come back from it before it is told.
type stuckWriter struct {
	release chan struct{}
	written bytes.Buffer
}

func (w *stuckWriter) Write(p []byte) (int, error) {
	<-w.release
	return w.written.Write(p)
}

func textHandler(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) }

func TestLogQueueIsBoundedAndCounts(t *testing.T) {
	out := &stuckWriter{release: make(chan struct{})}
	q := newLogQueue(out, textHandler)
	record := strings.Repeat("x", 999) + "\n"
	const records = 5000 // more than twice what may wait
	for i := range records {
		n, err := fmt.Fprintf(q, "%04d%s", i, record)
		require.NoError(t, err)
		require.Equal(t, 4+len(record), n)
	}
	q.mu.Lock()
	require.LessOrEqual(t, cap(q.waiting), 2*logQueueSize, "what waits is bounded")
	q.mu.Unlock()
	short, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, q.room(short), context.Canceled)
	require.ErrorIs(t, q.flush(short), context.Canceled)

	close(out.release)
	require.NoError(t, q.flush(t.Context()))
	fmt.Fprintln(q, "afterwards")
	require.NoError(t, q.flush(t.Context()))
	require.NoError(t, q.room(t.Context()))
	lines := strings.Split(out.written.String(), "\n")
	kept := len(lines) - 3 // the notice, the last record, and what is behind its end
	for i := range kept {
		require.Equal(t, fmt.Sprintf("%04d%s", i, record[:999]), lines[i], "the first records, in order")
	}
	require.Contains(t, lines[kept], fmt.Sprintf(`msg="nobody reads the log fast enough, records are missing here" records=%d`, records-kept))
	require.Equal(t, "afterwards", lines[kept+1])
}

// A log that is open and not read: publishers, newcomers, the health check and the end go on, and
// what is missing in the log is counted when somebody reads it again.
func TestNobodyReadsTheLog(t *testing.T) {
	t.Parallel()
	for _, again := range []bool{false, true} {
		t.Run(fmt.Sprintf("read again %v", again), func(t *testing.T) {
			t.Parallel()
			s := start(t, "--echo", "--history=1MiB")
			const lines = 20_000 // 4 MB, in a history of one and a pipe of a sixteenth
			sub, pub := s.join("SUBSCRIBER"), s.join("PUBLISHER ack=yes")
			go io.WriteString(pub, strings.Repeat(strings.Repeat("x", 199)+"\n", lines))
			acks := bufio.NewReader(pub)
			untilAck := func(n int) {
				for ack := ""; ack != fmt.Sprintf("ack %d\n", n); {
					var err error
					ack, err = acks.ReadString('\n')
					require.NoError(t, err, "a publisher goes on")
				}
			}
			received := make(chan error, 1)
			go func() {
				var err error
				reader := bufio.NewReader(sub)
				for n := 0; n < lines && err == nil; n++ {
					_, err = reader.ReadString('\n')
				}
				received <- err
			}()
			untilAck(lines)
			require.NoError(t, <-received, "so does a subscriber")
			for range 100 {
				s.join("SUBSCRIBER").Close()
			}
			require.NoError(t, command(t, "healthcheck", s.addr).Run())
			if !again {
				require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
				state, err := s.cmd.Process.Wait()
				require.NoError(t, err)
				require.Zero(t, state.ExitCode(), "P17: everything is delivered")
				return
			}
			fmt.Fprintln(pub, "the last")
			untilAck(lines + 1)
			require.Zero(t, s.stop(syscall.SIGTERM), "P17")
			logged := 0
			for _, line := range s.seen {
				if strings.Contains(line, "msg=published") {
					logged++
				}
				if match := regexp.MustCompile(`(?:published lines are missing here" lines|records are missing here" records)=(\d+)`).FindStringSubmatch(line); match != nil {
					n, err := strconv.Atoi(match[1])
					require.NoError(t, err)
					logged += n
				}
			}
			require.Equal(t, lines+1, logged, "each line is logged or counted")
			require.Contains(t, s.seen[len(s.seen)-1], "msg=stopped", "the last words")
		})
	}
}

// Nothing that hides or drives reaches a log in any format, in any kind of value.
func TestNothingHiddenIsLogged(t *testing.T) {
	t.Setenv("NO_COLOR", "1") // its own escapes are not meant here
	for r := range rune(unicode.MaxRune) {
		if !protocol.Hidden(r) {
			continue
		}
		for format, terminal := range map[string]bool{"text": false, "json": false, "auto": true, "short": false} {
			var out bytes.Buffer
			s := serve{LogFormat: format}
			log := slog.New(s.logHandler(terminal)(&out))
			log.Info("m", "line", "a"+string(r), "error", fmt.Errorf("b%c", r), "from", "c", "x", "d"+string(r), "who", &net.UnixAddr{Name: string(r)})
			text := strings.TrimSuffix(out.String(), "\n")
			if r == '\t' {
				continue
			}
			require.NotContains(t, text, string(r), "%s: %U", format, r)
		}
	}
}

// terminalServer runs a server at a terminal of its own, in the time zone of Kathmandu.
func terminalServer(t *testing.T, env []string, args ...string) (s *server, screen func(want string) string) {
	cmd := command(t, append([]string{"--host", "127.0.0.1", "0"}, args...)...)
	cmd.Env = append(cmd.Env, append([]string{"TZ=Asia/Kathmandu", "TERM=xterm", "NO_COLOR="}, env...)...)
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	require.NoError(t, err)
	t.Cleanup(func() { terminal.Close(); cmd.Process.Kill() })
	s = &server{t: t, cmd: cmd}
	var seen strings.Builder
	lines := bufio.NewReader(terminal)
	screen = func(want string) string {
		t.Helper()
		for re := regexp.MustCompile(want); ; {
			line, err := lines.ReadString('\n')
			seen.WriteString(line)
			if re.MatchString(line) {
				return seen.String()
			}
			require.NoError(t, err, "%s not seen in\n%s", want, seen.String())
		}
	}
	s.addr = regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(screen("listening"))
	return s, screen
}

func TestServerAtATerminal(t *testing.T) {
	t.Parallel()
	if _, err := time.LoadLocation("Asia/Kathmandu"); err != nil {
		t.Skip("this machine knows no time zones:", err)
	}
	began := time.Now()
	s, screen := terminalServer(t, []string{"TERM=dumb"})
	sub := s.join("SUBSCRIBER")
	screen("subscriber added")
	pub := s.join("PUBLISHER name=ada topic=news.sea")
	fmt.Fprintln(pub, "The fog\x1b[2J is lifting.")
	fmt.Fprintln(pub, protocol.Terminate)
	screen("publisher left")
	require.NoError(t, s.cmd.Process.Signal(os.Interrupt))
	text := screen("stopped")
	nepal := time.FixedZone("", (5*60+45)*60)
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "^C") {
			at, err := time.Parse("15:04:05", line[:8])
			require.NoError(t, err, "each line begins with the time: %q", line)
			require.Contains(t, []int{began.In(nepal).Hour(), time.Now().In(nepal).Hour()}, at.Hour(), "which is the local one")
		}
	}
	text = regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d`).ReplaceAllString(text, "HH:MM:SS")
	text = strings.ReplaceAll(strings.ReplaceAll(text, sub.LocalAddr().String(), "SUB"), pub.LocalAddr().String(), "PUB")
	text = strings.ReplaceAll(strings.ReplaceAll(text, s.addr, "ADDR"), "\r\n", "\n")
	text = regexp.MustCompile(` {2,}`).ReplaceAllString(text, "  ")
	require.Equal(t, `HH:MM:SS  listening  ADDR  tls=false, tokens=0
HH:MM:SS  client connected  SUB  1 client
HH:MM:SS  subscriber added  SUB  0 publishers, 1 subscriber
HH:MM:SS  client connected  PUB  2 clients
HH:MM:SS  publisher added  ada (PUB) #news.sea  1 publisher, 1 subscriber
HH:MM:SS  published  [FROM ada #news.sea] : The fog\x1b[2J is lifting.
HH:MM:SS  publisher left  ada (PUB) #news.sea  0 publishers, 1 subscriber  1 line, terminate
`, text[:strings.Index(text, "HH:MM:SS  stopping")], "--echo is on, and TERM=dumb has no colours")
}

// The short form is for people who read it elsewhere than at a terminal, too, without colours.
func TestShortLog(t *testing.T) {
	var out bytes.Buffer
	s := serve{LogFormat: "short"}
	slog.New(s.logHandler(false)(&out)).Warn("subscriber left", "addr", "a", "subscribers", 1)
	require.Regexp(t, `^\d\d:\d\d:\d\d  subscriber left   a {23}  1 subscriber\n$`, out.String())
	require.False(t, s.echo(), "no terminal, no echo")
}

func TestColoursAtATerminal(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env, args []string
		want      string
	}{
		"colours":  {nil, nil, "\x1b\\[32msubscriber added\x1b\\[0m  "},
		"NO_COLOR": {[]string{"NO_COLOR=1"}, nil, `^\d\d:\d\d:\d\d  subscriber added  `},
		"text":     {nil, []string{"--log-format=text"}, `^time=\S+ level=INFO msg="subscriber added" addr=`},
		"json":     {nil, []string{"--log-format=json"}, `^{"time":.*"msg":"subscriber added"`},
	} {
		t.Run(name, func(t *testing.T) {
			s, screen := terminalServer(t, c.env, c.args...)
			s.join("SUBSCRIBER")
			screen(c.want)
		})
	}
}

// Published lines are logged where that is asked for, and else at a terminal only, in its own
// format.
func TestEchoIsOnAtATerminal(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env, args []string
		echo      bool
	}{
		"by itself":   {nil, nil, true},
		"--no-echo":   {nil, []string{"--no-echo"}, false},
		"variable":    {[]string{"PUBSUB_ECHO=false"}, nil, false},
		"text format": {nil, []string{"--log-format=text"}, false},
		"short":       {nil, []string{"--log-format=short"}, true},
		"both":        {nil, []string{"--log-format=text", "--echo"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, screen := terminalServer(t, c.env, c.args...)
			fmt.Fprint(s.join("PUBLISHER"), "hello\nterminate\n")
			require.Equal(t, c.echo, strings.Contains(screen("publisher left"), "hello"))
		})
	}
	s := start(t)
	fmt.Fprint(s.join("PUBLISHER"), "hello\nterminate\n")
	s.logged("publisher left")
	require.NotContains(t, strings.Join(s.seen, "\n"), "hello", "no terminal, no echo")
}
