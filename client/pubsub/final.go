package pubsub

import (
	"crypto/tls"
	"errors"
	"net"
	"slices"

	"pubsublab/protocol"
)

// mayPass reports whether an error of connecting, or of a connection, may pass by itself, so that
// it is useful to try the same server again. Only this function decides that. Which other server to
// try is not decided here.
func mayPass(err error) bool {
	var refusal *protocol.Refusal
	var untrusted *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	switch {
	case errors.As(err, &refusal):
		return refusal.Temporary()
	case errors.Is(err, ErrNotAServer), errors.As(err, &untrusted), errors.As(err, &plain):
		return false
	}
	return !refusedByTLS(err)
}

// takenOver reports whether another connection has taken the name over (P5).
func takenOver(err error) bool {
	var refusal *protocol.Refusal
	return errors.As(err, &refusal) && refusal.Text == protocol.TakenOver
}

// finalAlerts are the TLS alerts by which a server reports that it does not speak with this client
// as it is: no common version or cipher, no certificate or a wrong one, an unknown name (RFC 8446,
// 6.2). Other alerts report damage on the way.
var finalAlerts = []tls.AlertError{40, 42, 43, 44, 45, 46, 48, 49, 70, 71, 112, 116}

// refusedByTLS reports whether the server ended the connection by such an alert. What crypto/tls
// returns then is of a type of its own, with the words of an AlertError.
func refusedByTLS(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error" &&
		slices.ContainsFunc(finalAlerts, func(a tls.AlertError) bool { return a.Error() == op.Err.Error() })
}
