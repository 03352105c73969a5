package relay

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
)

// The defaults of [Options].
const (
	DefaultDialTimeout      = 5 * time.Second
	DefaultHandshakeTimeout = 10 * time.Second
	DefaultWriteTimeout     = 10 * time.Second
	DefaultLinger           = time.Second
)

// Options are the settings of a [Relay].
type Options struct {
	// Upstream is the application: "http://host:port", "https://host:port" or
	// "unix:/path". The port may be left out where it is that of the scheme.
	// Required.
	Upstream string
	// TLSConfig is for an Upstream with https. Nil: the system's authorities,
	// and the host of Upstream as the name.
	TLSConfig *tls.Config

	// DialTimeout bounds the connecting. Default: 5 s.
	DialTimeout time.Duration
	// HandshakeTimeout bounds the time from dialling to the header of the
	// answer. Default: 10 s.
	HandshakeTimeout time.Duration
	// WriteTimeout is how long a peer may take nothing of what is sent to it
	// until its tunnel is cut. Default: 10 s.
	WriteTimeout time.Duration
	// IdleTimeout is after how long without a byte from either side a tunnel
	// is closed with 1001. 0: never.
	IdleTimeout time.Duration
	// Ping is after how long without a byte from the client a Ping is put
	// between two frames to it. Where nothing came for as long again, the
	// client is gone, and its tunnel is cut. 0: no pings.
	Ping time.Duration
	// Linger is how long a tunnel may last that is being closed. Default: 1 s.
	Linger time.Duration
	// MaxMessage bounds the payload of a message from the client in bytes, as
	// it is on the wire, which is compressed where client and application have
	// agreed on that, and over all its fragments. A larger one is close code
	// 1009. 0: no bound.
	MaxMessage int64
}

// target is where an application listens.
type target struct {
	network, address string
	tls              *tls.Config // nil: none
}

// New returns a Relay, or an error that lists every fault of o.
func New(o Options) (*Relay, error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf("relay: "+format, args...)) }
	to, ok := parseUpstream(o.Upstream, o.TLSConfig)
	if !ok {
		fault("upstream: must be http://host:port, https://host:port or unix:/path (got %q)", o.Upstream)
	}
	for _, d := range []struct {
		name  string
		value *time.Duration
		usual time.Duration
	}{
		{"dial timeout", &o.DialTimeout, DefaultDialTimeout},
		{"handshake timeout", &o.HandshakeTimeout, DefaultHandshakeTimeout},
		{"write timeout", &o.WriteTimeout, DefaultWriteTimeout},
		{"idle timeout", &o.IdleTimeout, 0},
		{"ping", &o.Ping, 0},
		{"linger", &o.Linger, DefaultLinger},
	} {
		if *d.value < 0 {
			fault("%s: must be positive (got %s)", d.name, *d.value)
		}
		if *d.value == 0 {
			*d.value = d.usual
		}
	}
	if o.MaxMessage < 0 {
		fault("max message: must be positive (got %d)", o.MaxMessage)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return &Relay{options: o, to: to}, nil
}

// parseUpstream is false where text is more or less than an address: a path,
// say, would be one that requests do not have.
func parseUpstream(text string, config *tls.Config) (target, bool) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		return target{network: "unix", address: path}, strings.HasPrefix(path, "/")
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || text != u.Scheme+"://"+u.Host {
		return target{}, false
	}
	to := target{network: "tcp", address: u.Host}
	port := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	if u.Port() == "" {
		to.address = net.JoinHostPort(u.Hostname(), port)
	}
	if u.Scheme == "https" {
		to.tls = clientConfig(config, u.Hostname())
	}
	return to, port != ""
}

func clientConfig(config *tls.Config, host string) *tls.Config {
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	config = config.Clone()
	if config.ServerName == "" {
		config.ServerName = host
	}
	// WebSockets are upgraded from HTTP/1.1 (RFC 6455 4.1).
	config.NextProtos = []string{"http/1.1"}
	return config
}
