package class

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade"
)

// put writes a file, and the folders above it.
func put(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

// zipped writes an archive of files: pairs of name and text.
func zipped(t *testing.T, path string, files ...string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	out, err := os.Create(path)
	require.NoError(t, err)
	w := zip.NewWriter(out)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		require.NoError(t, err)
		_, err = f.Write([]byte(files[i+1]))
		require.NoError(t, err)
	}
	require.NoError(t, errors.Join(w.Close(), out.Close()))
}

// result is one of a submission that has everything, but for a check.
func result(failed string) *grade.Result {
	r := &grade.Result{Verdict: grade.Graded, Stages: []grade.Stage{{ID: "server", Title: "The server"}}}
	for _, id := range []string{"server-starts", "nothing-lost"} {
		c := grade.Check{ID: id, Title: "about " + id, Status: grade.Passed, Points: 1, Max: 1}
		if id == failed {
			c.Status, c.Points, c.What = grade.Failed, 0, "It did not <b>work</b>."
		}
		r.Stages[0].Checks = append(r.Stages[0].Checks, c)
	}
	return r
}

func names(submissions []Submission) (names []string) {
	for _, s := range submissions {
		names = append(names, s.Name)
	}
	return names
}

func TestList(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "ada", "server.py"), "")
	zipped(t, filepath.Join(dir, "ada.zip"), "server.py", "")
	zipped(t, filepath.Join(dir, "Bob Müller.zip"), "server.py", "")
	put(t, filepath.Join(dir, "carl.rar"), "")
	put(t, filepath.Join(dir, "dora.tar.gz"), "")
	zipped(t, filepath.Join(dir, "dora.zip"), "server.py", "")
	put(t, filepath.Join(dir, "grades.txt"), "")
	put(t, filepath.Join(dir, ".git", "config"), "")
	found, err := List(dir)
	require.NoError(t, err)
	assert.Equal(t, []string{"Bob Müller", "ada", "carl", "dora", "dora.zip"}, names(found))

	_, err = List(t.TempDir())
	assert.ErrorContains(t, err, "expected a folder, a .zip or a .tar.gz for each submission")
}

func TestUnpackRefuses(t *testing.T) {
	outside := t.TempDir()
	for name, test := range map[string]struct {
		prepare func(dir string)
		path    string
		says    string
	}{
		"a path that leads out": {
			func(dir string) { zipped(t, filepath.Join(dir, "x.zip"), "../evil.py", "") }, "x.zip", `"../evil.py", a path that leads out`,
		},
		"a path of Windows that leads out": {
			func(dir string) { zipped(t, filepath.Join(dir, "x.zip"), `..\evil.py`, "") }, "x.zip", "a path that leads out",
		},
		"a link in the folder beside it": {
			func(dir string) {
				require.NoError(t, os.Symlink(outside, filepath.Join(dir, "link")))
				zipped(t, filepath.Join(dir, "x.zip"), "link/evil.py", "")
			}, ".", "it cannot be unpacked",
		},
		"what is no archive": {
			func(dir string) { put(t, filepath.Join(dir, "x.zip"), "hello") }, "x.zip", "not a valid zip file",
		},
		"another kind of archive": {
			func(dir string) { put(t, filepath.Join(dir, "x.rar"), "hello") }, "x.rar", "expected a .zip or a .tar.gz",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			test.prepare(dir)
			_, err := Submission{"x", filepath.Join(dir, test.path)}.Open(t.TempDir())
			assert.ErrorIs(t, err, ErrPacked)
			assert.ErrorContains(t, err, test.says)
			assert.NoFileExists(t, filepath.Join(outside, "evil.py"))
			assert.NoFileExists(t, filepath.Join(filepath.Dir(dir), "evil.py"))
		})
	}
}

// TestFolderWithArchive: learning platforms make a folder for each student, with what was handed in.
func TestFolderWithArchive(t *testing.T) {
	dir, scratch := t.TempDir(), t.TempDir()
	put(t, filepath.Join(dir, "README.txt"), "hello")
	zipped(t, filepath.Join(dir, "Task 3.zip"), `src\Server.java`, "class Server {}")
	opened, err := Submission{"ada", dir}.Open(scratch)
	require.NoError(t, err)
	assert.FileExists(t, filepath.Join(opened, "src", "Server.java"))
	assert.FileExists(t, filepath.Join(opened, "README.txt"))
	assert.NoDirExists(t, filepath.Join(dir, "src"), "nobody's folder is written to")
}

