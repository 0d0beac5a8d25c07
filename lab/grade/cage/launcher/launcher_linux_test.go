package launcher

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the launcher imports is made ready at each start of a program, before it.
func TestImportsLittle(t *testing.T) {
	out, err := exec.Command("go", "list", "-buildvcs=false", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	require.NoError(t, err)
	assert.Equal(t, []string{"golang.org/x/sys/unix", "pubsublab/lab/grade/cage/launcher"}, strings.Fields(string(out)))
}
