package submission

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade/harness/runner"
)

func TestReadCall(t *testing.T) {
	for line, want := range map[string]string{
		"5000":                                  "{port}",
		"<port>":                                "{port}",
		"[PORT]":                                "{port}",
		"$PORT &":                               "{port}",
		"127.0.0.1 5000 PUBLISHER TOPIC_A`":     "{host} {port} {role} {topic}",
		"localhost 5000 subscriber # a comment": "{host} {port} {role}",
		"<server ip> <server port> <mode>":      "{host} {port} {role}",
		"<SERVER_IP> <PORT> <PUBLISHER|SUBSCRIBER> <TOPIC>\\n": "{host} {port} {role} {topic}",
		"PUBLISHER 10.0.0.7 4000":                              "{role} {host} {port}",
		"192.168.10.2:5000 PUBLISHER":                          "{host}:{port} {role}",
		"--host localhost --port=5000 -r pub":                  "--host {host} --port={port} -r {role}",
		"[-h] [--host HOST] [--port PORT] role":                "--host {host} --port {port} {role}",
		"-addr localhost:8080":                                 "-addr {host}:{port}",
		`<host> <puerto> \"<tema>\"\n", argv[0]`:               "{host} {port} {topic}",
		`127.0.0.1 5555 "a topic"`:                             "{host} {port} {topic}",
		"localhost 5000 listen news":                           "{host} {port} {role} {topic}",
		"localhost 5000 -sub news":                             "{host} {port} -sub {topic}",
		"HOST PORT [-pub TOPIC | -sub TOPIC]":                  "{host} {port} -pub {topic}",
		"--publish news 127.0.0.1 5000":                        "--publish {topic} {host} {port}",
		"alpha|beta":                                           "alpha",
		"127.0.0.1 {port},{port2} PUBLISHER SPORTS":            "{host} {port},{port2} {role} {topic}",
		"127.0.0.1 5001 SPORT":                                 "{host} {port} SPORT",
		"5000 5001":                                            "{port} {port+1}",
		"-addr :7000":                                          "-addr :{port}",
		"":                                                     "",
	} {
		c, ok := readCall(line)
		assert.True(t, ok, line)
		assert.Equal(t, want, strings.Join(c.args, " "), line)
	}
	for _, prose := range []string{"is the server", "and the client", "will print"} {
		_, ok := readCall(prose)
		assert.False(t, ok, prose)
	}
}

