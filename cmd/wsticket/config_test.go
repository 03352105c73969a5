package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// goodFile is the smallest file that serve starts with.
const goodFile = `
issuers:
  - issuer: https://id.example.com
    audience: [ws]
    algorithms: [RS256]
    jwks_url: https://id.example.com/jwks.json
`

func loadText(t *testing.T, text string, env []string, set ...string) (Config, error) {
	t.Helper()
	flags := configFlags{Config: writeFile(t, "wsticket.yaml", text), Set: set}
	return flags.load(world{Env: env})
}

func TestLayersOfTheConfiguration(t *testing.T) {
	const file = goodFile + "ticket: {ttl: 20s, retention: 1m}\nlog: {level: debug}\n"
	cfg, err := loadText(t, file, []string{"WSTICKET_TICKET_TTL=25s", "WSTICKET_LOG_LEVEL=warn", "HOME=/"}, "log.level=error")
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Ticket.TTL != 25*time.Second || cfg.Ticket.Retention != time.Minute || cfg.Log.Level != "error" || cfg.WS.Path != "/ws" {
		t.Errorf("loaded %+v, want file < environment < flags over the defaults", cfg.Ticket)
	}
}

func TestConfigFileFromTheEnvironment(t *testing.T) {
	name := writeFile(t, "c.yaml", goodFile)
	cfg, err := configFlags{Public: "127.0.0.1:0"}.load(world{Env: []string{"WSTICKET_CONFIG=" + name}})
	if err != nil || cfg.Public.Listen != "127.0.0.1:0" || len(cfg.Issuers) != 1 {
		t.Errorf("loaded %+v, %v", cfg.Public, err)
	}
	if _, err := (configFlags{Config: name + ".gone"}).load(world{}); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestConfigFaults(t *testing.T) {
	for _, row := range []struct {
		rule, file, want string
	}{
		{"a key that nobody knows", "tickets: {}\n", "tickets: no such key (did you mean ticket?)"},
		{"a lifetime that is too long", "ticket: {ttl: 61s}", "ticket.ttl: must be 5s..60s (got 1m1s)"},
		{"a lifetime that is too short", "ticket: {ttl: 4s}", "ticket.ttl: must be 5s..60s (got 4s)"},
		{"a retention without end", "ticket: {retention: 48h}", "ticket.retention: must be 1s..24h (got 48h0m0s)"},
		{"a long retry window", "ticket: {retry_window: 1m}", "ticket.retry_window"},
		{"no audience", "ticket: {audiences: []}", "ticket.audiences: must name at least one"},
		{"no issuer", "issuers: []", "issuers: must name at least one"},
		{"an issuer without keys", "issuers: [{issuer: a, audience: [b]}]", "issuers[0]: exactly one of jwks_url"},
		{"an issuer with two sources of keys", "issuers: [{issuer: a, audience: [b], discovery: true, jwks_url: x}]", "(got 2: jwks_url, discovery)"},
		{"an issuer without a name", "issuers: [{audience: [b], discovery: true}]", "issuers[0].issuer: must be 1 to"},
		{"an issuer without audience", "issuers: [{issuer: a, discovery: true}]", "issuers[0].audience: must list at least one"},
		{"the same issuer twice", "issuers: [{issuer: a, audience: [b], discovery: true}, {issuer: a, audience: [b], discovery: true}]", "issuers[1].issuer: \"a\" is configured twice"},
		{"too much leeway", "issuers: [{issuer: a, audience: [b], discovery: true, leeway: 31s}]", "issuers[0].leeway: must be 0s..30s (got 31s)"},
		{"an origin with a wildcard", "origins: [\"*\"]", "origins:"},
		{"an origin with a path", "origins: [\"https://app.example.com/x\"]", "origins:"},
		{"a public URL with a path", "public: {url: \"https://a.example/x\"}", "public.url: must be http(s)://host[:port]"},
		{"a public URL of another scheme", "public: {url: \"ftp://a.example\"}", "public.url"},
		{"a proxy that is no address", "public: {trusted_proxies: [lb]}", `public.trusted_proxies: must be addresses or prefixes (got "lb")`},
		{"half a certificate", "public: {tls: {cert_file: a}}", "public.tls: cert_file and key_file go together"},
		{"client certificates without TLS", "internal: {tls: {client_ca_file: a}}", "internal.tls.client_ca_file: needs"},
		{"a key that is not hashed", "internal: {api_keys: [{name: a, sha256: plain, scopes: [consume]}]}", "internal.api_keys[0].sha256: must be 64 characters"},
		{"a key of nobody", "internal: {api_keys: [{sha256: x, scopes: [consume]}]}", `internal.api_keys[0].name: must be 1 to 64 letters`},
		{"a second key that is faulty", "internal: {api_keys: [{name: a, sha256: x, scopes: [consume]}, {name: a b, sha256: x, scopes: []}]}", `internal.api_keys[1].scopes: must not be empty`},
		{"a scope that is none", "internal: {api_keys: [{name: a, sha256: x, scopes: [all]}]}", `no such scope (got "all")`},
		{"a path with a query", "ws: {path: \"/ws?x\"}", "ws.path: must be a plain path"},
		{"the path of another endpoint", "ws: {path: /ws-ticket}", "ws.path: is taken"},
		{"a door that is none", "ws: {doors: [window]}", `ws.doors: no such door (got "window")`},
		{"no door", "ws: {doors: []}", "ws.doors: must name at least one"},
		{"a door for sessions that there are not", "ws: {doors: [query, cookie]}", "ws.doors: cookie needs session.cookie"},
		{"no time for the first message", "ws: {auth_timeout: 0s}", "ws.auth_timeout: must be more than 0s and at most 1m (got 0s)"},
		{"too much of it", "ws: {auth_timeout: 61s}", "ws.auth_timeout: must be more than 0s and at most 1m (got 1m1s)"},
		{"no unauthenticated sockets", "limits: {unauthenticated: 0}", "limits.unauthenticated: must be positive (got 0)"},
		{"none of an address", "limits: {unauthenticated_per_address: -1}", "limits.unauthenticated_per_address: must be positive (got -1)"},
		{"a parameter that must never hold a ticket", "ws: {ticket_parameter: access_token}", "ws.ticket_parameter"},
		{"messages that cannot hold a control frame", "ws: {max_message: 10}", "ws.max_message: must be at least 125"},
		{"a size with a strange unit", "ws: {max_message: 1GB}", "ws.max_message: must be a size"},
		{"a rate without a time", "limits: {per_subject: 10}", "limits.per_subject"},
		{"a store that is none", "store: {url: \"mysql://x\"}", "store.url: must begin with memory:, redis://, rediss://"},
		{"a level that is none", "log: {level: loud}", `log.level: must be debug, info, warn or error (got "loud")`},
		{"a format that is none", "log: {format: xml}", "log.format: must be json or text"},
		{"a path of somebody else's", "ws: {path: /.well-known/jwks.json}", "ws.path: is taken (got \"/.well-known/jwks.json\")"},
		{"an upstream with a path", "ws: {upstream: \"http://app/ws\"}", `ws.upstream: must be http://host:port, https://host:port or unix:/path (got "http://app/ws")`},
		{"a database that this version does not have", "database: {url: \"sqlite:x\"}", "database.url: is not available"},
		{"a shared store without a key that is shared too", "store: {url: \"redis://h\"}", "ticket.seal_key_file: required with a shared store"},
		{"a fence that is none", "store: {fence: maybe}", "store.fence: must be auto, require or off"},
		{"a cookie that nobody can tell", "session: {cookie: sid}", "session: exactly one of jwt and lookup_url"},
		{"a cookie that two may tell", "session: {cookie: sid, jwt: true, lookup_url: \"http://app\"}", "session: exactly one of jwt and lookup_url"},
		{"a session without a cookie", "session: {jwt: true}", "session.cookie: must be the name of a cookie"},
		{"a cookie with a strange name", "session: {cookie: \"a=b\", jwt: true}", `session.cookie: must be the name of a cookie (got "a=b")`},
		{"a lookup that is no URL", "session: {cookie: sid, lookup_url: app}", "session.lookup_url: must be an http or https URL"},
		{"a lookup with a password", "session: {cookie: sid, lookup_url: \"http://u:p@app\"}", `must have neither user name nor fragment (got "http://…@app")`},
		{"a cookie that no page may use", "session: {cookie: sid, jwt: true}", "origins: required with session.cookie"},
		{"identity headers of an unknown preset", "identity: {headers: x-auth}", `identity.headers: must be x-auth-request, x-forwarded, remote, or claims`},
		{"a claim that no issuer has", "identity: {headers: {emial: X-Email}}", `identity.headers: "emial" is none of sub, iss, sid, scope, aud and the claims of an issuer`},
		{"identity in a header that means something else", "identity: {headers: {sub: Host}}", `identity.headers: sub: must be a header`},
		{"identity twice in one header", "identity: {headers: {sub: X-User, iss: x-user}}", "identity.headers: iss and sub are both in X-User"},
		{"a list of identity headers", "identity: {headers: [X-User]}", "identity.headers: must be a single value"},
		{"an assertion for nobody", "identity: {assertion_key_file: k}", "identity.assertion_audience: must be 1 to"},
		{"an assertion of nobody", "identity: {assertion_key_file: k, assertion_audience: app}", "identity.assertion_key_file: needs public.url"},
		{"an audience without an assertion", "identity: {assertion_audience: app}", "identity.assertion_audience: needs assertion_key_file"},
	} {
		t.Run(row.rule, func(t *testing.T) {
			if _, err := loadText(t, row.file, nil); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("load = %v, want it to say %q", err, row.want)
			}
		})
	}
}

