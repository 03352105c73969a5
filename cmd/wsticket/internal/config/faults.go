package config

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"wsticket/auth"
	"wsticket/identity"
	"wsticket/internal/maskurl"
	"wsticket/ticket"
)

// Fault is what is wrong with a setting.
type Fault struct {
	// Key is the key of the setting, or of the section that it is in.
	Key string
	// Err says what is wrong and what is accepted. It holds no secret.
	Err error
}

// Error returns the key and what is wrong. A value that it quotes may be a URL, of
// any key: people mistake one for another.
func (f *Fault) Error() string { return f.Key + ": " + maskurl.HideQuoted(f.Err.Error()) }

// Unwrap returns what is wrong.
func (f *Fault) Unwrap() error { return f.Err }

// ByKey names the faults in err, which may be joined, by the keys that set the
// faulty fields. If no key sets a field, its fault follows from another one: a
// part is missing because it could not be built. Such faults are left out,
// unless there are no others.
func ByKey(err error) error {
	var named, unnamed []error
	for _, fault := range parts(err) {
		option, ok := fault.(*ticket.OptionError) //nolint:errorlint // A part itself, not what it wraps.
		if !ok {
			named = append(named, fault)
			continue
		}
		if key := KeyOf(option.Package, option.Field); key != "" {
			named = append(named, &Fault{key, inKeys(option)})
		} else {
			unnamed = append(unnamed, fault)
		}
	}
	if len(named) == 0 {
		named = unnamed
	}
	return errors.Join(named...)
}

// inKeys returns a fault in words of the settings, where the package can name
// its fields only.
func inKeys(option *ticket.OptionError) error {
	if ambiguous, ok := errors.AsType[*identity.AmbiguousError](option.Err); ok {
		return errors.New("must say whose user sub is, because identities come from " + ambiguous.Sources() +
			": write identity: {headers: {" + inFlow(ambiguous.Headers) + "}}, and have the application take iss and sub together as the user; or set identity.assertion_key_file and identity.assertion_audience")
	}
	sources, ok := errors.AsType[*auth.SourceError](option.Err)
	if !ok {
		return option.Err
	}
	used := "none is set"
	if len(sources.Used) > 0 {
		var keys []string
		for _, field := range sources.Used {
			keys = append(keys, strings.TrimPrefix(fieldKeys["auth.Issuers[]."+field], "issuers[]."))
		}
		used = strings.Join(keys, " and ") + " are set"
	}
	return errors.New("exactly one of jwks_url, discovery, public_key_file and hmac_secret_file must say where the keys are (" + used + ")")
}

// plainScalar is a key that YAML needs no quotes for.
var plainScalar = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// inFlow returns a mapping as YAML in one line, without its braces.
func inFlow(mapping map[string]string) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(mapping)) {
		name := key
		if !plainScalar.MatchString(key) {
			name = strconv.Quote(key)
		}
		parts = append(parts, name+": "+mapping[key])
	}
	return strings.Join(parts, ", ")
}

// Only returns the faults of some sections or keys, and those that have no key,
// such as faults of the file itself.
func Only(err error, keys ...string) error {
	var kept []error
	for _, part := range parts(err) {
		fault, ok := part.(*Fault) //nolint:errorlint // A part itself, not what it wraps.
		if !ok || slices.ContainsFunc(keys, func(key string) bool { return within(fault.Key, key) }) {
			kept = append(kept, part)
		}
	}
	return errors.Join(kept...)
}

// Lines returns what an error says, a line for each fault.
func Lines(err error) []string {
	if list, ok := errors.AsType[faulty](err); ok {
		err = list.error // without the heading
	}
	var lines []string
	for _, part := range parts(err) {
		lines = append(lines, part.Error())
	}
	return lines
}

// parts takes joined errors apart.
func parts(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return nil
	case !ok:
		return []error{err}
	}
	var all []error
	for _, part := range joined.Unwrap() {
		all = append(all, parts(part)...)
	}
	return all
}

// KeyOf returns the key that sets a field of a package's Options, such as
// Issuers[0].Audience of auth. It is empty where none does.
func KeyOf(pkg, field string) string {
	if pkg == own {
		return field
	}
	key := fieldKeys[pkg+"."+index.ReplaceAllString(field, "[]")]
	for _, n := range index.FindAllString(field, -1) {
		key = strings.Replace(key, "[]", n, 1)
	}
	return key
}