// What sources say of their arguments, in all languages and in the ways that students write.
func TestReadSource(t *testing.T) {
	for _, test := range []struct{ language, source, want string }{
		{"Python", "host = sys.argv[1]\nport = int(sys.argv[2])\nrole = sys.argv[3].upper()\ntopic = sys.argv[4]", "{host} {port} {role} {topic}"},
		{"Python", "ip, port, role = sys.argv[1], int(sys.argv[2]), sys.argv[3].upper()", "{host} {port} {role}"},
		{"Python", "s.connect((sys.argv[1], int(sys.argv[2])))", "{host} {port}"},
		{"Java", "public static void main(String[] a) throws IOException {\nSocket s = new Socket(a[0], Integer.parseInt(a[1]));\nString role = a[2];", "{host} {port} {role}"},
		{"C", "int main(int ac, char **av) {\nhost = av[1]; port = atoi(av[2]);", "{host} {port}"},
		{"C", "publishers = listening(atoi(argv[1]));\nsubscribers = listening(atoi(argv[2]));", "{port} {port+1}"},
		{"Python", "_, port, host = sys.argv", "{port} {host}"},
		{"Python", "args = sys.argv[1:]\nrole = args[0]\nhost = args[1]\nport = int(args[2])", "{role} {host} {port}"},
		{"Python", "mode, topic = sys.argv[1:]", "{role} {topic}"},
		{"Java", "Client c = new Client(args[0], args[1], args[2], args[3]);", "{host} {port} {role} {topic}"},
		{"Java", "int port = Integer.parseInt(args[0]);\nString host = args[1];", "{port} {host}"},
		{"Java", "Socket s = new Socket(args[1], Integer.parseInt(args[2])); out.println(args[0]);", "{role} {host} {port}"},
		{"C", "if (argc != 5) usage();\na.sin_port = htons(atoi(argv[2]));\ninet_pton(AF_INET, argv[1], &a);\nmode = argv[3];", "{host} {port} {role} {topic}"},
		{"C++", `int fd = dial(argc > 1 ? argv[1] : "127.0.0.1", PUB_PORT);`, "{host}"},
		{"Go", "args := os.Args\nserverIP := args[1]\nserverPort := args[2]\nclientType := args[3]", "{host} {port} {role}"},
		{"Go", `port := flag.Int("port", 5000, "")` + "\n" + `role := flag.String("role", "", "")`, "-port {port} -role {role}"},
		{"Go", `a := flag.String("addr", "localhost:5000", "")`, "-addr {host}:{port}"},
		{"Java", `out.write(args[0].toUpperCase() + ";" + args[1]); if (args[0].equals("PUBLISHER"))`, "{role} {topic}"},
		{"Rust", "let port = &args[2]; let host = &args[1];", "{host} {port}"},
		{"Node", "const [host, port, role, topic] = process.argv.slice(2);", "{host} {port} {role} {topic}"},
		{"Node", "const port = Number(process.argv[3]);\nconst host = process.argv[2];", "{host} {port}"},
		{"Python", `p = argparse.ArgumentParser()` + "\n" + `p.add_argument("host")` + "\n" + `p.add_argument("--port", "-p")`, "{host} --port {port}"},
	} {
		p := program{language: test.language, role: client, text: usualNames(test.source)}
		calls, _ := p.readSource()
		if assert.NotEmpty(t, calls, test.source) {
			last := calls[len(calls)-1]
			assert.Equal(t, test.want, strings.Join(last.args, " "), test.source)
		}
	}
	roles := program{language: "Python", source: "client.py", role: client, text: `p = argparse.ArgumentParser()
p.add_argument("server", help="host:port of the server")
p.add_argument("--publish", metavar="TOPIC")
p.add_argument("--listen", metavar="TOPIC")`}
	first := roles.calls(map[string]string{"README.md": "python3 client.py localhost:5000 --listen news"})[0]
	assert.Equal(t, "{host}:{port} {--publish|--listen} {topic}", strings.Join(first.args, " "))
	assert.Equal(t, "./client {host}:{port} --listen {topic}", first.command([]string{"./client"}, runner.Subscriber, ""))
	server := program{language: "Java", role: server, text: "new Server(args[0]).start();"}
	calls, most := server.readSource()
	require.NotEmpty(t, calls)
	assert.Equal(t, []string{"{port}"}, calls[0].args)
	assert.Equal(t, 1, most)
	none := program{language: "Java", role: client, text: `new Socket("localhost", 5000); public static void main(String[] args)`}
	assert.Empty(t, none.calls(nil)[0].args, "it looks at no arguments")
}

func TestRolesOfPrograms(t *testing.T) {
	for _, test := range []struct {
		source, text string
		want         role
	}{
		{"my_server_app.py", "", server},
		{"src/Server.java", "new ServerSocket(1)", server},
		{"srv.c", "bind(s); listen(s);", server},
		{"broker/main.go", "net.Listen()", server},
		{"MiddlewareServer.java", "", server},
		{"cli.c", "connect(s)", client},
		{"Teilnehmer.java", "new Socket(h, p)", client},
		{"pub.cc", "connect(s)", publisher},
		{"client/subscriber/cmd/main.go", "", subscriber},
		{"pubsub_client.py", "", client},
		{"a.py", "s.bind(x)\ns.listen()", server},
		{"report.py", "", ""},
		{"listen.py", "connect(s)", subscriber},
		{"listen.py", "bind(s); listen(s)", server},
		{"abonnent.cpp", "connect(s)", subscriber},
		{"Verleger.java", "new Socket(h, p)", publisher},
		{"src/emisor.py", "connect(s)", publisher},
		{"cmd/listen/main.go", "net.Dial()", subscriber},
		{"vermittler.cpp", "", server},
	} {
		tree := &tree{texts: map[string]string{test.source: test.text}}
		p := program{language: LanguageOf(test.source), source: test.source, name: nameOf(test.source), text: test.text}
		p.near = tree.near(p)
		p.judge()
		assert.Equal(t, test.want, p.role, test.source)
	}
}

