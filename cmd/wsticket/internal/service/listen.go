package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"wsticket/cmd/wsticket/internal/config"
)

// Limits of the HTTP servers, against slow and large requests (ASVS 2.4.1).
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	maxHeaderBytes    = 16 << 10
	// A proxy passes on the headers that it has accepted from its client. If
	// net/http refused them, the proxy would treat that as a fault and log the
	// URL.
	maxInternalHeaderBytes = 64 << 10
)

// Listeners are the sockets of the service. They are bound before the start
// line is printed, so that its addresses are the real ones.
type Listeners struct {
	public, internal *net.TCPListener
	health           *net.TCPListener // nil if none is configured
}

// Listen binds the listeners. The caller closes them.
func Listen(ctx context.Context, cfg config.Config) (*Listeners, error) {
	var (
		lc net.ListenConfig
		l  Listeners
	)
	for _, socket := range []struct {
		key, addr string
		into      **net.TCPListener
	}{
		{"public.listen", cfg.Public.Listen, &l.public},
		{"internal.listen", cfg.Internal.Listen, &l.internal},
		{"health.listen", cfg.Health.Listen, &l.health},
	} {
		if socket.addr == "" {
			continue
		}
		bound, err := lc.Listen(ctx, "tcp", socket.addr)
		if err != nil {
			l.Close()
			return nil, bindFault(socket.key, socket.addr, err)
		}
		*socket.into = bound.(*net.TCPListener) //nolint:errcheck,forcetypeassert // What "tcp" listens with.
	}
	return &l, nil
}

// bindFault says why an address cannot be listened on.
func bindFault(key, addr string, err error) error {
	because := "cannot listen"
	for cause, text := range map[error]string{
		syscall.EADDRINUSE:    "another program listens there already: stop it, or write another port",
		syscall.EADDRNOTAVAIL: "this machine has no such address: write one that it has, or leave the host out for all of them",
		syscall.EACCES:        "this user may not listen on that port: write one above 1023",
	} {
		if errors.Is(err, cause) {
			because = text
		}
	}
	if _, unknown := errors.AsType[*net.DNSError](err); unknown {
		because = "there is no such host"
	}
	return &config.Fault{Key: key, Err: fmt.Errorf("%s (got %q)", because, addr)}
}

// Close closes all of them.
func (l *Listeners) Close() {
	for _, ln := range []*net.TCPListener{l.public, l.internal, l.health} {
		if ln != nil {
			_ = ln.Close()
		}
	}
}

// Public returns the address of the public listener.
func (l *Listeners) Public() net.Addr { return l.public.Addr() }

// Internal returns the address of the internal listener.
func (l *Listeners) Internal() net.Addr { return l.internal.Addr() }

// Announce prints the start line with the addresses that are bound.
func (l *Listeners) Announce(out io.Writer) error {
	line := struct {
		Event    string `json:"event"`
		Public   string `json:"public"`
		Internal string `json:"internal"`
		Health   string `json:"health,omitempty"`
	}{Event: "listening", Public: l.public.Addr().String(), Internal: l.internal.Addr().String()}
	if l.health != nil {
		line.Health = l.health.Addr().String()
	}
	if err := json.NewEncoder(out).Encode(line); err != nil {
		return fmt.Errorf("start line: %w", err)
	}
	return nil
}

func newServer(handler http.Handler, idle time.Duration, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: handler, ErrorLog: errorLog(log),
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout,
		WriteTimeout: writeTimeout, IdleTimeout: idle, MaxHeaderBytes: maxHeaderBytes,
		// "OPTIONS *" is for the router, which answers it like any unknown path.
		DisableGeneralOptionsHandler: true,
	}
}

func newInternalServer(handler http.Handler, idle time.Duration, log *slog.Logger) *http.Server {
	s := newServer(handler, idle, log)
	s.MaxHeaderBytes = maxInternalHeaderBytes
	return s
}
