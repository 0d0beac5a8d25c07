package harness

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade/harness/dialect"
	"pubsublab/lab/grade/harness/runner"
)

// pauses are measured, and so not the same each time.
var pauses = regexp.MustCompile(`\{cut:[0-9]+\}`)

// TestDetect finds out how some programs of strangers want to be talked to.
func TestDetect(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip(err)
	}
	const strangers = "../gallery/strangers"
	told := &dialect.Dialect{}
	for _, test := range []struct {
		name                  string
		server                string
		publisher, subscriber string
		told                  *dialect.Dialect
		port                  int // in the source
		from, says, framing   string
	}{
		{
			name: "py-pipe-topic", server: "my_server_app.py {port}",
			publisher: "my_client_app.py {host} {port} PUBLISHER {topic}", subscriber: "my_client_app.py {host} {port} SUBSCRIBER {topic}",
			from: Learnt, framing: Reads,
			says: `a publisher sends "PUBLISHER|{topic}", a subscriber "SUBSCRIBER|{topic}", a message is "{text}"`,
		},
		{
			name: "py-two-writes", server: "pubsub_server.py {port}",
			publisher: "pubsub_client.py {host} {port} publisher {topic}", subscriber: "pubsub_client.py {host} {port} subscriber {topic}",
			from: Learnt, framing: Reads,
			says: `a publisher sends "publisher{cut}{topic}", a subscriber "subscriber{cut}{topic}", a message is "{text}"`,
		},
		{
			name: "py-pickle", server: "server.py {port}",
			publisher: "publisher.py {host} {port} {topic}", subscriber: "subscriber.py {host} {port} {topic}",
			says: "the client sends pickles, which only Python can make",
		},
		{
			name: "py-header64", server: "server.py", publisher: "client.py", subscriber: "client.py", port: 5050, from: Learnt, framing: Lines,
			says: `a publisher sends "{length:left64}PUBLISHER"`,
		},
		{name: "py-role-bare", server: "server.py {port}", from: KnownOne, framing: Reads, says: `a message is "{text}"`},
		{name: "py-sentence-es", server: "servidor.py {port}", told: told, from: Told, framing: Reads, says: "Hola servidor, soy un PUBLISHER. Gracias!"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			folder, err := filepath.Abs(filepath.Join(strangers, test.name))
			require.NoError(t, err)
			python := func(command string) string {
				if command == "" {
					return ""
				}
				return "python3 " + command
			}
			commands := runner.Commands{
				Dir: folder, Server: python(test.server), Publisher: python(test.publisher), Subscriber: python(test.subscriber), Port: test.port,
			}
			if test.port > 0 {
				commands.Types = []string{"{role}"}
			}
			run, err := commands.Runner()
			require.NoError(t, err)
			defer run.Close()
			if test.told != nil {
				words, err := dialect.Parse("Hola servidor, soy un {role}. Gracias!")
				require.NoError(t, err)
				text, err := dialect.Parse("{text}")
				require.NoError(t, err)
				*test.told = dialect.Dialect{
					Words:    map[string]string{runner.Publisher: "PUBLISHER", runner.Subscriber: "SUBSCRIBER"},
					Register: map[string]dialect.Template{runner.Publisher: words, runner.Subscriber: words}, Message: text,
				}
			}
			// Busy machines are slow, and nothing here is about that.
			h := New(Config{Runner: run, Seed: 1, Timeout: 20 * time.Second, Told: test.told})
			if h.Apart = test.port > 0; h.Apart {
				if _, err := run.Apart(); err != nil {
					t.Skip("networks of their own cannot be made here: ", err)
				}
			}
			works, excerpt, err := h.Detect(t.Context())
			require.NoError(t, err)
			assert.Equal(t, test.from != "", works, "%v %v", h.Dialect.Why, excerpt)
			assert.Equal(t, test.from, h.Dialect.From)
			assert.Equal(t, test.framing, h.Dialect.Framing)
			if works {
				learnt := pauses.ReplaceAllString(h.Dialect.String(), "{cut}")
				if !strings.Contains(test.says, "{cut}") {
					learnt = strings.ReplaceAll(learnt, "{cut}", "") // two writes may come as one read or as two
				}
				assert.Contains(t, learnt, test.says)
			} else {
				assert.Contains(t, h.Dialect.Why, test.says)
				assert.NotEmpty(t, h.Dialect.Tried)
			}
		})
	}
}
