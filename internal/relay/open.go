package relay

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"time"

	"wsticket/internal/header"
	"wsticket/internal/upgrade"
)

// ErrUpstream is wrapped by the errors of [Relay.Open]: the application cannot
// be reached, does not answer in time, or sends a malformed answer.
var ErrUpstream = errors.New("upstream failed")

// errMalformedAnswer replaces the parse errors of net/http, which may quote
// the answer.
var errMalformedAnswer = errors.New("malformed answer")

const (
	// maxAnswerHeader is the largest header of an answer in bytes, including
	// the interim answers before it.
	maxAnswerHeader = 64 << 10
	// maxAnswers is the number of answers that are read for the final one. All
	// before it are interim answers (RFC 9110 15.2).
	maxAnswers = 5
)

// aLongTimeAgo is a deadline that makes pending and later calls fail at once.
func aLongTimeAgo() time.Time { return time.Unix(1, 0) }

// Open connects to the application, sends the handshake request out and
// returns the answer, which may also be a refusal. The caller must close it.
//
// The error wraps [ErrUpstream], and the error of ctx if ctx has ended. It
// contains nothing of the request or the answer, so that it may be logged.
func (r *Relay) Open(ctx context.Context, out *http.Request) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, r.options.HandshakeTimeout)
	defer cancel()
	conn, err := r.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: dial: %w", ErrUpstream, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(aLongTimeAgo()) })
	a := r.newAnswer(conn)
	err = a.exchange(out)
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		a.Close()
		return nil, fmt.Errorf("%w: handshake: %w", ErrUpstream, err)
	}
	a.limited.N = math.MaxInt64 // The limit is for the header only.
	return a, nil
}

// dial connects to the application, with TLS if the target requires it.
func (r *Relay) dial(ctx context.Context) (net.Conn, error) {
	// Keepalive is off because the tunnel configures it; see enableKeepalive.
	dialer := net.Dialer{Timeout: r.options.DialTimeout, KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, r.target.network, r.target.address)
	if err != nil || r.target.tls == nil {
		return conn, err
	}
	secure := tls.Client(conn, r.target.tls)
	ctx, cancel := context.WithTimeout(ctx, r.options.DialTimeout)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secure, nil
}

// exchange sends the request and reads the answer into a.response.
func (a *Answer) exchange(out *http.Request) error {
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s %s HTTP/1.1\r\nHost: %s\r\n", out.Method, out.URL.RequestURI(), out.Host)
	// Write replaces line breaks in values by spaces and skips invalid names.
	_ = upgrade.OnTheWire(out.Header).Write(&text)
	text.WriteString("\r\n")
	if _, err := a.conn.Write(text.Bytes()); err != nil {
		return err
	}
	for range maxAnswers {
		response, err := http.ReadResponse(a.reader, out) //nolint:bodyclose // Close closes the connection.
		if err != nil {
			return withoutQuotes(err)
		}
		if isInterim := response.StatusCode < 200 && response.StatusCode != http.StatusSwitchingProtocols; isInterim {
			continue
		}
		a.response = response
		if a.Switched() && !isAcceptance(response.Header, out.Header.Get("Sec-WebSocket-Key")) {
			return errMalformedAnswer
		}
		return nil
	}
	return errMalformedAnswer
}

// withoutQuotes returns network errors unchanged and replaces all others, which
// may quote the answer.
func withoutQuotes(err error) error {
	if _, ok := errors.AsType[net.Error](err); ok || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return errMalformedAnswer
}

// isAcceptance reports whether h, the header of a 101, accepts the handshake
// with this key. These are the checks of a client (RFC 6455 4.1).
func isAcceptance(h http.Header, key string) bool {
	protocols, accept := header.List(h["Upgrade"]), h["Sec-Websocket-Accept"]
	return len(protocols) == 1 && header.EqualFold(protocols[0], "websocket") &&
		header.ContainsFold(header.List(h["Connection"]), "upgrade") &&
		len(accept) == 1 && accept[0] == upgrade.AcceptKey(key)
}