// TestRun: a class is graded, stopped, changed and graded again.
func TestRun(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	put(t, filepath.Join(dir, "ada", "server.py"), "print('a')")
	put(t, filepath.Join(dir, "bob & co", "server.py"), "print('b')")
	put(t, filepath.Join(dir, "carl.rar"), "")
	var graded atomic.Int32
	ctx, stop := context.WithCancelCause(t.Context())
	o := Options{Out: out, Jobs: 1, Key: "rubric 1", Grade: func(_ context.Context, s Submission, dir string) (*grade.Result, []string, error) {
		graded.Add(1)
		switch s.Name {
		case "ada":
			return result(""), []string{"python3 server.py {port}"}, nil
		case "bob & co":
			if ctx.Err() == nil {
				stop(errors.New("somebody pressed Ctrl+C"))
				r := result("")
				r.Verdict, r.Why = grade.Stopped, "Somebody pressed Ctrl+C."
				return r, nil, context.Cause(ctx)
			}
			return result("nothing-lost"), nil, nil
		}
		return nil, nil, fmt.Errorf("%s is not expected", s.Name)
	}}
	run := func(ctx context.Context) (*Class, error) {
		submissions, err := List(dir)
		require.NoError(t, err)
		return Run(ctx, submissions, o)
	}
	text := func(name string) string {
		data, err := os.ReadFile(filepath.Join(out, name))
		require.NoError(t, err)
		return string(data)
	}

	c, err := run(ctx)
	assert.ErrorContains(t, err, "Ctrl+C")
	assert.Equal(t, []grade.Verdict{grade.Graded, grade.Stopped, grade.Stopped}, []grade.Verdict{c.Results[0].Verdict, c.Results[1].Verdict, c.Results[2].Verdict})
	assert.Contains(t, text("grades.csv"), "ada,graded,2,2")
	assert.Contains(t, text("ada/report.html"), "server-starts")

	c, err = run(t.Context())
	require.NoError(t, err)
	require.NoError(t, c.Wrong)
	assert.Equal(t, 1, c.Kept)
	assert.EqualValues(t, 3, graded.Load(), "ada is not graded again")
	assert.Equal(t, grade.NotStarted, c.Results[2].Verdict)
	table := text("grades.csv")
	assert.Contains(t, table, "ada,graded,2,2")
	assert.Contains(t, table, "bob & co,graded,1,2")
	assert.Contains(t, table, "carl,could not be started")
	page := text("class.html")
	for _, want := range []string{
		"3 of 3 submissions", `<a href="ada/report.html">ada</a>`, `<a href="bob%20&amp;%20co/report.html">bob &amp; co</a>`, "python3 server.py {port}",
		"It cannot be unpacked: carl.rar: expected a .zip or a .tar.gz.", "<b>1</b> · about nothing-lost", "It did not &lt;b&gt;work&lt;/b&gt;",
	} {
		assert.Contains(t, page, want)
	}

	put(t, filepath.Join(dir, "ada", "server.py"), "print('A')")
	_, err = run(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 4, graded.Load(), "what was changed is graded again, and nothing else")
	o.Key = "rubric 2"
	_, err = run(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 6, graded.Load(), "another rubric: all are graded again")
}

// TestRunWritesAsItGoes: whoever looks while a class is graded finds what there is.
func TestRunWritesAsItGoes(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	for _, name := range []string{"a", "b"} {
		put(t, filepath.Join(dir, name, "server.py"), "")
	}
	submissions, err := List(dir)
	require.NoError(t, err)
	_, err = Run(t.Context(), submissions, Options{Out: out, Jobs: 1, Grade: func(_ context.Context, s Submission, _ string) (*grade.Result, []string, error) {
		page, err := os.ReadFile(filepath.Join(out, "class.html"))
		require.NoError(t, err)
		if s.Name == "a" {
			assert.Contains(t, string(page), "0 of 2 submissions: 2 not graded yet")
		} else {
			assert.Contains(t, string(page), "1 of 2 submissions: 1 not graded yet")
		}
		return result(""), nil, nil
	}})
	require.NoError(t, err)
}

