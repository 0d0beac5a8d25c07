package proc

import (
	"os"
	"regexp"
	"strings"
)

// secret matches names of variables that look like a secret's.
var secret = regexp.MustCompile(`(?i)TOKEN|SECRET|PASSW|CREDENTIAL|_KEY$`)

// ours matches the variables that configure this project's programs.
var ours = regexp.MustCompile(`^PUBSUB_`)

// WithoutSecrets is this process's environment without variables whose names look like a secret's.
func WithoutSecrets() []string { return without(secret) }

// WithoutOurs is this process's environment without what would configure the project's own programs
// from outside.
func WithoutOurs() []string { return without(ours) }

func without(name *regexp.Regexp) (env []string) {
	for _, setting := range os.Environ() {
		if key, _, _ := strings.Cut(setting, "="); !name.MatchString(key) {
			env = append(env, setting)
		}
	}
	return env
}
