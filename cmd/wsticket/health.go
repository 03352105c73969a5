package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"
)

// healthTimeout bounds the question; Docker's own default is 30 s.
const healthTimeout = 3 * time.Second

type healthCmd struct {
	configFlags
}

// Run asks /readyz of the internal listener that the configuration names, of
// which nothing else is needed. It lets a container without a shell check
// itself.
func (c *healthCmd) Run(ctx context.Context, w world) error {
	cfg, err := c.loadFor(w, Config.validateInternal)
	if err != nil {
		return err
	}
	scheme := "http"
	if cfg.Internal.TLS.CertFile != "" {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(cfg.Internal.Listen)
	if err != nil {
		return fmt.Errorf("health: internal.listen: %w", err)
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
	// A transport of its own obeys no proxy variables. Which certificate this
	// machine shows to itself does not matter: nothing secret is asked or said,
	// and the one on the disk may be newer than that of the running service.
	res, err := (&http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
	}}).Do(req)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("health: not ready (status %d)", res.StatusCode)
	}
	_, err = fmt.Fprintln(w.Stdout, "ready")
	return err
}
