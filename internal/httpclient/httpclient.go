// Package httpclient makes the one kind of HTTP client with which this module
// asks other services: for keys of issuers, for sessions, for redemptions.
//
// A client obeys no proxy variables of the environment, follows no redirect,
// keeps no cookies, asks for no compression (so that a limit on a body counts
// what is unpacked), speaks TLS 1.2 or later, and bounds the time to connect
// and the headers of a response. The caller bounds the whole request by its
// context, and the body by reading no more than it wants.
package httpclient

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// Defaults of [Options].
const (
	DefaultConnectTimeout = 2 * time.Second
	DefaultIdleTimeout    = 30 * time.Second
	DefaultMaxHeader      = 64 << 10
)

// Options are the settings of a client. The zero value makes a client that
// opens a connection for each request.
type Options struct {
	// Dial connects to an address, such as [Guard.Dial]. Default: a
	// [net.Dialer] with ConnectTimeout.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// TLS is copied, and raised to TLS 1.2 where it allows less. Default: the
	// authorities of the system.
	TLS *tls.Config
	// ConnectTimeout bounds an attempt to connect, and after it the TLS
	// handshake. net/http goes on with both when the request has been given
	// up, so that the context of a request does not end them. Default 2 s.
	ConnectTimeout time.Duration
	// MaxHeader bounds the headers of a response in bytes. Default 64 KiB.
	MaxHeader int64
	// MaxConns bounds the connections to one host. Default: no bound.
	MaxConns int
	// MaxIdle is how many connections to one host are kept for the next
	// request. Default: none.
	MaxIdle int
	// IdleTimeout is how long such a connection is kept. Default 30 s.
	IdleTimeout time.Duration
}

// New returns a client, which is safe for concurrent use. Where MaxIdle is set,
// the caller ends it by CloseIdleConnections.
func New(o Options) *http.Client {
	timeout := cmp.Or(o.ConnectTimeout, DefaultConnectTimeout)
	dial := o.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: timeout}).DialContext
	}
	config := o.TLS.Clone()
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            dial,
			TLSClientConfig:        config,
			TLSHandshakeTimeout:    timeout,
			DisableCompression:     true,
			DisableKeepAlives:      o.MaxIdle == 0,
			MaxConnsPerHost:        o.MaxConns,
			MaxIdleConnsPerHost:    o.MaxIdle,
			IdleConnTimeout:        cmp.Or(o.IdleTimeout, DefaultIdleTimeout),
			MaxResponseHeaderBytes: cmp.Or(o.MaxHeader, DefaultMaxHeader),
		},
	}
}
