package main

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"

	"wsticket/internal/limit"
	"wsticket/internal/origin"
)

// shared is what the HTTP surface and the WebSocket endpoint must agree on.
type shared struct {
	origins   *origin.List
	hosts     *origin.Hosts
	publicURL *url.URL
	proxies   []netip.Prefix
	addresses *limit.Limiter
}

func newShared(cfg Config) (shared, error) {
	var s shared
	var err error
	if s.origins, err = origin.NewList(cfg.Origins); err != nil {
		return s, fmt.Errorf("origins: %w", err)
	}
	if cfg.Public.URL != "" {
		if s.publicURL, err = url.Parse(cfg.Public.URL); err != nil {
			return s, errors.New("public.url: not a URL")
		}
	}
	if s.hosts, err = origin.NewHosts(allowedHosts(cfg.Public, s.publicURL)); err != nil {
		return s, fmt.Errorf("public.hosts: %w", err)
	}
	for _, text := range cfg.Public.TrustedProxies {
		prefix, err := parsePrefix(text)
		if err != nil {
			return s, fmt.Errorf("public.trusted_proxies: %w", err)
		}
		s.proxies = append(s.proxies, prefix)
	}
	s.addresses = limit.New(cfg.Limits.PerAddress, limitKeys, nil)
	return s, nil
}

// allowedHosts are the configured ones, else that of the public URL, else
// the names of this machine to itself. No choice lets a foreign name in,
// which is what DNS rebinding needs.
func allowedHosts(cfg PublicConfig, public *url.URL) []string {
	switch {
	case len(cfg.Hosts) > 0:
		return cfg.Hosts
	case public != nil:
		return []string{public.Host}
	default:
		return loopbackNames()
	}
}

func loopbackNames() []string { return []string{"localhost", "127.0.0.1", "[::1]"} }