func TestUnits(t *testing.T) {
	const listening, connecting = "import socket\nPUBLISHER = 1\ns.bind(x)\ns.listen()\n", "import socket\nPUBLISHER = 1\ns.connect(x)\n"
	units := func(names ...string) (dirs []string) {
		tree := &tree{texts: map[string]string{}}
		for _, name := range names {
			tree.texts[name] = connecting
			if strings.Contains(strings.ToLower(name), "server") {
				tree.texts[name] = listening
			}
		}
		for _, u := range tree.units() {
			dirs = append(dirs, u.String())
		}
		return dirs
	}
	assert.Equal(t, []string{"Task_3", "task 1"}, units("task 1/server.py", "task 1/client.py", "Task_3/Server/server.py", "Task_3/Client/client.py"))
	assert.Equal(t, []string{"A/Q3", "A/Q2"}, units("A/Q2/server.py", "A/Q2/client.py", "A/Q3/server.py", "A/Q3/client.py", "A/Q4/server.py"))
	assert.Equal(t, []string{"the top folder"}, units("server.py", "client.py", "Task 1/server.py"))
	assert.Equal(t, []string{"server2.py", "server1.py"}, units("server1.py", "client1.py", "server2.py", "client2.py"))
	assert.Equal(t, []string{"part-4"}, units("part-4/servers/server.py", "part-4/client.py"))
}

// Who publishes and who subscribes is tried where no name tells it.
func TestCastsOfAUnit(t *testing.T) {
	tree := &tree{texts: map[string]string{"server.py": "s.bind(x)\ns.listen()\n", "alice.py": "s.connect(x)\n", "bob.py": "s.connect(x)\n", "old_bob.py": "s.connect(x)\n"}}
	units := tree.units()
	require.Len(t, units, 1)
	var pairs []string
	for _, c := range units[0].others {
		pairs = append(pairs, c.publisher.source+" "+c.subscriber.source)
	}
	assert.Equal(t, []string{"bob.py alice.py", "alice.py bob.py"}, pairs)
	assert.Equal(t, "bob.py", units[0].client.source)
	assert.Equal(t, delivered, units[0].goal())
}

// What is missing is named, whatever tool says so.
func TestMissing(t *testing.T) {
	for output, names := range map[string]string{
		"ModuleNotFoundError: No module named 'zmq'":                                                            "The Python package zmq is",
		"main.go:4:2: no required module provides package github.com/a/b; to add it:":                           "The Go package github.com/a/b is",
		"go: github.com/a/b@v1.2.3: Get \"https://example.org/\": dial tcp":                                     "The Go package github.com/a/b is",
		"main.go:3:8: missing go.sum entry for module providing package github.com/a/b (imported by x); to add": "The Go package github.com/a/b is",
		"A.java:1: error: package org.json does not exist":                                                      "The Java package org.json is",
		"error: no matching package named `tokio` found":                                                        "The Rust crate tokio is",
		"Error: Cannot find module 'chalk'":                                                                     "The Node package chalk is",
		"a.py: SyntaxError":                                                                                     "",
	} {
		if says := missing(output); names == "" {
			assert.Empty(t, says)
		} else {
			assert.Contains(t, says, names)
		}
	}
}

// A source that Python does not take is told from one that fails while it runs.
func TestRefused(t *testing.T) {
	const source = "  File \"/a/publisher.py\", line 25\r\n    print(f\"{event.get(\"m\")}\")\r\n                          ^\r\nSyntaxError: f-string: unmatched '('\r\n"
	assert.Equal(t, "Python here does not take publisher.py: SyntaxError: f-string: unmatched '(' (line 25). It is a mistake, or written for another version.", refused(source))
	assert.Empty(t, refused("Traceback (most recent call last):\n  File \"/a/b.py\", line 3, in <module>\n    main()\nOSError: [Errno 111] Connection refused\n"))
}

// A program that finds no address of its own fails with any error; one that misses an argument says so.
func TestMayMissNetwork(t *testing.T) {
	for output, want := range map[string]bool{
		"OSError: [Errno 101] Network is unreachable":                                                                 true,
		"Traceback (most recent call last):\nTypeError: str, bytes or bytearray expected, not NoneType\n":             true,
		"Traceback (most recent call last):\nIndexError: list index out of range\n":                                   false,
		"Exception in thread \"main\" java.lang.ArrayIndexOutOfBoundsException: Index 0 out of bounds for length 0\n": false,
		"usage: server.py [-h] port\nserver.py: error: the following arguments are required: port\n":                  false,
		"Server stopped.\n": false,
	} {
		assert.Equal(t, want, mayMissNetwork(output), "%q", output)
	}
}

func TestMainClass(t *testing.T) {
	assert.Equal(t, "Server", mainClass("class Handler { void run() {} }\npublic class Server { static class Inner {} public static void main(String[] a) {} }"))
	assert.Equal(t, "a.b.C", mainClass("package a.b;\npublic class C { String s = \"}\"; public static final void main(String... a) {} }"))
}

