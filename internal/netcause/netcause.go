// Package netcause says in plain words why another service could not be
// reached.
package netcause

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"

	"wsticket/internal/httpclient"
)

// Describe returns the cause of an error of a client, such as "connection
// refused". Its texts are fixed: they hold no address and nothing that the peer
// or a library says.
func Describe(err error) string {
	if cause := describeTLS(err); cause != "" {
		return cause
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return describeDNS(dns)
	}
	for _, known := range causes {
		if errors.Is(err, known.err) {
			return known.text
		}
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return noAnswer
	}
	if strings.HasSuffix(err.Error(), serverClosedIdle) {
		return brokenOff
	}
	return "no connection"
}

// serverClosedIdle is how net/http says, by an error of its own that it does not
// export, that the peer hung up before a request was sent.
const serverClosedIdle = "http: server closed idle connection"

const noAnswer = "no answer in time"

// causes are looked through in order.
var causes = []struct {
	err  error
	text string
}{
	{httpclient.ErrBlocked, "the name has no address that may be asked: all are loopback, private or special"},
	{syscall.ECONNREFUSED, "connection refused"},
	{syscall.EHOSTUNREACH, "no route to the host"},
	{syscall.ENETUNREACH, "no route to the network"},
	{context.DeadlineExceeded, noAnswer},
	{os.ErrDeadlineExceeded, noAnswer},
	{context.Canceled, "given up"},
	{http.ErrSchemeMismatch, "TLS: the server speaks plain HTTP at this port"},
	{syscall.ECONNRESET, brokenOff},
	{syscall.EPIPE, brokenOff},
	{io.EOF, brokenOff},
	{io.ErrUnexpectedEOF, brokenOff},
	{net.ErrClosed, brokenOff},
}

const brokenOff = "the connection was broken off"

func describeDNS(err *net.DNSError) string {
	switch {
	case err.IsNotFound:
		return "DNS: the name does not exist"
	case err.IsTimeout:
		return "DNS: no answer in time"
	default:
		return "DNS: the name cannot be looked up"
	}
}

// describeTLS returns "" if the error is not of a handshake.
func describeTLS(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "TLS: the certificate is of an authority that is not known here"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "TLS: the certificate is for another name"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired {
			return "TLS: the certificate has expired or is not valid yet"
		}
		return "TLS: the certificate is not valid"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "TLS: the certificate is not valid"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "TLS: the server does not speak TLS at this port"
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return "TLS: the server refuses the handshake"
	}
	if alert, ok := errors.AsType[*net.OpError](err); ok && alert.Op == "remote error" {
		return "TLS: the server refuses the handshake"
	}
	return ""
}
