package broker

import (
	"io"
	"net"
	"net/netip"
	"slices"
	"time"

	"pubsublab/protocol"
)

// network is what the limits count as one address.
type network struct {
	sessions int        // that are counted
	entering []*session // those of them that may still show a token, the oldest first
}

// networkOf returns what the limits count as the address of a connection's other side: an IPv4
// address, or the /64 of an IPv6 address, because one client has as many addresses in a /64 as it
// likes. Link-local addresses all share one /64, so each of them counts alone.
func networkOf(conn net.Conn) string {
	addr := conn.RemoteAddr().String()
	port, err := netip.ParseAddrPort(addr)
	if err != nil {
		return addr
	}
	ip := port.Addr().Unmap()
	if ip.Is6() && !ip.IsLinkLocalUnicast() {
		if prefix, err := ip.WithZone("").Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return ip.String()
}

// admit starts a session for a connection, or refuses it (P18). One over HTTP is not started, but
// returned: net/http serves it until its Link is closed.
func (b *Broker) admit(conn net.Conn, http bool) *session {
	from := networkOf(conn)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing {
		conn.Close()
		return nil
	}
	if why := b.limitLocked(from); why != "" {
		if http && len(b.refusing) < maxRefusing {
			return b.refuseRequestsLocked(conn, from, why)
		}
		b.refuseLocked(conn, why, http)
		return nil
	}
	n := b.networks[from]
	if n == nil {
		n = &network{}
		b.networks[from] = n
	}
	s := newSession(b, conn, from, http)
	b.sessions[s] = struct{}{}
	n.sessions++
	s.counted = true
	if b.cfg.MaxPerAddress > 0 && b.tokens {
		n.entering = append(n.entering, s)
	}
	b.feeding.Add(1)
	if http {
		b.all.Add(1)
		return s
	}
	b.all.Go(s.run)
	return nil
}

// limitLocked returns why there is no room for one more connection from an address; "" where there
// is.
func (b *Broker) limitLocked(from string) string {
	if b.cfg.MaxClients > 0 && len(b.sessions) >= b.cfg.MaxClients {
		return protocol.Full
	}
	n := b.networks[from]
	if n != nil && b.cfg.MaxPerAddress > 0 && n.sessions >= b.cfg.MaxPerAddress && !b.makeRoomLocked(n) {
		return protocol.ManyFromAddress
	}
	return ""
}

// makeRoomLocked makes room for a new connection, which may know a token, where an address has as
// many connections as it may have. It sends away the oldest one that has shown no token, and
// reports whether there was one.
func (b *Broker) makeRoomLocked(n *network) bool {
	if len(n.entering) == 0 {
		return false
	}
	oldest := n.entering[0]
	b.uncountLocked(oldest)
	oldest.kick(&mistake{protocol.ManyFromAddress})
	return true
}

// uncount no longer counts a session at its address: it has shown a token.
func (b *Broker) uncount(s *session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.uncountLocked(s)
}

// uncountLocked no longer counts a session at its address: it ends, or it has shown a token, so
// that the limit does not apply to it.
func (b *Broker) uncountLocked(s *session) {
	if !s.counted {
		return
	}
	s.counted = false
	n := b.networks[s.network]
	if i := slices.Index(n.entering, s); i >= 0 {
		n.entering = slices.Delete(n.entering, i, i+1)
	}
	if n.sessions--; n.sessions == 0 {
		delete(b.networks, s.network)
	}
}

// maxRefusing is how many connections beyond a limit are given the time to read why, so that a flood
// of them costs little.
const maxRefusing = 64

// refuseRequestsLocked starts a session over HTTP that is beyond a limit. It has time for a request:
// what asks how the broker is, is answered, so that a limit is not taken for a fault, and all else
// is refused (see Link.Refused).
func (b *Broker) refuseRequestsLocked(conn net.Conn, from, why string) *session {
	s := newSession(b, conn, from, true)
	s.refused, s.until, s.feeding = &mistake{why}, time.Now().Add(lingerTimeout), false
	LinkOf(s.conn).stall = lingerTimeout
	b.refusing[conn] = struct{}{}
	b.all.Add(1)
	return s
}

// refuseLocked refuses a connection for this reason.
func (b *Broker) refuseLocked(conn net.Conn, why string, http bool) {
	if len(b.refusing) >= maxRefusing {
		conn.SetWriteDeadline(time.Now().Add(time.Millisecond)) // there is room for a line
		io.WriteString(conn, refusal(why, http))
		conn.Close()
		return
	}
	b.refusing[conn] = struct{}{}
	clients := len(b.sessions)
	b.all.Go(func() {
		// A limit must not hide from a health check that something else is wrong.
		if err := b.journal.Health(); err != nil {
			why = unhealthy(err)
		}
		b.log.Warn("client refused", "addr", conn.RemoteAddr().String(), "reason", why, "clients", clients)
		refuse(conn, refusal(why, false))
		b.mu.Lock()
		delete(b.refusing, conn)
		b.mu.Unlock()
	})
}

// SetTokens replaces Config.Tokens. There must be tokens before and after. Connections that came in
// with a token that no longer counts are closed. They are told why, unless they are subscribers of
// a format that has no errors.
func (b *Broker) SetTokens(tokens []string) {
	b.auth.set(tokens)
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.sessions {
		if !b.auth.holds(s.token) {
			s.kick(errTokenGone)
		}
	}
}