// The word for a topic in an example is no fixed one.
func TestExamplesWithTopics(t *testing.T) {
	p := program{language: "Python", source: "subscriber.py", name: "subscriber", role: subscriber, text: "import sys\nmain(*sys.argv[1:])"}
	all := p.calls(map[string]string{"README.md": "python3 subscriber.py 127.0.0.1 5001 SPORT"})
	assert.Equal(t, "{host} {port} {topic}", strings.Join(all[0].args, " "))
}

func TestDecode(t *testing.T) {
	for text, want := range map[string]string{
		"plain\r\n":                  "plain\r\n",
		"\xef\xbb\xbfmark":           "mark",
		"\xff\xfeh\x00\xe9\x00":      "hé",
		"\xfe\xff\x00h\x00\xe9":      "hé",
		"\xe9 is Latin, and is kept": "\xe9 is Latin, and is kept",
	} {
		got, changed := decode([]byte(text))
		assert.Equal(t, want, got)
		assert.Equal(t, text != want, changed)
	}
}

func TestSettings(t *testing.T) {
	all := Settings{
		Dir: "Task 3", Build: []string{"make -s", "javac 'A B.java'"}, Server: "./server", Publisher: "./pub {host}", Subscriber: "./sub {host}",
		Types: []string{"{role}", "2"}, SubscribeLine: "sub {topic}", PublishLine: "pub {topic} {text}", Port: 5000, Second: "./server 2", Dialect: map[string]any{"register": "{role}\n", "message": "{text}\n"},
	}
	read, err := ParseSettings("grade.yaml", all.YAML())
	require.NoError(t, err)
	assert.NotNil(t, read.Spoken)
	all.Spoken = read.Spoken
	assert.Equal(t, all, read)
	for text, says := range map[string]string{
		"port: 5000\n":                                                "grade.yaml:1: expected a server",
		"server: ./s {port}\n\nclient: ./c\n":                         `grade.yaml:3: client is "./c"; expected {port} where the port goes`,
		"server: ./s\nport: 99999\n":                                  "grade.yaml:2: port is 99999; expected 1 to 65535",
		"server: ./s {port}\npublisher: ./p {port}\n":                 "grade.yaml:2: there is one of publisher and subscriber",
		"server: ./s {port}\nclient: ./c {port}\npublisher: a {port}": "grade.yaml:2: there is a client, and a publisher or a subscriber",
		"server: ./s {port}\ndir: ../x\n":                             `grade.yaml:2: dir is "../x"; expected a folder within the submission`,
		"server: ./s {port}\npublish-line: pub {topic}\n":             `grade.yaml:2: publish-line is "pub {topic}"; expected {text}`,
		"server: ./s {port}\nclients: x\n":                            "grade.yaml: ",
		"server: ./s {port}\ndialect: {words: x}\n":                   "grade.yaml:2: ",
		"server: ./s {port}\nbuild: make\n":                           "grade.yaml: ",
	} {
		_, err := ParseSettings("grade.yaml", []byte(text))
		assert.ErrorContains(t, err, says, text)
	}
	_, err = ParseSettings("grade.yaml", []byte("server: ./s {port}\nclient: ./c\ntypes: ['{host}', '{port}']\n"))
	assert.NoError(t, err, "a client may be typed its address")
}

func TestPortsInASource(t *testing.T) {
	assert.Equal(t, []int{5050, 6000}, portsIn("BUFFER = 4096\nPORT = 5050\ns.connect((host, 6000))\nyear = 2024\n"))
}

func TestFirstError(t *testing.T) {
	assert.Equal(t, "a.c:3:1: error: no", firstError("a.c: In function 'main':\na.c:3:1: error: no\na.c:4:1: error: neither\n"))
	assert.Equal(t, "last", firstError("first\nlast\n\n"))
	assert.True(t, slices.Contains([]string{"it printed nothing"}, firstError("")))
}

// Packages of one root are solutions of their own, built where the packages begin.
func TestPackagesOfSteps(t *testing.T) {
	tree := &tree{texts: map[string]string{}}
	for _, step := range []string{"task1", "task3"} {
		main := "package " + step + ";\nclass X { public static void main(String[] args) { String role = \"PUBLISHER\"; "
		tree.texts["src/"+step+"/Server.java"] = main + "new ServerSocket(1).accept(); } }"
		tree.texts["src/"+step+"/Client.java"] = main + "new Socket(args[0], 1); } }"
	}
	units := tree.units()
	require.Len(t, units, 2)
	assert.Equal(t, "src/task3", units[0].String())
	assert.Equal(t, "src", units[0].dir)
	assert.Equal(t, 3, units[0].task)
	assert.Equal(t, "src/task1", units[1].String())
}
