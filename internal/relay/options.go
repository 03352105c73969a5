package relay

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"wsticket/internal/maskurl"
)

// The defaults of [Options].
const (
	DefaultDialTimeout      = 5 * time.Second
	DefaultHandshakeTimeout = 10 * time.Second
	DefaultWriteTimeout     = 10 * time.Second
	DefaultLinger           = time.Second
)

// Options are the settings of a [Relay]. Durations and sizes must not be
// negative.
type Options struct {
	// Upstream is the address of the application: "http://host:port",
	// "https://host:port" or "unix:/path". The port defaults to 80 for http
	// and to 443 for https. Required.
	Upstream string
	// TLSConfig is used if Upstream is an https address. By default the
	// certificate is verified against the system's certificate authorities and
	// the host name in Upstream.
	TLSConfig *tls.Config

	// DialTimeout limits the time to connect to the application, and then the
	// time of the TLS handshake. Default: 5 s.
	DialTimeout time.Duration
	// HandshakeTimeout limits the time from the start of dialing until the
	// header of the application's answer has been read. Default: 10 s.
	HandshakeTimeout time.Duration
	// WriteTimeout is how long a write to a peer may make no progress before
	// the tunnel is cut. Default: 10 s.
	WriteTimeout time.Duration
	// IdleTimeout is how long neither peer may send a byte before the tunnel
	// is closed with code 1001. 0: no limit.
	IdleTimeout time.Duration
	// Ping is how long the client may send nothing before the relay sends it a
	// Ping frame. A client that then sends nothing for the same time again is
	// considered gone, and its tunnel is cut. 0: no pings.
	Ping time.Duration
	// Linger is how long a tunnel may remain open after it has begun to close.
	// Then it is cut. Default: 1 s.
	Linger time.Duration
	// Vanished returns the Close frame for the client of a tunnel whose application
	// has gone away without one, between two frames. The code 0 is none: the client
	// sees 1006. Default: none.
	Vanished func() (code uint16, reason string)
	// MaxMessage limits the payload of a message from the client, in bytes and
	// summed over its fragments. The size on the wire counts, which is the
	// compressed size if client and application have negotiated compression. A
	// larger message closes the tunnel with code 1009. 0: no limit.
	MaxMessage int64
}

// target is the address at which the application listens.
type target struct {
	network, address string
	tls              *tls.Config // nil: no TLS
}

// New returns a Relay for the application at o.Upstream. The error says that
// Upstream is invalid; the other options are not checked. New does not connect.
func New(o Options) (*Relay, error) {
	t, ok := parseUpstream(o.Upstream, o.TLSConfig)
	if !ok {
		return nil, fmt.Errorf("must be http://host:port, https://host:port or unix:/path (got %q)%s", maskurl.Hide(o.Upstream), repair(o.Upstream))
	}
	o.DialTimeout = cmp.Or(o.DialTimeout, DefaultDialTimeout)
	o.HandshakeTimeout = cmp.Or(o.HandshakeTimeout, DefaultHandshakeTimeout)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, DefaultWriteTimeout)
	o.Linger = cmp.Or(o.Linger, DefaultLinger)
	return &Relay{options: o, target: t}, nil
}

// parseUpstream parses [Options.Upstream] and reports whether it is valid.
// Anything besides scheme, host and port is an error: a path, for example,
// would be ignored, because requests have their own.
func parseUpstream(text string, config *tls.Config) (target, bool) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		return target{network: "unix", address: path}, strings.HasPrefix(path, "/")
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || text != u.Scheme+"://"+u.Host {
		return target{}, false
	}
	t := target{network: "tcp", address: u.Host}
	port := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	if u.Port() == "" {
		t.address = net.JoinHostPort(u.Hostname(), port)
	}
	if u.Scheme == "https" {
		t.tls = clientConfig(config, u.Hostname())
	}
	return t, port != ""
}

// repair says what to write in place of an upstream that lacks its scheme, has
// that of a WebSocket, or a path.
func repair(text string) string {
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		scheme, rest = "http", text
	}
	host, _, _ := strings.Cut(rest, "/")
	fixed := strings.Replace(scheme, "ws", "http", 1) + "://" + host
	if _, ok := parseUpstream(fixed, nil); !ok {
		return ""
	}
	return ": write " + fixed
}

// clientConfig returns a copy of config, which may be nil, completed for
// connections to host.
func clientConfig(config *tls.Config, host string) *tls.Config {
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	config = config.Clone()
	if config.ServerName == "" {
		config.ServerName = host
	}
	// A WebSocket handshake is an HTTP/1.1 request (RFC 6455 4.1).
	config.NextProtos = []string{"http/1.1"}
	return config
}
