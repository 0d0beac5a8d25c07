package topology

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestEnd(t *testing.T) {
	for end, said := range map[End]string{
		{}:                             "ended with exit code 0",
		{Code: 2}:                      "ended with exit code 2",
		{Code: 137}:                    "was killed by SIGKILL (exit code 137)",
		{Code: 143}:                    "was killed by SIGTERM (exit code 143)",
		{Code: 255}:                    "ended with exit code 255",
		{Code: 137, OutOfMemory: true}: "reached its memory limit and was killed (exit code 137)",
	} {
		assert.Equal(t, said, end.String())
	}
	assert.Equal(t, "SIGSEGV", End{Code: 139}.Signal())
	assert.Empty(t, End{Code: 1}.Signal())
}
