package schedule

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/server/broker"
	"pubsublab/server/journal"
)

// host runs a broker as it is asked for until the test ends. cut tells, at the
// end, how many subscribers it has cut off for being slow.
func host(t *testing.T, wanted Broker) (h Host, cut func() int) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	doorstep := &doorstep{TCPListener: listener.(*net.TCPListener), small: wanted.CutSlow}
	var log bytes.Buffer // a TextHandler writes one line at a time
	config := func() broker.Config {
		cfg := broker.Config{
			Journal: journal.NewMemory(cmp.Or(wanted.History, 64<<20)),
			CutSlow: wanted.CutSlow,
			Log:     slog.New(slog.NewTextHandler(&log, nil)),
		}
		if wanted.TLS {
			cfg.TLS = &tls.Config{Certificates: vouched().TLS.Certificates}
		}
		return cfg
	}
	stop := start(t, config(), doorstep)
	h = Host{Addr: listener.Addr().String()}
	if wanted.TLS {
		roots := x509.NewCertPool()
		roots.AddCert(vouched().Certificate())
		h.TLS = &tls.Config{RootCAs: roots}
	}
	h.Restart = func() error {
		err := stop()
		doorstep.SetDeadline(time.Time{})
		stop = start(t, config(), doorstep)
		return err
	}
	return h, func() int {
		stop()
		return bytes.Count(log.Bytes(), []byte("reason=stalled"))
	}
}

// vouched has a certificate for 127.0.0.1.
var vouched = sync.OnceValue(func() *httptest.Server {
	server := httptest.NewTLSServer(nil)
	server.Close()
	return server
})

// doorstep is a listener that brokers serve one after the other. Who comes
// between two of them waits.
type doorstep struct {
	*net.TCPListener
	small bool // the system keeps little of what the clients do not take
}

func (d *doorstep) Accept() (net.Conn, error) {
	conn, err := d.AcceptTCP()
	if err == nil && d.small {
		err = conn.SetWriteBuffer(32 << 10)
	}
	return conn, err
}

// Close makes Accept return until there is another deadline.
func (d *doorstep) Close() error { return d.SetDeadline(time.Unix(1, 0)) }
