package main

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"wsticket/internal/origin"
	"wsticket/internal/relay"
	"wsticket/ticket"
	"wsticket/ws"
)

// Validate lists every fault of the configuration, each with its key and
// value. It is pure: no file is opened and no name resolved.
func (c Config) Validate() error {
	var f faults
	c.Public.validate(&f)
	c.Internal.validate(&f)
	c.Ticket.validate(&f)
	c.validateIssuers(&f)
	c.validateSession(&f)
	c.validateIdentity(&f)
	c.WS.validate(&f)
	c.validateCookie(&f)
	c.Limits.validate(&f)
	c.validateStore(&f)
	if _, err := origin.NewList(c.Origins); err != nil {
		f.add("origins: %w", err)
	}
	f.check(slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level), "log.level: must be debug, info, warn or error (got %q)", c.Log.Level)
	f.check(slices.Contains([]string{"json", "text"}, c.Log.Format), "log.format: must be json or text (got %q)", c.Log.Format)
	c.validateMissing(&f)
	return errors.Join(f...)
}

// faults collects what is wrong.
type faults []error

func (f *faults) add(format string, args ...any) { *f = append(*f, fmt.Errorf(format, args...)) }

func (f *faults) check(ok bool, format string, args ...any) {
	if !ok {
		f.add(format, args...)
	}
}

func (p PublicConfig) validate(f *faults) {
	f.check(p.Listen != "", "public.listen: must not be empty")
	if p.URL != "" {
		u, err := url.Parse(p.URL)
		ok := err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" &&
			u.User == nil && (u.Path == "" || u.Path == "/") && u.RawQuery == "" && u.Fragment == ""
		f.check(ok, "public.url: must be http(s)://host[:port] and nothing more (got %q)", p.URL)
	}
	if _, err := origin.NewHosts(p.Hosts); err != nil {
		f.add("public.hosts: %w", err)
	}
	for _, text := range p.TrustedProxies {
		_, err := parsePrefix(text)
		f.check(err == nil, "public.trusted_proxies: must be addresses or prefixes (got %q)", text)
	}
	f.check((p.TLS.CertFile == "") == (p.TLS.KeyFile == ""), "public.tls: cert_file and key_file go together")
}

func (t TicketConfig) validate(f *faults) {
	f.check(t.TTL >= ticket.MinTTL && t.TTL <= ticket.MaxTTL, "ticket.ttl: must be 5s..60s (got %s)", t.TTL)
	f.check(t.Retention >= time.Second && t.Retention <= 24*time.Hour, "ticket.retention: must be 1s..24h (got %s)", t.Retention)
	f.check(t.RetryWindow >= 0 && t.RetryWindow <= 10*time.Second, "ticket.retry_window: must be 0s..10s (got %s)", t.RetryWindow)
	f.check(len(t.Audiences) > 0 && !slices.Contains(t.Audiences, ""), "ticket.audiences: must name at least one, and no empty one")
}

// validateIssuers leaves the judgement to the room that it is about.
func (c Config) validateIssuers(f *faults) {
	f.check(len(c.Issuers) > 0 || c.Session.LookupURL != "", "issuers: must name at least one, where there is no session.lookup_url")
	if err := authOptions(c, nil).Validate(); err != nil {
		*f = append(*f, err)
	}
}

