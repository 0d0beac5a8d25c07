//go:build unix

package runner

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// startPython runs a program of Python.
func startPython(t *testing.T, program string) *Program {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("this machine has no python3, in which the program is written")
	}
	p, err := NewProcesses(t.TempDir(), `python3 -c "`+strings.ReplaceAll(program, `"`, `\"`)+`" {port}`, "")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Close()) })
	started, err := p.Server(t.Context(), 12345)
	require.NoError(t, err)
	return started
}

func typed(t *testing.T, p *Program, text string) {
	t.Helper()
	require.NoError(t, p.Type(text))
}

// A program has a terminal of its own, whatever the grader has: input, output and /dev/tty are one.
func TestProgramIsAtATerminal(t *testing.T) {
	p := start(t, `for i in 0 1 2; do test -t $i && echo "terminal $i"; done; tty < /dev/tty; tty; read line < /dev/tty; echo "got $line"; stty size`)
	waitFor(t, p, "terminal 0\nterminal 1\nterminal 2\n")
	typed(t, p, "a\n")
	<-p.Done()
	assert.Contains(t, string(p.Output.Bytes()), "got a\n50 250\n")
	assert.NotContains(t, string(p.Output.Bytes()), "not a tty")
}

// What is typed comes as it does at a person's terminal, in whatever way a program reads it.
func TestWaysOfReading(t *testing.T) {
	t.Parallel()
	for name, program := range map[string]string{
		"input":    `print('got', input('> '))`,
		"readline": `import readline; print('got', input('> '))`,
		"getpass":  `import getpass; print('got', getpass.getpass('> '))`,
		"tty":      `t = open('/dev/tty'); print('> ', flush=True); print('got', t.readline().rstrip(chr(10)))`,
		"cbreak":   `import sys, tty; tty.setcbreak(0); print('> ', flush=True); print('got', sys.stdin.readline().rstrip(chr(10)))`,
		"raw": `import os, tty; tty.setraw(0); print('> ', flush=True); s = b''
while not s.endswith(bytes([13])): s += os.read(0, 1)
print('got', s[:-1].decode())`,
		"select": `import select, sys; print('> ', flush=True); select.select([sys.stdin], [], []); print('got', sys.stdin.readline().rstrip(chr(10)))`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPython(t, program)
			waitFor(t, p, "> ")
			typed(t, p, "a line of words\n")
			<-p.Done()
			assert.Contains(t, string(p.Output.Bytes()), "got a line of words")
		})
	}
}

// What is typed is not shown by the terminal, so that it cannot be taken for an answer.
func TestNoEcho(t *testing.T) {
	p := startPython(t, `input('> '); print('end')`)
	waitFor(t, p, "> ")
	typed(t, p, "secret\n")
	<-p.Done()
	assert.Equal(t, "> end\n", string(p.Output.Bytes()), "no echo, and no byte changed")
}

// Ctrl+D ends the input, Ctrl+C interrupts all programs at the terminal, or is given to one that has
// asked for the key.
func TestKeys(t *testing.T) {
	p := start(t, `while read line; do echo "got $line"; done; echo "end of input"`)
	typed(t, p, "a\n\x04")
	<-p.Done()
	assert.Equal(t, "got a\nend of input\n", string(p.Output.Bytes()))

	p = start(t, `trap "exit 7" INT; (trap "echo child; exit" INT; echo up; while :; do sleep 0.01; done)`)
	waitFor(t, p, "up")
	require.NoError(t, p.Interrupt())
	<-p.Done()
	assert.Equal(t, "up\nchild\n", string(p.Output.Bytes()))
	assert.Equal(t, "with exit code 7", p.Exit().String())

	p = startPython(t, `import os, tty; tty.setraw(0); print('up', flush=True); print('key', ord(os.read(0, 1)))`)
	waitFor(t, p, "up")
	require.NoError(t, p.Interrupt())
	<-p.Done()
	assert.Contains(t, string(p.Output.Bytes()), "key 3")
	assert.NoError(t, p.Interrupt(), "one that has ended is left alone")
}

// Lines that are longer than the system collects arrive whole, and so do many short ones at once.
func TestMuchIsTyped(t *testing.T) {
	for name, text := range map[string]string{
		"a long line": strings.Repeat("x", 59_997) + "\n", "many lines": strings.Repeat(strings.Repeat("y", 99)+"\n", 599) + strings.Repeat("y", 97) + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			p := startPython(t, `import sys; print('up', flush=True); n = sum(len(line) for line in sys.stdin); print('took', n)`)
			waitFor(t, p, "up")
			typed(t, p, text)
			typed(t, p, "z\n\x04")
			waitFor(t, p, "took 60000")
		})
	}
}

// One that reads nothing holds nobody up for ever.
func TestNothingIsRead(t *testing.T) {
	p := start(t, `echo up; sleep 1000; :`)
	waitFor(t, p, "up")
	assert.Error(t, p.Type(strings.Repeat(strings.Repeat("y", 99)+"\n", 5000)))
}

func TestScreen(t *testing.T) {
	for written, want := range map[string]string{
		"plain\r\n\ttext\n":                              "plain\r\n\ttext\n",
		"\x1b[31mred\x1b[0m":                             "red",
		"\r\x1b[K> \x1b[2Jm1\x1b[1;32;40m.":              "\r> m1.",
		"\x1b]0;a title\x07shown":                        "shown",
		"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\":       "link",
		"\x1b(B\x1b)0\x1b7\x1b8\x1b=ok":                  "ok",
		"\x1b]never ended\nnext":                         "\nnext",
		"\x1b[2J\x1b[1;1Hone\x1b[2;1Htwo":                "\rone\rtwo",
		"\x1b[12":                                        "",
		"\x1b\x1b[mtwice":                                "twice",
		"\x1b[?2004hprompt> \x1b[?2004l\rGrüße \xff\x00": "prompt> \rGrüße \xff\x00",
	} {
		for size := 1; size <= len(written); size += max(1, len(written)-1) { // byte by byte, and at once
			var shown strings.Builder
			s := &screen{to: &shown}
			for rest := []byte(written); len(rest) > 0; rest = rest[min(size, len(rest)):] {
				n, err := s.Write(rest[:min(size, len(rest))])
				require.NoError(t, err)
				assert.Equal(t, min(size, len(rest)), n)
			}
			assert.Equal(t, want, shown.String(), "%q, %d at once", written, size)
		}
	}
}
