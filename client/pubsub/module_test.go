package pubsub_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// hello is a program of another module, as docs/library.md has it.
const hello = `package main

import (
	"context"
	"log"

	"pubsublab/client/pubsub"
)

func main() {
	ctx := context.Background()
	p, err := pubsub.DialPublisher(ctx, "localhost:5000", pubsub.Config{Name: "hello"})
	if err != nil {
		log.Fatal(err)
	}
	if err := p.Publish(ctx, "hello from another module"); err != nil {
		log.Fatal(err)
	}
	if err := p.Close(ctx); err != nil {
		log.Fatal(err)
	}
}
`

// Another module uses this package through a workspace or a replace directive, as docs/library.md
// says.
func TestFromAnotherModule(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	doc, err := os.ReadFile(filepath.Join(root, "docs", "library.md"))
	require.NoError(t, err)
	require.Contains(t, string(doc), hello, "the program of the page is the one that is built here")
	for name, commands := range map[string][][]string{
		"workspace": {{"work", "init", ".", root}},
		"replace":   {{"mod", "edit", "-require=pubsublab@v0.0.0", "-replace=pubsublab=" + root}, {"mod", "tidy"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(hello), 0o644))
			for _, args := range append(append([][]string{{"mod", "init", "example.org/hello"}}, commands...), []string{"build", "-o", "hello", "."}) {
				command := exec.CommandContext(t.Context(), "go", args...)
				command.Dir = dir
				command.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=")
				output, err := command.CombinedOutput()
				require.NoError(t, err, "go %v: %s", args, output)
			}
		})
	}
}
