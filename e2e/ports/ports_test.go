package ports

import (
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFreeIsNotGivenByTheSystem(t *testing.T) {
	for range 100 {
		listener, err := net.Listen("tcp", Addr(t))
		require.NoError(t, err)
		_, text, err := net.SplitHostPort(listener.Addr().String())
		require.NoError(t, err)
		port, err := strconv.Atoi(text)
		require.NoError(t, err)
		assert.Less(t, port, 32_768)
		require.NoError(t, listener.Close())
	}
}