func (w WSConfig) validate(f *faults) {
	path := regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`)
	f.check(path.MatchString(w.Path), "ws.path: must be a plain path such as /ws (got %q)", w.Path)
	for _, taken := range []string{"/ws-ticket", "/.well-known", "/backchannel-logout"} {
		f.check(w.Path != taken && !strings.HasPrefix(w.Path, taken+"/"), "ws.path: is taken (got %q)", w.Path)
	}
	for _, door := range w.Doors {
		f.check(slices.Contains(allDoors(), door), "ws.doors: no such door (got %q)", door)
	}
	f.check(len(w.Doors) > 0, "ws.doors: must name at least one")
	name := regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)
	f.check(name.MatchString(w.TicketParameter) && w.TicketParameter != "access_token", "ws.ticket_parameter: must be lower-case letters, digits, - and _, and not access_token (got %q)", w.TicketParameter)
	f.check(w.MaxMessage >= 125, "ws.max_message: must be at least 125 (got %s)", w.MaxMessage)
	f.check(w.AuthTimeout > 0 && w.AuthTimeout <= time.Minute, "ws.auth_timeout: must be more than 0s and at most 1m (got %s)", w.AuthTimeout)
	f.check(w.DrainWindow >= 0 && w.DrainWindow <= 10*time.Minute, "ws.drain_window: must be 0s..10m (got %s)", w.DrainWindow)
	if w.Upstream != "" {
		if _, err := relay.New(relay.Options{Upstream: w.Upstream}); err != nil {
			f.add("ws.upstream: must be http://host:port, https://host:port or unix:/path (got %q)", w.Upstream)
		}
	}
	f.check(w.IdleTimeout >= 0, "ws.idle_timeout: must not be negative (got %s)", w.IdleTimeout)
	f.check(w.Ping >= 0, "ws.ping: must not be negative (got %s)", w.Ping)
}

func (l LimitsConfig) validate(f *faults) {
	f.check(l.Unauthenticated > 0, "limits.unauthenticated: must be positive (got %d)", l.Unauthenticated)
	f.check(l.UnauthenticatedAddr > 0, "limits.unauthenticated_per_address: must be positive (got %d)", l.UnauthenticatedAddr)
}

// validateMissing refuses what this version cannot do. Whoever asks for it
// relies on it, so passing over it in silence would be worse than not to
// start.
func (c Config) validateMissing(f *faults) {
	for _, feature := range []struct {
		key   string
		asked bool
	}{
		{"database.url", c.Database.URL.Reveal() != ""},
		{"ws.max_connections_per_subject", c.WS.MaxConnections != 0},
	} {
		f.check(!feature.asked, "%s: is not available in this version", feature.key)
	}
}

// validateCookie wants sessions for the cookie door. Who names every door, as
// the default does, means those that there are.
func (c Config) validateCookie(f *faults) {
	asked := slices.Contains(c.WS.Doors, "cookie") && !slices.Equal(c.WS.Doors, allDoors())
	f.check(!asked || c.Session.Cookie != "", "ws.doors: cookie needs session.cookie")
}

// openDoors leaves the cookie door out where there are no sessions.
func (c Config) openDoors() []ws.Door {
	var open []ws.Door
	for _, door := range c.WS.Doors {
		if door != "cookie" || c.Session.Cookie != "" {
			open = append(open, ws.Door(door))
		}
	}
	return open
}

// validateStore also sees to it that processes on one store can read each
// other's records.
func (c Config) validateStore(f *faults) {
	shared := c.Store.isShared()
	f.check(shared || c.Store.URL.Reveal() == "memory:", "store.url: must begin with memory:, redis://, rediss://, redis+sentinel:// or redis+cluster://")
	f.check(!shared || c.Ticket.SealKeyFile != "", "ticket.seal_key_file: required with a shared store, the same for every process (openssl rand -base64 32 > seal.keys)")
	f.check(slices.Contains([]string{"auto", "require", "off"}, c.Store.Fence), "store.fence: must be auto, require or off (got %q)", c.Store.Fence)
}

// isShared tells a store for several processes by the beginning of its URL.
func (s StoreConfig) isShared() bool {
	schemes := []string{"redis://", "rediss://", "redis+sentinel://", "rediss+sentinel://", "redis+cluster://", "rediss+cluster://"}
	return slices.ContainsFunc(schemes, func(scheme string) bool { return strings.HasPrefix(s.URL.Reveal(), scheme) })
}

// parsePrefix reads an address as the prefix of that address alone.
func parsePrefix(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr.Prefix(addr.BitLen())
	}
	return netip.ParsePrefix(text)
}
