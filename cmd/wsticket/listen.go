package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"
)

// Limits of the HTTP servers, against slow and large requests (ASVS 2.4.1).
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 60 * time.Second
	maxHeaderBytes    = 16 << 10
	// A proxy that asks hands on what it has accepted of its client. An answer
	// of net/http itself would be a fault to it, which it logs with the URL.
	maxInternalHeaderBytes = 64 << 10
	shutdownTimeout        = 10 * time.Second
)

// listeners are the two sockets of the service. They are bound before
// anything is announced, so that the start line tells no lie.
type listeners struct{ public, internal net.Listener }

func bind(ctx context.Context, cfg Config) (*listeners, error) {
	var lc net.ListenConfig
	public, err := lc.Listen(ctx, "tcp", cfg.Public.Listen)
	if err != nil {
		return nil, fmt.Errorf("public.listen: %w", err)
	}
	internal, err := lc.Listen(ctx, "tcp", cfg.Internal.Listen)
	if err != nil {
		_ = public.Close()
		return nil, fmt.Errorf("internal.listen: %w", err)
	}
	return &listeners{public, internal}, nil
}

func (l *listeners) close() {
	_ = l.public.Close()
	_ = l.internal.Close()
}

// secure puts TLS on the listeners whose configuration has a certificate.
func (l *listeners) secure(cfg Config) error {
	var err error
	if l.public, err = withTLS(l.public, cfg.Public.TLS.CertFile, cfg.Public.TLS.KeyFile, ""); err != nil {
		return fmt.Errorf("public.tls: %w", err)
	}
	tls := cfg.Internal.TLS
	if l.internal, err = withTLS(l.internal, tls.CertFile, tls.KeyFile, tls.ClientCAFile); err != nil {
		return fmt.Errorf("internal.tls: %w", err)
	}
	return nil
}

func withTLS(ln net.Listener, certFile, keyFile, clientCAFile string) (net.Listener, error) {
	if certFile == "" {
		return ln, nil
	}
	cfg, err := tlsConfig(certFile, keyFile, clientCAFile)
	if err != nil {
		return ln, err
	}
	return tls.NewListener(ln, cfg), nil
}

// tlsConfig reads a server certificate and, where one is named, the authority
// of the clients. A client need not show a certificate, for it may have a key,
// or ask for health only; one that it shows must be of that authority.
func tlsConfig(certFile, keyFile, clientCAFile string) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	// WebSockets need HTTP/1.1, so nothing else is offered.
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}
	if clientCAFile == "" {
		return cfg, nil
	}
	text, err := os.ReadFile(clientCAFile)
	if err != nil {
		return nil, fmt.Errorf("client_ca_file: %w", err)
	}
	cfg.ClientCAs, cfg.ClientAuth = x509.NewCertPool(), tls.VerifyClientCertIfGiven
	if !cfg.ClientCAs.AppendCertsFromPEM(text) {
		return nil, errors.New("client_ca_file: no certificate in it")
	}
	return cfg, nil
}

// announce prints the start line: the addresses that are really bound.
func (l *listeners) announce(out io.Writer) error {
	return json.NewEncoder(out).Encode(struct {
		Event    string `json:"event"`
		Public   string `json:"public"`
		Internal string `json:"internal"`
	}{"listening", l.public.Addr().String(), l.internal.Addr().String()})
}

func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: handler, ErrorLog: errorLog(log),
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout,
		WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		// "OPTIONS *" is for the router, which answers it like any unknown path.
		DisableGeneralOptionsHandler: true,
	}
}

func newInternalServer(handler http.Handler, log *slog.Logger) *http.Server {
	s := newServer(handler, log)
	s.MaxHeaderBytes = maxInternalHeaderBytes
	return s
}

// drain ends the WebSockets, of which net/http no longer knows, over a window.
type drain struct {
	window time.Duration
	stop   func(context.Context) error
}

// serveUntil runs both servers until ctx ends or one of them fails, and then
// stops both: no new connection, and the window and shutdownTimeout for what is
// under way. The internal one goes last, so that the drain can be watched.
func (l *listeners) serveUntil(ctx context.Context, public, internal *http.Server, sockets drain) error {
	failed := make(chan error, 2) // one for each server, so that neither blocks
	go func() { failed <- public.Serve(l.public) }()
	go func() { failed <- internal.Serve(l.internal) }()
	var fault error
	select {
	case <-ctx.Done():
	case fault = <-failed:
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sockets.window+shutdownTimeout)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- sockets.stop(ctx) }() // ends soon after ctx
	err := errors.Join(public.Shutdown(ctx), <-drained, internal.Shutdown(ctx))
	if fault != nil {
		return fmt.Errorf("serve: %w", fault)
	}
	if err != nil {
		return fmt.Errorf("shutdown: %w", err)
	}
	return nil
}