func TestGraderFails(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	put(t, filepath.Join(dir, "a", "server.py"), "")
	submissions, err := List(dir)
	require.NoError(t, err)
	c, err := Run(t.Context(), submissions, Options{Out: out, Grade: func(context.Context, Submission, string) (*grade.Result, []string, error) {
		return nil, nil, errors.New("no terminals are left")
	}})
	require.NoError(t, err)
	assert.ErrorContains(t, c.Wrong, "a: no terminals are left")
	assert.Equal(t, "No terminals are left.", c.Results[0].Why)
	_, err = Run(t.Context(), submissions, Options{Out: filepath.Join(dir, "a", "server.py"), Grade: nil})
	assert.Error(t, err, "a folder that cannot be made is found before the work")
}

const original = `
import socket, threading
clients = []
def handle(conn, addr):
    """Serve one client."""
    role = conn.recv(1024).decode().strip()
    if role == "SUBSCRIBER":
        clients.append(conn)
    while True:
        data = conn.recv(1024)
        if not data:
            break
        for other in clients:
            if other is not conn:
                other.send(data)
    conn.close()
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("", 5000))
s.listen(10)
while True:
    conn, addr = s.accept()
    threading.Thread(target=handle, args=(conn, addr), daemon=True).start()
`

// TestSimilar: names, texts, numbers, comments and the order of functions hide no copy.
func TestSimilar(t *testing.T) {
	disguise := strings.NewReplacer("conn", "klient", "clients", "all_of_them", "role", "r", "data", "msg", "1024", "4096", `"""Serve one client."""`, "# my own work")
	other := `
import asyncio
rooms = {}
async def talk(reader, writer):
    kind = (await reader.readline()).decode()
    rooms.setdefault(kind, set()).add(writer)
    async for line in reader:
        await asyncio.gather(*[send(w, line) for w in rooms["SUBSCRIBER"]])
async def send(w, line):
    w.write(line)
    await w.drain()
async def main():
    server = await asyncio.start_server(talk, port=5000)
    async with server:
        await server.serve_forever()
asyncio.run(main())
`
	pairs := similar(map[string][]source{
		"ada": {{"server.py", original}}, "bob": {{"srv.py", disguise.Replace(original)}}, "carl": {{"main.py", other}},
	})
	require.Len(t, pairs, 1)
	assert.Equal(t, "ada bob", pairs[0].A+" "+pairs[0].B)
	assert.Greater(t, pairs[0].Share, 0.8)
	require.NotEmpty(t, pairs[0].Same)
	assert.Contains(t, pairs[0].Same[0].A.Text, "for other in clients")
	assert.Contains(t, pairs[0].Same[0].B.Text, "for other in all_of_them")
	assert.Equal(t, "srv.py", pairs[0].Same[0].B.File)
}

// TestHandout: what the course gave to everybody is no copy.
func TestHandout(t *testing.T) {
	class := map[string][]source{}
	for i := range 12 {
		class[fmt.Sprint("student ", i)] = []source{{"server.py", original}}
	}
	assert.Empty(t, similar(class))
}

// TestDigest: unpacked again, a submission is the same, a film in it included; and what changes in a
// folder of a tool's name counts when it holds the student's own sources.
func TestDigest(t *testing.T) {
	digest := func(film, text string) string {
		dir := t.TempDir()
		put(t, filepath.Join(dir, "film.mp4"), strings.Repeat(film, sourceLimit))
		put(t, filepath.Join(dir, "bin", "server.py"), text)
		sources, digest, err := read(dir)
		require.NoError(t, err)
		require.Len(t, sources, 1)
		assert.Equal(t, "bin/server.py", sources[0].name)
		return digest
	}
	first := digest("ab", "print(1)")
	assert.Equal(t, first, digest("ab", "print(1)"))
	assert.NotEqual(t, first, digest("ab", "print(2)"))
	assert.NotEqual(t, first, digest("ac", "print(1)"))
}
