package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"wsticket/auth"
	"wsticket/ticket"
)

// maxRetention bounds the memory for spent tickets.
const maxRetention = 24 * time.Hour

// maxIdleTimeout bounds the connections that idle. No balancer waits longer.
const maxIdleTimeout = time.Hour

// The elements of health.ready_requires.
const (
	RequireStore    = "store"
	RequireKeys     = "keys"
	RequireDatabase = "database"
)

// own names the package in faults whose field is a key already.
const own = "config"

// NewFaults returns a list of faults whose fields are keys.
func NewFaults() ticket.OptionErrors { return ticket.OptionErrors{Package: own} }

// Validate returns the faults that no other package can find: in settings that
// only the command uses, and between settings of different packages. Everything
// else is refused by the package that a setting is for, when the service is
// built. No file is opened and no name resolved.
func (c Config) Validate() error {
	f := NewFaults()
	c.validateListeners(&f)
	c.validateZero(&f)
	c.validateTogether(&f)
	c.validateClaims(&f)
	c.validateAudiences(&f)
	c.validateDatabase(&f)
	c.Webhook.validate(&f)
	c.Telemetry.validate(&f)
	f.Check(slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level), "log.level", "must be debug, info, warn or error (got %q)", c.Log.Level)
	f.Check(slices.Contains([]string{"json", "text"}, c.Log.Format), "log.format", "must be json or text (got %q)", c.Log.Format)
	f.Check(slices.Contains([]string{"false", "true", "hash"}, c.Log.Subject), "log.subject", "must be false, true or hash (got %q)", c.Log.Subject)
	f.Check(c.Reload.Watch == 0 || c.Reload.Watch >= time.Second && c.Reload.Watch <= time.Hour, "reload.watch", "must be 0s, or 1s..1h (got %s)", c.Reload.Watch)
	return ByKey(f.Err())
}

func (c Config) validateListeners(f *ticket.OptionErrors) {
	listeners := []listener{{"public.listen", c.Public.Listen}, {"internal.listen", c.Internal.Listen}}
	if c.Health.Listen != "" { // there need not be one
		listeners = append(listeners, listener{"health.listen", c.Health.Listen})
	}
	checkListeners(f, listeners...)
	if u := c.Public.ParsedURL(); u != nil {
		// Package api would accept both.
		more := u.Scheme == "ws" || u.Scheme == "wss" || strings.Trim(u.Path, "/") != ""
		f.Check(!more, "public.url", "must be http://host or https://host, perhaps with a port, and nothing more (got %q)", c.Public.URL)
	}
	f.Check((c.Public.TLS.CertFile == "") == (c.Public.TLS.KeyFile == ""), "public.tls", "cert_file and key_file go together: %s is missing", missingHalf(c.Public.TLS.CertFile))
	f.Check(c.Public.IdleTimeout > 0 && c.Public.IdleTimeout <= maxIdleTimeout, "public.idle_timeout", "must be more than 0s and at most 1h (got %s)", c.Public.IdleTimeout)
	c.Public.validateConnections(f)
	for _, name := range c.Health.ReadyRequires {
		f.Check(slices.Contains([]string{RequireStore, RequireKeys, RequireDatabase}, name), "health.ready_requires", "must be of %s, %s and %s (got %q)", RequireStore, RequireKeys, RequireDatabase, name)
	}
	tls := c.Internal.TLS
	f.Check((tls.CertFile == "") == (tls.KeyFile == ""), "internal.tls", "cert_file and key_file go together: %s is missing", missingHalf(tls.CertFile))
	f.Check(len(tls.ClientNames) == 0 || tls.ClientCAFile != "", "internal.tls.client_names", "needs client_ca_file, whose certificates it limits")
	f.Check(tls.ClientCAFile == "" || tls.CertFile != "", "internal.tls.client_ca_file", "needs cert_file and key_file")
}

func (p Public) validateConnections(f *ticket.OptionErrors) {
	f.Check(p.MaxConnections >= 0, "public.max_connections", "must not be negative (got %d); 0 is what the limit of open files allows", p.MaxConnections)
	f.Check(p.MaxPerAddress >= 0, "public.max_connections_per_address", "must not be negative (got %d); 0 is a quarter of public.max_connections", p.MaxPerAddress)
	f.Check(p.MaxConnections <= 0 || p.MaxPerAddress <= p.MaxConnections, "public.max_connections_per_address",
		"must be at most public.max_connections (got %d and %d)", p.MaxPerAddress, p.MaxConnections)
}

// missingHalf names the other half of a certificate and its key.
func missingHalf(certFile string) string {
	if certFile == "" {
		return "cert_file"
	}
	return "key_file"
}

