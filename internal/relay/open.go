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
	"strings"
	"time"

	"wsticket/internal/handshake"
)

// ErrUpstream is that the application cannot be reached, does not answer in
// time, or answers what is no HTTP or no acceptance of the handshake.
var ErrUpstream = errors.New("upstream failed")

// errAnswer stands for what net/http says of a malformed answer, which may
// quote it.
var errAnswer = errors.New("malformed answer")

const (
	// maxAnswerHeader bounds the header of an answer in bytes, with those of
	// interim answers before it.
	maxAnswerHeader = 64 << 10
	// maxInterim is how many interim answers (RFC 9110 15.2) may come first.
	maxInterim = 5
)

// longAgo as a deadline ends what waits at once.
func longAgo() time.Time { return time.Unix(1, 0) }

// Open connects to the application, sends out and returns its answer, which
// the caller has to close. The error wraps [ErrUpstream], and the error of ctx
// where that has ended; it holds nothing of the request or the answer.
func (r *Relay) Open(ctx context.Context, out *http.Request) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, r.options.HandshakeTimeout)
	defer cancel()
	conn, err := r.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: dial: %w", ErrUpstream, err)
	}
	callOff := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(longAgo()) })
	a := r.newAnswer(conn)
	err = a.exchange(out)
	if !callOff() {
		err = ctx.Err()
	}
	if err != nil {
		a.Close()
		return nil, fmt.Errorf("%w: handshake: %w", ErrUpstream, err)
	}
	a.limit.N = math.MaxInt64
	return a, nil
}

// dial connects, and speaks TLS where that is wanted.
func (r *Relay) dial(ctx context.Context) (net.Conn, error) {
	// Its tunnel sets keepalive.
	dialer := net.Dialer{Timeout: r.options.DialTimeout, KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, r.to.network, r.to.address)
	if err != nil || r.to.tls == nil {
		return conn, err
	}
	secure := tls.Client(conn, r.to.tls)
	ctx, cancel := context.WithTimeout(ctx, r.options.DialTimeout)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secure, nil
}

// exchange sends the request and reads the answer.
func (a *Answer) exchange(out *http.Request) error {
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s %s HTTP/1.1\r\nHost: %s\r\n", out.Method, out.URL.RequestURI(), out.Host)
	// It makes blanks of line breaks, and leaves out what is no name.
	_ = onTheWire(out.Header).Write(&text)
	text.WriteString("\r\n")
	if _, err := a.conn.Write(text.Bytes()); err != nil {
		return err
	}
	for range maxInterim {
		response, err := http.ReadResponse(a.reader, out) //nolint:bodyclose // Close closes the connection.
		if err != nil {
			return withoutQuotes(err)
		}
		if isInterim := response.StatusCode < 200 && response.StatusCode != http.StatusSwitchingProtocols; isInterim {
			continue
		}
		a.response = response
		if a.Switched() && !accepts(response.Header, out.Header.Get("Sec-WebSocket-Key")) {
			return errAnswer
		}
		return nil
	}
	return errAnswer
}

// withoutQuotes keeps what the network says.
func withoutQuotes(err error) error {
	if _, ok := errors.AsType[net.Error](err); ok || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return errAnswer
}

// accepts checks an answer 101 as a client does (RFC 6455 4.1).
func accepts(h http.Header, key string) bool {
	protocols, accept := handshake.ListOf(h["Upgrade"]), h["Sec-Websocket-Accept"]
	return len(protocols) == 1 && strings.EqualFold(protocols[0], "websocket") &&
		handshake.ContainsFold(handshake.ListOf(h["Connection"]), "upgrade") &&
		len(accept) == 1 && accept[0] == handshake.AcceptKey(key)
}
