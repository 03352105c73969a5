package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"wsticket/cmd/wsticket/internal/config"
	"wsticket/internal/httpclient"
	"wsticket/internal/netcause"
)

// healthTimeout bounds the request. Docker's own default is 30 s.
const healthTimeout = 3 * time.Second

type healthCmd struct {
	config.Flags
}

// Run asks /readyz of the internal listener. It reads only that address from
// the configuration. A container without a shell can use it as its health
// check.
func (c *healthCmd) Run(ctx context.Context, w world) error {
	cfg, err := c.Load(w.Env, func(cfg config.Config) error { return config.Only(cfg.Validate(), "internal") })
	if err != nil {
		return err
	}
	scheme := "http"
	if cfg.Internal.TLS.CertFile != "" {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(cfg.Internal.Listen)
	if err != nil {
		return fmt.Errorf("health: internal.listen: %w", config.CheckListen(cfg.Internal.Listen))
	}
	if addr := net.ParseIP(host); host == "" || addr.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	// The certificate does not matter: the machine asks itself, nothing secret is
	// sent or received, and the file may be newer than what the service shows.
	res, err := httpclient.New(httpclient.Options{
		TLS: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
	}).Do(req)
	if err != nil {
		return fmt.Errorf("health: no wsticket answers at %s: %s (internal.listen of --config, or --internal, says where to ask)", net.JoinHostPort(host, port), netcause.Describe(err))
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("health: not ready (status %d)", res.StatusCode)
	}
	_, err = fmt.Fprintln(w.Stdout, "ready")
	return err
}