// validateZero refuses the zero value of settings for which a package takes it
// as "not set" and would use its default.
func (c Config) validateZero(f *ticket.OptionErrors) {
	for _, setting := range []struct {
		key  string
		zero bool
	}{
		{"ticket.ttl", c.Ticket.TTL == 0},
		{"ticket.retention", c.Ticket.Retention == 0},
		{"ws.ticket_parameter", c.WS.TicketParameter == ""},
		{"ws.auth_timeout", c.WS.AuthTimeout == 0},
		{"ws.max_message", c.WS.MaxMessage == 0},
		{"limits.unauthenticated", c.Limits.Unauthenticated == 0},
		{"limits.unauthenticated_per_address", c.Limits.UnauthenticatedPerAddress == 0},
		{"store.fence", c.Store.Fence == ""},
	} {
		f.Check(!setting.zero, setting.key, "must not be empty or 0: leave the key out for its default")
	}
	f.Check(c.Ticket.Retention <= 0 || c.Ticket.Retention >= time.Second && c.Ticket.Retention <= maxRetention,
		"ticket.retention", "must be 1s..24h (got %s)", c.Ticket.Retention)
	f.Check(c.Session.Recheck == 0 || c.Session.Recheck >= 10*time.Second && c.Session.Recheck <= 24*time.Hour,
		"session.recheck", "must be 0s, or 10s..24h (got %s)", c.Session.Recheck)
	f.Check(c.Ticket.OnReplay == ReplayReport || c.Ticket.OnReplay == ReplayEnd,
		"ticket.on_replay", "must be report or end (got %q)", c.Ticket.OnReplay)
	f.Check(c.WS.OverLimit == OverLimitRefuse || c.WS.OverLimit == OverLimitReplace,
		"ws.over_limit", "must be refuse or replace_oldest (got %q)", c.WS.OverLimit)
	f.Check(len(c.Ticket.Audiences) > 0, "ticket.audiences", "must name at least one")
	f.Check(len(c.WS.Paths) > 0, "ws.path", "must name at least one")
}

// validateTogether checks settings that need each other.
func (c Config) validateTogether(f *ticket.OptionErrors) {
	f.Check(len(c.Issuers) > 0 || c.Session.LookupURL != "", "issuers", "must name at least one, unless session.lookup_url is set")
	f.Check(c.Session.Cookie != "" || !c.Session.JWT && c.Session.LookupURL == "", "session.cookie", "required with jwt or lookup_url")
	f.Check(c.Session.Cookie == "" || c.Session.JWT != (c.Session.LookupURL != ""), "session", "exactly one of jwt: true and lookup_url must say whose session a cookie is (got %s)", map[bool]string{true: "both", false: "none"}[c.Session.JWT])
	f.Check(c.Store.InMemory() || c.Store.Shared(), "store.url", "must be memory:, or begin with redis://, rediss:// (TLS), redis+sentinel:// or redis+cluster://, as in redis://localhost:6379")
	f.Check(!c.Store.Shared() || c.Ticket.SealKeyFile != "", "ticket.seal_key_file", "required with a shared store, the same for every process (openssl rand -base64 32 > seal.keys)")
}

// validateClaims refuses a header for a claim that no issuer provides: it would
// always be empty. The headers of a preset may be empty, also in a mapping.
func (c Config) validateClaims(f *ticket.OptionErrors) {
	if c.Session.LookupURL != "" {
		return // an application that vouches for sessions may name any claim
	}
	known := []string{"sub", "iss", "sid", "scope", "aud"}
	for _, issuer := range c.Issuers {
		known = append(known, issuer.withProfile().Claims...)
	}
	headers := c.Identity.Headers.Claims()
	for _, claim := range slices.Sorted(maps.Keys(headers)) {
		f.Check(slices.Contains(known, claim) || inPreset(claim, headers[claim]), "identity.headers", "%q is none of sub, iss, sid, scope, aud and the claims of an issuer", claim)
	}
}

// validateAudiences refuses issuers and audiences that are not configured: nobody
// could have a ticket, or consume one.
func (c Config) validateAudiences(f *ticket.OptionErrors) {
	issuers := c.issuerNames()
	for i, audience := range c.Ticket.Audiences {
		for _, name := range audience.Issuers {
			f.Check(name == "" || slices.Contains(issuers, name), fmt.Sprintf("ticket.audiences[%d].issuers", i), "%q is not the issuer of an entry in issuers (%s)", name, strings.Join(issuers, ", "))
		}
	}
	known := c.Ticket.AudienceOptions().Names()
	for i, key := range c.Internal.APIKeys {
		for _, name := range key.Audiences {
			f.Check(name == "" || slices.Contains(known, name), fmt.Sprintf("internal.api_keys[%d].audiences", i), "%q is not one of ticket.audiences (%s)", name, strings.Join(known, ", "))
		}
	}
}

// issuerNames returns the issuers of all identities.
func (c Config) issuerNames() []string {
	var names []string
	for _, issuer := range c.Issuers {
		names = append(names, issuer.Issuer)
	}
	if lookup := (auth.SessionOptions{LookupURL: c.Session.LookupURL}).Issuer(); lookup != "" {
		names = append(names, lookup)
	}
	return names
}

// InMemory reports whether tickets are kept in this process.
func (s Store) InMemory() bool { return s.URL.Reveal() == "memory:" }

// Shared reports whether several processes may use the store, so that each must
// be able to open the records of the others. It does not check the URL, which
// the store does.
func (s Store) Shared() bool { return strings.HasPrefix(s.URL.Reveal(), "redis") }
