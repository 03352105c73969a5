package main

import (
	"fmt"

	"wsticket/cmd/wsticket/internal/config"
	"wsticket/cmd/wsticket/internal/edgeconf"
	"wsticket/cmd/wsticket/internal/service"
)

type printConfigCmd struct {
	config.Flags

	Upstream string `placeholder:"ADDR" help:"Host and port of the application, or http:// and these. Default: ws.upstream, or 127.0.0.1:9000."`
	Proxy    string `arg:"" enum:"nginx,traefik,traefik-static,caddy,haproxy,haproxy-lua,envoy,gateway-api,envoy-gateway" help:"nginx, traefik, caddy, haproxy or envoy, or gateway-api or envoy-gateway in Kubernetes; traefik-static and haproxy-lua print the second file that those two need."`
}

// Run prints the configuration of a proxy that asks a service with this
// configuration. It reads no secret and needs no issuer.
func (c *printConfigCmd) Run(w world) error {
	cfg, err := c.Load(w.Env, func(cfg config.Config) error { return service.CheckEdge(cfg) })
	if err != nil {
		return err
	}
	headers, err := service.IdentityHeaders(cfg)
	if err != nil {
		return fmt.Errorf("print-config: %w", err)
	}
	text, err := edgeconf.Render(c.Proxy, edgeconf.Settings{Config: cfg, Headers: headers, Upstream: c.Upstream})
	if err != nil {
		return fmt.Errorf("print-config: %w", err)
	}
	if len(cfg.AuthPeers()) == 0 && c.Proxy != "traefik-static" && c.Proxy != "haproxy-lua" {
		_ = say(w.Stderr, "warning: internal.forward_auth_peers (default: public.trusted_proxies) is empty: add the address of the proxy, because wsticket answers only the proxies in it")
	}
	_, err = fmt.Fprint(w.Stdout, text)
	return err
}