// The default names every door, and opens those that there are.
func TestOpenDoors(t *testing.T) {
	sessions := defaultConfig()
	sessions.Session.Cookie = "sid"
	few := defaultConfig()
	few.WS.Doors = []string{"first_message", "query"}
	for want, cfg := range map[string]Config{
		"[query subprotocol header first_message]":        defaultConfig(),
		"[query subprotocol header cookie first_message]": sessions,
		"[first_message query]":                           few,
	} {
		if got := fmt.Sprint(cfg.openDoors()); got != want {
			t.Errorf("doors %q with cookie %q: open %s, want %s", cfg.WS.Doors, cfg.Session.Cookie, got, want)
		}
	}
}

func TestConfigFaultsKeepSecrets(t *testing.T) {
	const password = "hunter2-password"
	_, err := loadText(t, "store: {url: \"mysql://u:"+password+"@h\"}", nil)
	if err == nil || strings.Contains(err.Error(), password) {
		t.Errorf("load = %v, want a fault without the password", err)
	}
	plain := "an-api-key-put-here-by-mistake"
	_, err = loadText(t, "internal: {api_keys: [{name: a, sha256: "+plain+", scopes: [read]}]}", nil)
	if err == nil || strings.Contains(err.Error(), plain) {
		t.Errorf("load = %v, want a fault without the key", err)
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"125": 125, "64KiB": 65536, "1MiB": 1 << 20, "500B": 500} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1", "1.5KiB", "KiB", "99999999999MiB", "1 KiB", "0x10"} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is accepted as %d", text, got)
		}
	}
	for size, want := range map[Size]string{1 << 20: "1MiB", 64 << 10: "64KiB", 1000: "1000"} {
		if got := size.String(); got != want {
			t.Errorf("String of %d = %q, want %q", int64(size), got, want)
		}
	}
}
