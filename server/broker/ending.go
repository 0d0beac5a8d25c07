package broker

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"

	"pubsublab/protocol"
	"pubsublab/server/feed"
)

// Why a session ends, besides the errors of its connection.
var (
	errShutdown  = errors.New(protocol.ShuttingDown)
	errTakeover  = errors.New(protocol.TakenOver)
	errStalled   = errors.New("took nothing for too long")
	errTokenGone = &mistake{protocol.TokenGone}
	errCutOff    = errors.New("the input ended without terminate") // of a publisher with ack or run (P14, P15)
)

// speaksPlain reports whether a client seems to speak plain text where TLS is spoken: it has sent
// something that is not TLS, or it waits for the prompt. A client whose TLS handshake broke off
// does not count: if it were told so, it would not come back.
func speaksPlain(conn net.Conn, err error) bool {
	secure, ok := conn.(*tls.Conn)
	return ok && !secure.ConnectionState().HandshakeComplete &&
		(errors.As(err, new(tls.RecordHeaderError)) || errors.Is(err, os.ErrDeadlineExceeded))
}

// reason returns the protocol's word for why a registered session ended.
func reason(err error) protocol.Reason {
	switch {
	case err == nil:
		return protocol.ReasonTerminate
	case errors.Is(err, io.EOF):
		return protocol.ReasonEOF
	case errors.Is(err, errTakeover):
		return protocol.ReasonTakeover
	case errors.Is(err, errShutdown):
		return protocol.ReasonShutdown
	case errors.Is(err, errStalled), errors.Is(err, feed.ErrSlow):
		return protocol.ReasonStalled
	}
	return protocol.ReasonReset
}

// mistake is an error that the client has made, in words meant for the client.
type mistake struct{ text string }

func (m *mistake) Error() string { return m.text }

// closeMessage returns what a client is told at the end; "" is nothing.
func closeMessage(err error) string {
	var m *mistake
	switch {
	case errors.Is(err, errTakeover), errors.Is(err, errShutdown):
		return err.Error()
	case errors.As(err, &m):
		return m.text
	}
	return ""
}

// brokenPipe reports whether it is useless to wait for the client: its connection is broken, or it
// takes nothing.
func brokenPipe(err error) bool {
	switch reason(err) {
	case protocol.ReasonReset, protocol.ReasonStalled:
		var m *mistake
		return !errors.As(err, &m)
	}
	return false
}