// fieldKeys holds the key that sets each field. Tests look for the keys in the
// settings and for the fields in the Options.
//
//nolint:gosec // It names secrets and holds none.
var fieldKeys = map[string]string{
	"ticket.TTL":                 "ticket.ttl",
	"ticket.MaxPending":          "limits.tickets_per_subject",
	"ticket.RetryWindow":         "ticket.retry_window",
	"ticket.Audiences[].Name":    "ticket.audiences[].name",
	"ticket.Audiences[].Issuers": "ticket.audiences[].issuers",
	"ticket.Audiences[].Scopes":  "ticket.audiences[].scopes",
	"ticket.SealKeys":            "ticket.seal_key_file",

	"memstore.Retention":   "ticket.retention",
	"redisstore.Retention": "ticket.retention",
	"redisstore.Fence":     "store.fence",
	"redisstore.URL":       "store.url",

	"audit.Queue":     "audit.queue",
	"audit.WhenFull":  "audit.when_full",
	"audit.Retention": "audit.retention",

	"auth.Issuers[]":                     "issuers[]",
	"auth.Issuers[].Issuer":              "issuers[].issuer",
	"auth.Issuers[].Profile":             "issuers[].profile",
	"auth.Issuers[].Audience":            "issuers[].audience",
	"auth.Issuers[].Algorithms":          "issuers[].algorithms",
	"auth.Issuers[].JWKSURL":             "issuers[].jwks_url",
	"auth.Issuers[].Discovery":           "issuers[].discovery",
	"auth.Issuers[].JWKSMaxAge":          "issuers[].jwks_max_age",
	"auth.Issuers[].PublicKeyFile":       "issuers[].public_key_file",
	"auth.Issuers[].HMACSecretFile":      "issuers[].hmac_secret_file",
	"auth.Issuers[].Type":                "issuers[].type",
	"auth.Issuers[].ClaimNames.Subject":  "issuers[].claim_names.subject",
	"auth.Issuers[].ClaimNames.Audience": "issuers[].claim_names.audience",
	"auth.Issuers[].ClaimNames.Scope":    "issuers[].claim_names.scope",
	"auth.Issuers[].ClaimNames.Session":  "issuers[].claim_names.session",
	"auth.Issuers[].MaxLifetime":         "issuers[].max_lifetime",
	"auth.Issuers[].Leeway":              "issuers[].leeway",
	"auth.Issuers[].Claims":              "issuers[].claims",
	"auth.Issuers[].Logout.ClientIDs":    "issuers[].logout.client_ids",
	"auth.Issuers[].Logout.Match":        "issuers[].logout.match",
	"auth.Issuers[].Events.Audience":     "issuers[].events.audience",

	"auth.Cookie":         "session.cookie",
	"auth.LookupURL":      "session.lookup_url",
	"auth.TrustedProxies": "public.trusted_proxies",

	"auth.Keys[].Name":      "internal.api_keys[].name",
	"auth.Keys[].SHA256":    "internal.api_keys[].sha256",
	"auth.Keys[].Scopes":    "internal.api_keys[].scopes",
	"auth.Keys[].Audiences": "internal.api_keys[].audiences",

	"identity.Headers":           "identity.headers",
	"identity.AssertionKeyFile":  "identity.assertion_key_file",
	"identity.AssertionAudience": "identity.assertion_audience",
	"identity.Issuer":            "public.url",

	"gate.Audiences[].Paths":  "ticket.audiences[].paths",
	"gate.Doors":              "ws.doors",
	"gate.TicketParameter":    "ws.ticket_parameter",
	"gate.AllowMissingOrigin": "ws.allow_missing_origin",
	"gate.Origins":            "origins",
	"gate.Hosts":              "public.hosts",
	"gate.TrustedProxies":     "public.trusted_proxies",
	"gate.ForwardAuthPeers":   "internal.forward_auth_peers",
	"gate.SessionCookie":      "session.cookie",

	"live.DrainWindow":   "ws.drain_window",
	"live.MaxStale":      "guard.max_stale",
	"live.SealKeys":      "ticket.seal_key_file",
	"live.MaxPerSubject": "ws.max_connections_per_subject",
	"live.ExpiryNotice":  "ws.expiry_notice",

	"ws.Upstream.URL":              "ws.upstream",
	"ws.Upstream.Ping":             "ws.ping",
	"ws.Upstream.IdleTimeout":      "ws.idle_timeout",
	"ws.MaxMessage":                "ws.max_message",
	"ws.AuthTimeout":               "ws.auth_timeout",
	"ws.Unauthenticated":           "limits.unauthenticated",
	"ws.UnauthenticatedPerAddress": "limits.unauthenticated_per_address",

	"api.WSPaths":     "ws.path",
	"api.PublicURL":   "public.url",
	"api.CORSHeaders": "public.cors_headers",

	"api.ClientNames": "internal.tls.client_names",
}
