package jetstream

import (
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// connectOptions make a connection that comes back by itself, for as long as it
// takes, and hides nothing meanwhile: what cannot be sent fails.
func connectOptions(log *slog.Logger) []nats.Option {
	return []nats.Option{
		nats.Name("pubsublab"),
		nats.Timeout(2 * time.Second),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, 100*time.Millisecond),
		nats.ReconnectBufSize(-1),
		nats.IgnoreAuthErrorAbort(),
		// A server that hangs is given up after 9 seconds.
		nats.PingInterval(3 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.FlusherTimeout(5 * time.Second),
		nats.DisconnectErrHandler(func(nc *nats.Conn, err error) {
			if !nc.IsClosed() {
				log.Warn("lost the connection to NATS, publishers wait", "error", err)
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Debug("NATS reports an error", "error", err)
		}),
	}
}

// redact hides the passwords in a list of servers.
func redact(servers string) string {
	list := strings.Split(servers, ",")
	for i, server := range list {
		if u, err := url.Parse(strings.TrimSpace(server)); err == nil {
			list[i] = u.Redacted()
		}
	}
	return strings.Join(list, ",")
}
