package submission

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"pubsublab/lab/grade/harness/dialect"
	"pubsublab/lab/grade/harness/runner"
)

// SettingsFile is the name of the file that says how a submission is built and started. Where one
// lies in a submission's folder, nothing else is tried.
const SettingsFile = "grade.yaml"

// Settings say how a submission is built and started: what [SettingsFile] holds.
type Settings struct {
	Dir                   string   // folder, within the submission, in which all commands run; empty: its own
	Build                 []string // commands, in order; they run in a copy
	Server                string   // with {port}
	Client                string   // with {host}, {port}, {role}, {topic}; one program for both roles
	Publisher, Subscriber string   // instead of Client: a command for each role
	Types                 []string // what is typed at a client as it starts, where it does not ask
	Port                  int      // that the source fixes; 0: it takes {port}
	SubscribeLine         string   // what is typed at a subscriber that takes commands, with {topic}; empty: nothing
	PublishLine           string   // how a message is typed at a publisher that takes commands, with {text} and {topic}; empty: as it is
	Second                string   // a second server, which goes on when the first one dies; {port1} is the first one's port, and without {port} its source fixes its own; empty: there is none
	Dialect               any      // how messages look, in the words of a rubric; nil: it is learnt

	Spoken *dialect.Dialect // what Dialect says
}

// Commands are how the programs are started, in a copy of the submission.
func (s Settings) Commands(root string) runner.Commands {
	c := runner.Commands{
		Dir: filepath.Join(root, filepath.FromSlash(s.Dir)), Server: s.Server,
		Publisher: s.Publisher, Subscriber: s.Subscriber, Types: s.Types, Second: s.Second, Port: s.Port,
		SubscribeLine: s.SubscribeLine, PublishLine: s.PublishLine,
	}
	if s.Client != "" {
		c.Publisher, c.Subscriber = s.Client, s.Client
	}
	return c
}

// The file, with the lines where things are.
type rawSettings struct {
	Dir        at[string]      `yaml:"dir"`
	Build      at[[]string]    `yaml:"build"`
	Server     at[string]      `yaml:"server"`
	Client     at[string]      `yaml:"client"`
	Publisher  at[string]      `yaml:"publisher"`
	Subscriber at[string]      `yaml:"subscriber"`
	Types      at[[]string]    `yaml:"types"`
	Subscribe  at[string]      `yaml:"subscribe-line"`
	Publish    at[string]      `yaml:"publish-line"`
	Port       at[int]         `yaml:"port"`
	Second     at[string]      `yaml:"second-server"`
	Dialect    at[interface{}] `yaml:"dialect"`
}

// at is a value and the line it is on; 0 where it is missing.
type at[T any] struct {
	value T
	line  int
}

// UnmarshalYAML decodes the value.
func (a *at[T]) UnmarshalYAML(node *yaml.Node) error {
	a.line = node.Line
	return node.Load(&a.value, yaml.WithKnownFields())
}

// ReadSettings reads a file of settings. An error names it and the line.
func ReadSettings(path string) (Settings, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Settings{}, err
	}
	return ParseSettings(path, data)
}

// ParseSettings is ReadSettings for what was read already; name is what errors call it.
func ParseSettings(name string, data []byte) (Settings, error) {
	var f rawSettings
	if err := yaml.Load(data, &f, yaml.WithKnownFields()); err != nil {
		return Settings{}, fmt.Errorf("%s: %w", name, err)
	}
	var wrong []error
	complain := func(line int, format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("%s:%d: %s", name, max(line, 1), fmt.Sprintf(format, args...)))
	}
	s := Settings{
		Dir: f.Dir.value, Build: f.Build.value, Server: f.Server.value, Client: f.Client.value, Publisher: f.Publisher.value,
		Subscriber: f.Subscriber.value, Types: f.Types.value, Port: f.Port.value, Second: f.Second.value, Dialect: f.Dialect.value,
		SubscribeLine: f.Subscribe.value, PublishLine: f.Publish.value,
	}
	var spoken struct {
		Dialect *dialect.Dialect `yaml:"dialect"`
	}
	if err := yaml.Load(data, &spoken); err != nil {
		complain(f.Dialect.line, "%v", err)
	}
	s.Spoken = spoken.Dialect
	if s.Dir != "" && !filepath.IsLocal(filepath.FromSlash(s.Dir)) {
		complain(f.Dir.line, "dir is %q; expected a folder within the submission", s.Dir)
	}
	if s.Server == "" {
		complain(f.Server.line, "expected a server")
	}
	if s.Client != "" && s.Publisher+s.Subscriber != "" {
		complain(f.Client.line, "there is a client, and a publisher or a subscriber; expected a client, or one of each")
	}
	if (s.Publisher == "") != (s.Subscriber == "") {
		complain(max(f.Publisher.line, f.Subscriber.line), "there is one of publisher and subscriber; expected both or none")
	}
	if f.Publish.line > 0 && !strings.Contains(s.PublishLine, "{text}") {
		complain(f.Publish.line, "publish-line is %q; expected {text} where the message goes", s.PublishLine)
	}
	if f.Port.line > 0 && (s.Port < 1 || s.Port > 65535) {
		complain(f.Port.line, "port is %d; expected 1 to 65535, or none where the commands have {port}", s.Port)
	}
	typed := slices.ContainsFunc(s.Types, func(line string) bool { return strings.Contains(line, "{port}") })
	for _, command := range []struct {
		name string
		at   at[string]
	}{{"server", f.Server}, {"client", f.Client}, {"publisher", f.Publisher}, {"subscriber", f.Subscriber}} {
		if command.at.value == "" || s.Port > 0 || typed && command.name != "server" {
			continue
		}
		if !strings.Contains(strings.ReplaceAll(command.at.value, "{port+1}", "{port}"), "{port}") {
			complain(command.at.line, "%s is %q; expected {port} where the port goes, or a port that the source fixes (port: 5000)", command.name, command.at.value)
		}
	}
	return s, errors.Join(wrong...)
}

// YAML is the file.
func (s Settings) YAML() []byte {
	out := []byte("# How this submission is built and started. lab grade takes this file where it lies in the submission's folder.\n")
	add := func(key string, value any) {
		var text bytes.Buffer
		encoder := yaml.NewEncoder(&text)
		encoder.SetIndent(2)
		if err := errors.Join(encoder.Encode(map[string]any{key: value}), encoder.Close()); err != nil {
			return // not of plain data
		}
		out = append(out, text.Bytes()...)
	}
	for _, field := range []struct {
		key   string
		value any
		has   bool
	}{
		{"dir", s.Dir, s.Dir != "" && s.Dir != "."}, {"build", s.Build, len(s.Build) > 0}, {"server", s.Server, true},
		{"client", s.Client, s.Client != ""}, {"publisher", s.Publisher, s.Publisher != ""}, {"subscriber", s.Subscriber, s.Subscriber != ""},
		{"types", s.Types, len(s.Types) > 0}, {"subscribe-line", s.SubscribeLine, s.SubscribeLine != ""},
		{"publish-line", s.PublishLine, s.PublishLine != ""}, {"port", s.Port, s.Port > 0}, {"second-server", s.Second, s.Second != ""},
		{"dialect", s.Dialect, s.Dialect != nil},
	} {
		if field.has {
			add(field.key, field.value)
		}
	}
	return out
}
