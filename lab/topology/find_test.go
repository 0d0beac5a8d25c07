package topology

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"

	"pubsublab/lab/internal/engine/enginetest"
)

// Whoever was asked for and does not answer is never replaced in silence.
func TestAnEngineThatWasAskedForAndDoesNotAnswer(t *testing.T) {
	missing := "unix://" + filepath.Join(t.TempDir(), "missing.sock")
	for asked, set := range map[string]func(t *testing.T, dir string){
		"DOCKER_HOST=" + missing:       func(t *testing.T, _ string) { t.Setenv("DOCKER_HOST", missing) },
		"docker context use elsewhere": func(t *testing.T, dir string) { enginetest.AddContext(t, dir, "elsewhere", missing, true) },
		"DOCKER_CONTEXT=elsewhere": func(t *testing.T, dir string) {
			enginetest.AddContext(t, dir, "elsewhere", missing, false)
			t.Setenv("DOCKER_CONTEXT", "elsewhere")
		},
		"DOCKER_CONTEXT=nowhere":   func(t *testing.T, _ string) { t.Setenv("DOCKER_CONTEXT", "nowhere") },
		"DOCKER_HOST=gopher://h:1": func(t *testing.T, _ string) { t.Setenv("DOCKER_HOST", "gopher://h:1") },
	} {
		t.Run(strings.ReplaceAll(asked, "/", "|"), func(t *testing.T) {
			set(t, cleanSettings(t))
			_, err := NewEngine(t.Context(), Auto)
			require.ErrorContains(t, err, asked)
			_, err = NewEngine(t.Context(), Containers)
			require.ErrorContains(t, err, asked)
			engine, err := NewEngine(t.Context(), Processes)
			require.NoError(t, err, "processes need no engine")
			require.NoError(t, engine.Close())
		})
	}
}

func TestEngineIsCalledByItsName(t *testing.T) {
	cleanSettings(t)
	for component, name := range map[string]string{"Engine": "Docker Engine 4.3.1", "Podman Engine": "Podman 4.3.1"} {
		api := newFakeAPI()
		api.name, api.version = component, "4.3.1"
		host := api.serve(t)
		t.Setenv("DOCKER_HOST", host)
		engine, err := NewEngine(t.Context(), Auto)
		require.NoError(t, err)
		assert.Equal(t, Containers, engine.Mode())
		assert.Equal(t, name+" answers at "+host, engine.Reason())
		require.NoError(t, engine.Close())
		assert.Empty(t, api.volumes, "the lease ended")
		assert.NoDirExists(t, engine.folder.Path)
	}
}

func TestEngineBehindTLS(t *testing.T) {
	cleanSettings(t)
	server := httptest.NewUnstartedServer(newFakeAPI())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of a client without TLS
	server.StartTLS()
	defer server.Close()
	t.Setenv("DOCKER_HOST", "tcp://"+server.Listener.Addr().String())
	_, err := NewEngine(t.Context(), Auto)
	require.ErrorContains(t, err, "HTTPS", "without TLS")

	t.Setenv("DOCKER_TLS_VERIFY", "1")
	certs := t.TempDir()
	t.Setenv("DOCKER_CERT_PATH", certs)
	_, err = NewEngine(t.Context(), Auto)
	require.ErrorContains(t, err, "ca.pem", "nobody vouches for it")

	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	require.NoError(t, os.WriteFile(filepath.Join(certs, "ca.pem"), ca, 0o600))
	engine, err := NewEngine(t.Context(), Auto)
	require.NoError(t, err)
	require.NoError(t, engine.Close())
}

// Not this test program's main concern, but what the fake ssh below runs: `docker system
// dial-stdio` on the other machine.
func TestDialStdio(t *testing.T) {
	socket := os.Getenv("PUBSUBLAB_TEST_DIAL")
	if socket == "" {
		t.Skip("only run by TestEngineBySSH")
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		os.Exit(1)
	}
	go func() {
		_, _ = io.Copy(conn, os.Stdin)
		_ = conn.(*net.UnixConn).CloseWrite()
	}()
	_, _ = io.Copy(os.Stdout, conn)
	os.Exit(0)
}

func TestEngineBySSH(t *testing.T) {
	if goruntime.GOOS == "windows" {
		t.Skip("the fake ssh is a shell script")
	}
	cleanSettings(t)
	socket := strings.TrimPrefix(newFakeAPI().serve(t), "unix://")
	bin := t.TempDir()
	said := filepath.Join(bin, "said")
	script := fmt.Sprintf("#!/bin/sh\necho \"$@\" >>%s\nPUBSUBLAB_TEST_DIAL=%s exec %s -test.run='^TestDialStdio$'\n", said, socket, os.Args[0])
	require.NoError(t, os.WriteFile(filepath.Join(bin, "ssh"), []byte(script), 0o755))
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	t.Setenv("DOCKER_HOST", "ssh://teacher@lab.example")
	engine, err := NewEngine(t.Context(), Auto)
	require.NoError(t, err)
	assert.Equal(t, "Docker Engine 20.10.24 answers at ssh://teacher@lab.example", engine.Reason())
	assert.Equal(t, "lab.example", engine.backend.(*docker).at.Machine(), "where its ports are")
	require.NoError(t, engine.Close())
	words, err := os.ReadFile(said)
	require.NoError(t, err)
	assert.Contains(t, string(words), "docker system dial-stdio")
}

// A file of Testcontainers' own that names another engine changes nothing: the lab has one engine,
// not two.
func TestTestcontainersUseTheSameEngine(t *testing.T) {
	const inside = "PUBSUBLAB_TEST_INSIDE"
	if os.Getenv(inside) == "" {
		home := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(home, ".testcontainers.properties"), []byte("tc.host=tcp://127.0.0.1:1\n"), 0o600))
		command := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$") // its library reads the file once
		command.Env = append(os.Environ(), inside+"=1", "HOME="+home, "USERPROFILE="+home)
		output, err := command.CombinedOutput()
		require.NoError(t, err, "%s", output)
		return
	}
	cleanSettings(t)
	host := newFakeAPI().serve(t)
	d := meet(t, host)
	assert.Equal(t, host, d.provider.Client().DaemonHost())
	others, err := testcontainers.NewDockerProvider()
	require.NoError(t, err)
	assert.Equal(t, host, others.Client().DaemonHost())
	require.NoError(t, others.Close())
}

// cleanSettings is [enginetest.Clean] where nothing says what nodes are, either.
func cleanSettings(t *testing.T) string {
	t.Helper()
	t.Setenv(ModeVariable, "")
	return enginetest.Clean(t)
}
