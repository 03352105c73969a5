package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"
)

// edgeFiles are the configurations of proxies, as templates. What print-config
// makes of them for the default settings stands under deploy/.
//
//go:embed edge
var edgeFiles embed.FS

// edgeNames are the files of each word that print-config takes.
func edgeNames() map[string]string {
	return map[string]string{
		"nginx": "nginx.conf", "caddy": "Caddyfile", "envoy": "envoy.yaml",
		"traefik": "traefik.yml", "traefik-static": "traefik-static.yml",
		"haproxy": "haproxy.cfg", "haproxy-lua": "wsticket.lua",
	}
}

type printConfigCmd struct {
	configFlags

	Upstream string `placeholder:"ADDR" help:"Host and port of the application, or http:// and these. Default: ws.upstream, or 127.0.0.1:9000."`
	Proxy    string `arg:"" enum:"nginx,traefik,traefik-static,caddy,haproxy,haproxy-lua,envoy" help:"nginx, traefik, caddy, haproxy or envoy; traefik-static and haproxy-lua are what those two need beside it."`
}

// Run prints how a proxy has to be configured that asks a service with this
// configuration. No secret is read for it, and no issuer needed.
func (c *printConfigCmd) Run(_ context.Context, w world) error {
	cfg, err := c.loadFor(w, Config.validateEdge)
	if err != nil {
		return err
	}
	e, err := newEdge(cfg, c.Upstream)
	if err != nil {
		return fmt.Errorf("print-config: %w", err)
	}
	text, err := e.render(edgeNames()[c.Proxy])
	if err != nil {
		return fmt.Errorf("print-config: %w", err)
	}
	if len(cfg.Public.TrustedProxies) == 0 && !strings.Contains(c.Proxy, "-") {
		_, _ = fmt.Fprintln(w.Stderr, "warning: public.trusted_proxies is empty: forward auth is answered to proxies in it only")
	}
	_, err = fmt.Fprint(w.Stdout, text)
	return err
}

// validateEdge finds the faults of what the templates print.
func (c Config) validateEdge() error {
	var f faults
	c.Public.validate(&f)
	c.Internal.validate(&f)
	c.WS.validate(&f)
	if err := forwarderOptions(c, nil).Validate(); err != nil {
		f = append(f, err)
	}
	f.check(c.Internal.TLS.CertFile == "", "internal.tls: print-config knows an internal listener without TLS only, on the proxy's machine or in a network that is theirs alone")
	f.check(c.Public.TLS.CertFile == "", "public.tls: print-config knows a public listener without TLS only, because the proxy ends TLS")
	return errors.Join(f...)
}
