package main

import (
	"context"
	"io"
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// faulty is a configuration with faults, as a file to which an issuer is added,
// and the keys that have the faults, each once.
type faulty struct {
	rule, file string
	more       []string // environment (NAME=value) and flags of --set (key=value)
	keys       []string
}

const (
	aDigest  = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // of "abc"
	sessions = "session: {cookie: sid, jwt: true}\norigins: [\"https://app.example.com\"]\n"
)

// twoIssuers have an alice each.
const twoIssuers = "issuers: [{issuer: \"https://a.example\", audience: [ws], public_key_file: KEY}, {issuer: \"https://b.example\", audience: [ws], public_key_file: KEY}]\n"

func set(settings ...string) []string { return settings }

// faultyConfigurations has FILE for a file that is there and is none of what it
// should be, KEY for the issuer's public key, and SEAL for good seal keys.
func faultyConfigurations() []faulty {
	one := func(rule, file, key string) faulty { return faulty{rule, file, nil, []string{key}} }
	return []faulty{
		// Faults that the layers find.
		one("a section that nobody knows", "tickets: {}", "tickets"),
		one("a key that nobody knows", "ticket: {tll: 5s}", "ticket.tll"),
		one("a key twice", "ticket: {ttl: 9s, ttl: 9s}", "ticket.ttl"),
		one("a size with a strange unit", "ws: {max_message: 1GB}", "ws.max_message"),
		one("a rate without a time", "limits: {per_subject: 10}", "limits.per_subject"),
		one("a switch that is neither", "ws: {accept_then_close: maybe}", "ws.accept_then_close"),
		one("a proxy that is no address", "public: {trusted_proxies: [lb]}", "public.trusted_proxies[0]"),
		one("identity headers of an unknown preset", "identity: {headers: x-auth}", "identity.headers"),
		one("a list of identity headers", "identity: {headers: [X-User]}", "identity.headers"),
		{"the environment", "", set("WSTICKET_TICKET_TTL=soon"), []string{"ticket.ttl"}},
		{"a name in the environment that nobody knows", "", set("WSTICKET_TICKET_TLL=9s"), []string{"WSTICKET_TICKET_TLL"}},
		{"a secret in a file that is not there", "", set("WSTICKET_STORE_URL_FILE=/gone"), []string{"WSTICKET_STORE_URL_FILE"}},
		{"a flag that nobody knows", "", set("ticket.tll=9s"), []string{"ticket.tll"}},
		// Faults that only the command finds.
		one("a negative bound", "ws: {max_connections_per_subject: -1}", "ws.max_connections_per_subject"),
		one("a bound that is none", "ws: {max_connections_per_subject: 10001}", "ws.max_connections_per_subject"),
		one("a negative number of tickets", "limits: {tickets_per_subject: -1}", "limits.tickets_per_subject"),
		one("two policies at once", "ws: {over_limit: both}", "ws.over_limit"),
		one("a public URL with a path", "public: {url: \"https://a.example/x\"}", "public.url"),
		one("a public URL of another scheme", "public: {url: \"ftp://a.example\"}", "public.url"),
		one("a public URL whose host is none", "public: {url: \"http://a..b\"}", "public.url"),
		one("half a certificate", "public: {tls: {cert_file: FILE}}", "public.tls"),
		one("half of another", "internal: {tls: {key_file: FILE}}", "internal.tls"),
		one("client certificates without TLS", "internal: {tls: {client_ca_file: FILE}}", "internal.tls.client_ca_file"),
		{"a certificate that is none", "public: {tls: {cert_file: FILE, key_file: FILE}}", nil, []string{"public.tls.cert_file", "public.tls.key_file"}},
		one("a public key for a certificate", "public: {tls: {cert_file: KEY, key_file: PRIVATE}}", "public.tls.cert_file"),
		one("a key of another certificate", "public: {tls: {cert_file: CERT, key_file: PRIVATE}}", "public.tls.key_file"),
		one("a certificate for a key", "public: {tls: {cert_file: CERT, key_file: CERT}}", "public.tls.key_file"),
		one("an authority that is none", "internal: {tls: {cert_file: CERT, key_file: CERTKEY, client_ca_file: KEY}}", "internal.tls.client_ca_file"),
		one("an address without a port", "public: {listen: localhost}", "public.listen"),
		one("names without an authority", "internal: {tls: {cert_file: CERT, key_file: CERTKEY, client_names: [chat]}}", "internal.tls.client_names"),
		one("a name of a certificate that is none", "internal: {tls: {cert_file: CERT, key_file: CERTKEY, client_ca_file: CERT, client_names: [\"a\\nb\"]}}", "internal.tls.client_names"),
		one("a peer that is no address", "internal: {forward_auth_peers: [lb]}", "internal.forward_auth_peers[0]"),
		one("a port that is too large", "internal: {listen: \"127.0.0.1:65536\"}", "internal.listen"),
		one("a URL to listen on", "public: {listen: \"http://localhost:8080\"}", "public.listen"),
		one("two listeners on one port", "public: {listen: \":8080\"}\ninternal: {listen: \"127.0.0.1:8080\"}", "internal.listen"),
		one("one mapping for a list", "issuers: {issuer: a, audience: [b], public_key_file: KEY}", "issuers"),
		{"a certificate that is not there", "internal: {tls: {cert_file: /gone, key_file: /gone}}", nil, []string{"internal.tls.cert_file", "internal.tls.key_file"}},
		one("no issuer", "issuers: []", "issuers"),
		one("a level that is none", "log: {level: loud}", "log.level"),
		one("a look that is too frequent", "reload: {watch: 10ms}", "reload.watch"),
		one("a way to log users that is none", "log: {subject: yes}", "log.subject"),
		one("a format that is none", "log: {format: xml}", "log.format"),
		one("a cookie that no page may use", "session: {cookie: sid, jwt: true}", "origins"),
		one("a claim that no issuer has", "identity: {headers: {emial: X-Email}}", "identity.headers"),
		one("connections that end at once", "public: {idle_timeout: 0s}", "public.idle_timeout"),
		one("a negative number of connections", "public: {max_connections: -1}", "public.max_connections"),
		one("a negative share of an address", "public: {max_connections_per_address: -1}", "public.max_connections_per_address"),
		one("more of an address than of all", "public: {max_connections: 10, max_connections_per_address: 11}", "public.max_connections_per_address"),
		one("connections without end", "public: {idle_timeout: 2h}", "public.idle_timeout"),
		one("every header of a page", "public: {cors_headers: [\"*\"]}", "public.cors_headers"),
		one("a list of headers in one", "public: {cors_headers: [\"X-A, X-B\"]}", "public.cors_headers"),
		one("a requirement that is none", "health: {ready_requires: [redis]}", "health.ready_requires"),
		{"no address", "", set("public.listen=", "internal.listen="), []string{"public.listen", "internal.listen"}},
		// Stores and tickets.
		one("a store that is none", "store: {url: \"mysql://x\"}", "store.url"),
		one("a shared store without a key that is shared too", "store: {url: \"redis://h\"}", "ticket.seal_key_file"),
		one("a database that is no number", "store: {url: \"redis://h/abc\"}\nticket: {seal_key_file: SEAL}", "store.url"),
		one("a port that is none", "store: {url: \"redis://h:99999\"}\nticket: {seal_key_file: SEAL}", "store.url"),
		one("Sentinels without a name", "store: {url: \"redis+sentinel://h\"}\nticket: {seal_key_file: SEAL}", "store.url"),
		one("an authority that is not there", "store: {url: \"rediss://h?ca_file=/gone\"}\nticket: {seal_key_file: SEAL}", "store.url"),
		one("sessions that are asked about all the time", "session: {recheck: 1s}", "session.recheck"),
		one("a webhook without a secret", "webhook: {url: \"https://hooks.example\"}", "webhook.secret_file"),
		one("one with a short secret", "webhook: {url: \"https://hooks.example\", secret_file: SHORT}", "webhook.secret_file"),
		one("one whose secret is not there", "webhook: {url: \"https://hooks.example\", secret_file: /gone}", "webhook.secret_file"),
		one("one over http", "webhook: {url: \"http://hooks.example\", secret_file: SEAL}", "webhook.url"),
		one("one inside", "webhook: {url: \"https://10.0.0.1/\", secret_file: SEAL}", "webhook.url"),
		one("events that nobody knows", "webhook: {events: [request]}", "webhook.events"),
		one("a collector without its scheme", "telemetry: {otlp_endpoint: \"localhost:4318\"}", "telemetry.otlp_endpoint"),
		one("a collector with a password", "telemetry: {otlp_endpoint: \"https://u:p@otlp.example\"}", "telemetry.otlp_endpoint"),
		one("more than all requests", "telemetry: {sample_ratio: 10}", "telemetry.sample_ratio"),
		one("a ratio that is no number", "telemetry: {sample_ratio: nan}", "telemetry.sample_ratio"),
		one("headers for nobody", "telemetry: {headers_file: FILE}", "telemetry.headers_file"),
		one("headers that are none", "telemetry: {otlp_endpoint: \"https://otlp.example\", headers_file: FILE}", "telemetry.headers_file"),
		one("an authority of a collector without TLS", "telemetry: {otlp_endpoint: \"http://otlp.example\", ca_file: CERT}", "telemetry.ca_file"),
		one("an authority of a collector that is none", "telemetry: {otlp_endpoint: \"https://otlp.example\", ca_file: KEY}", "telemetry.ca_file"),
		one("metrics all the time", "telemetry: {metrics_interval: 1ms}", "telemetry.metrics_interval"),
		one("a webhook without events", "webhook: {url: \"https://hooks.example\", secret_file: SEAL, events: []}", "webhook.events"),
		one("a database of another kind", "database: {url: \"mysql://h/d\"}", "database.url"),
		one("a PostgreSQL without a name", "database: {url: \"postgres://h\"}", "database.url"),
		one("nowhere to store what is required", "audit: {required: true}", "audit.required"),
		one("a database that is waited for and is none", "health: {ready_requires: [database]}", "health.ready_requires"),
		one("something else to do about a full queue", "database: {url: \"sqlite:\"}\naudit: {when_full: wait}", "audit.when_full"),
		one("a queue without end", "database: {url: \"sqlite:\"}\naudit: {queue: 1000000}", "audit.queue"),
		one("a trail that forgets at once", "database: {url: \"sqlite:\"}\naudit: {retention: 1m}", "audit.retention"),
		one("something else to do about replays", "ticket: {on_replay: ban}", "ticket.on_replay"),
		one("a fence that is none", "store: {url: \"redis://h\", fence: maybe}\nticket: {seal_key_file: SEAL}", "store.fence"),
		one("seal keys that are none", "ticket: {seal_key_file: FILE}", "ticket.seal_key_file"),
		one("a lifetime that is too long", "ticket: {ttl: 61s}", "ticket.ttl"),
		one("a lifetime that is too short", "ticket: {ttl: 4s}", "ticket.ttl"),
		one("no lifetime", "ticket: {ttl: 0s}", "ticket.ttl"),
		one("a retention without end", "ticket: {retention: 48h}", "ticket.retention"),
		one("a long retry window", "ticket: {retry_window: 1m}", "ticket.retry_window"),
		one("no audience", "ticket: {audiences: []}", "ticket.audiences"),
		one("two audiences of one name", "ticket: {audiences: [chat, {name: chat}]}", "ticket.audiences[1].name"),
		one("an audience with a key that nobody knows", "ticket: {audiences: [{name: chat, path: /ws}]}", "ticket.audiences[0].path"),
		{"an audience of an issuer that there is not", "", set(`ticket.audiences=[{name: chat, issuers: ["https://id.example.com/"]}]`), []string{"ticket.audiences[0].issuers"}},
		{"an audience of nobody's", "", set(`ticket.audiences=[{name: chat, issuers: [""]}]`), []string{"ticket.audiences[0].issuers"}},
		one("one scope made of two", "ticket: {audiences: [{name: chat, scopes: [\"a b\"]}]}", "ticket.audiences[0].scopes"),
		one("a path of an audience with a query", "ticket: {audiences: [{name: chat, paths: [/ws, \"/a?b\"]}]}", "ticket.audiences[0].paths"),
		one("a path of two audiences", "ticket: {audiences: [{name: chat, paths: [\"/ws/{room}\"]}, {name: admin, paths: [\"/ws/{name}/\"]}]}", "ticket.audiences[1].paths"),
		one("paths of two audiences that differ in case", "ticket: {audiences: [{name: chat, paths: [/ws/a]}, {name: admin, paths: [/ws/A]}]}", "ticket.audiences[1].paths"),
		one("paths of two audiences, none more specific", "ticket: {audiences: [{name: chat, paths: [\"/ws/{a}/x\"]}, {name: admin, paths: [\"/ws/x/{b}\"]}]}", "ticket.audiences[1].paths"),
		one("a path that no audience has", "ticket: {audiences: [{name: chat, paths: [/ws/chat]}]}\nws: {path: [/ws/chat/, /ws/general]}", "ws.path"),
		one("an audience at the path of another endpoint", "ticket: {audiences: [{name: chat, paths: [/ws-ticket]}]}", "ws.path"),
		one("a key of an audience that there is not", "internal: {api_keys: [{name: a, sha256: "+aDigest+", scopes: [consume], audiences: [chat]}]}", "internal.api_keys[0].audiences"),
		one("a key of an audience without a name", "internal: {api_keys: [{name: a, sha256: "+aDigest+", scopes: [consume], audiences: [\"\"]}]}", "internal.api_keys[0].audiences"),
		one("an audience without a name", "ticket: {audiences: [\"\"]}", "ticket.audiences[0].name"),
		// Callers.
		one("an issuer without keys", "issuers: [{issuer: a, audience: [b]}]", "issuers[0]"),
		one("an issuer with two sources of keys", "issuers: [{issuer: a, audience: [b], public_key_file: KEY, jwks_url: \"https://a\"}]", "issuers[0]"),
		one("an issuer without a name", "issuers: [{audience: [b], public_key_file: KEY}]", "issuers[0].issuer"),
		one("an issuer with a password, which would be in every log", "issuers: [{issuer: \"https://u:p@a.example\", audience: [b], public_key_file: KEY}]", "issuers[0].issuer"),
		one("an issuer without audience", "issuers: [{issuer: a, public_key_file: KEY}]", "issuers[0].audience"),
		one("a profile that is none", "issuers: [{issuer: a, audience: [b], public_key_file: KEY, profile: keycloack}]", "issuers[0].profile"),
		one("an issuer that the profile's provider does not have", "issuers: [{issuer: \"https://acme.eu.auth0.com\", audience: [b], profile: auth0}]", "issuers[0].issuer"),
		one("no issuer for a profile", "issuers: [{audience: [b], profile: supabase}]", "issuers[0].issuer"),
		one("no audience for a profile", "issuers: [{issuer: \"https://clerk.example.com\", profile: clerk}]", "issuers[0].audience"),
		one("the same issuer twice", "issuers: [{issuer: a, audience: [b], public_key_file: KEY}, {issuer: a, audience: [b], public_key_file: KEY}]", "issuers[1].issuer"),
		one("keys that serve for too long", "issuers: [{issuer: a, audience: [b], jwks_url: \"https://id.example.com/jwks\", jwks_max_age: 48h}]", "issuers[0].jwks_max_age"),
		one("too much leeway", "issuers: [{issuer: a, audience: [b], public_key_file: KEY, leeway: 31s}]", "issuers[0].leeway"),
		one("a typ of tokens that are not bearers", "issuers: [{issuer: a, audience: [b], public_key_file: KEY, type: logout+jwt}]", "issuers[0].type"),
		one("a subject in a claim that means something else", "issuers: [{issuer: a, audience: [b], public_key_file: KEY, claim_names: {subject: exp}}]", "issuers[0].claim_names.subject"),
		one("a subject in the claim of the audience", "issuers: [{issuer: a, audience: [b], public_key_file: KEY, claim_names: {subject: azp, audience: azp}}]", "issuers[0].claim_names.subject"),
		one("an audience likewise", "issuers: [{issuer: a, audience: [b], public_key_file: KEY, claim_names: {audience: iss}}]", "issuers[0].claim_names.audience"),
		one("scopes likewise", "issuers: [{issuer: a, audience: [b], public_key_file: KEY, claim_names: {scope: cnf}}]", "issuers[0].claim_names.scope"),
		one("a session likewise", "issuers: [{issuer: a, audience: [b], public_key_file: KEY, claim_names: {session: jti}}]", "issuers[0].claim_names.session"),
		one("a logout client without a name", "issuers: [{issuer: a, audience: [b], public_key_file: KEY, logout: {client_ids: [\"\"]}}]", "issuers[0].logout.client_ids"),
		one("a way to match logouts that is none", "issuers: [{issuer: a, audience: [b], public_key_file: KEY, logout: {client_ids: [web], match: jti}}]", "issuers[0].logout.match"),
		one("an audience of events without a name", "issuers: [{issuer: a, audience: [b], public_key_file: KEY, events: {audience: [\"\"]}}]", "issuers[0].events.audience"),
		one("events of users by another name", "issuers: [{issuer: a, audience: [b], public_key_file: KEY, claim_names: {subject: oid}, events: {audience: [x]}}]", "issuers[0].events.audience"),
		one("keys over http", "issuers: [{issuer: a, audience: [b], jwks_url: \"http://a/keys\"}]", "issuers[0].jwks_url"),
		one("a key file that is not there", "issuers: [{issuer: a, audience: [b], public_key_file: /gone}]", "issuers[0].public_key_file"),
		one("a key file that is none", "issuers: [{issuer: a, audience: [b], public_key_file: FILE}]", "issuers[0].public_key_file"),
		one("an algorithm that is none", "issuers: [{issuer: a, audience: [b], public_key_file: KEY, algorithms: [RS255, EdDSA]}]", "issuers[0].algorithms"),
		one("a cookie that nobody can tell", strings.Replace(sessions, ", jwt: true", "", 1), "session"),
		one("a cookie that two may tell", strings.Replace(sessions, "jwt: true", "jwt: true, lookup_url: \"http://app\"", 1), "session"),
		one("a cookie with a strange name", strings.Replace(sessions, "sid", "\"a=b\"", 1), "session.cookie"),
		one("a session without a cookie", strings.Replace(sessions, "cookie: sid, ", "", 1), "session.cookie"),
		one("a lookup that is no URL", strings.Replace(sessions, "jwt: true", "lookup_url: app", 1), "session.lookup_url"),
		one("a lookup with a password", strings.Replace(sessions, "jwt: true", "lookup_url: \"http://u:p@app\"", 1), "session.lookup_url"),
		one("a key that is not hashed", "internal: {api_keys: [{name: a, sha256: plain, scopes: [consume]}]}", "internal.api_keys[0].sha256"),
		one("a key of nobody", "internal: {api_keys: [{sha256: "+aDigest+", scopes: [consume]}]}", "internal.api_keys[0].name"),
		one("a key for nothing", "internal: {api_keys: [{name: a, sha256: "+aDigest+"}]}", "internal.api_keys[0].scopes"),
		one("a scope that is none", "internal: {api_keys: [{name: a, sha256: "+aDigest+", scopes: [all]}]}", "internal.api_keys[0].scopes"),
		// Identity.
		one("identity in a header that means something else", "identity: {headers: {sub: Host}}", "identity.headers"),
		one("identity twice in one header", "identity: {headers: {sub: X-User, iss: x-user}}", "identity.headers"),
		one("an audience without an assertion", "identity: {assertion_audience: app}", "identity.assertion_audience"),
		one("a key of assertions that is none", "public: {url: \"https://a.example\"}\nidentity: {assertion_key_file: FILE, assertion_audience: app}", "identity.assertion_key_file"),
		one("users of two issuers", twoIssuers, "identity.headers"),
		one("users of two issuers in headers of one's own", twoIssuers+"identity: {headers: {sid: X-Session}}", "identity.headers"),
		one("users of an issuer and of an application", strings.Replace(sessions, "jwt: true", "lookup_url: \"http://app\"", 1), "identity.headers"),
		// Handshakes.
		one("an origin with a wildcard", "origins: [\"*\"]", "origins"),
		one("an origin with a path", "origins: [\"https://app.example.com/x\"]", "origins"),
		one("nobody could connect", "ws: {allow_missing_origin: false}", "ws.allow_missing_origin"),
		one("a host that is none", "public: {hosts: [\"a..b\"]}", "public.hosts"),
		one("a path with a query", "ws: {path: \"/ws?x\"}", "ws.path"),
		one("a path with a hidden segment", "ws: {path: /.ws}", "ws.path"),
		one("the path of another endpoint", "ws: {path: /ws-ticket}", "ws.path"),
		one("a path of somebody else's", "ws: {path: /.well-known/jwks.json}", "ws.path"),
		one("no path", "ws: {path: \"\"}", "ws.path"),
		one("an empty list of paths", "ws: {path: []}", "ws.path"),
		one("a path that takes all", "ws: {path: \"/{room}\"}", "ws.path"),
		one("the same name in two segments", "ws: {path: \"/ws/{room}/{room}\"}", "ws.path"),
		one("two paths for the same requests", "ws: {path: [\"/ws/{room}\", \"/ws/{name}/\"]}", "ws.path"),
		one("a door that is none", "ws: {doors: [window]}", "ws.doors"),
		one("an origin with a slash at its end", "origins: [\"https://app.example.com/\"]", "origins"),
		one("an origin that no page has", "origins: [\"null\"]", "origins"),
		one("a door for sessions that there are not", "ws: {doors: [query, cookie]}\norigins: [\"https://app.example.com\"]", "ws.doors"),
		one("a parameter that must never hold a ticket", "ws: {ticket_parameter: access_token}", "ws.ticket_parameter"),
		one("a parameter in capital letters", "ws: {ticket_parameter: Ticket}", "ws.ticket_parameter"),
		one("no time for the first message", "ws: {auth_timeout: 0s}", "ws.auth_timeout"),
		one("too much of it", "ws: {auth_timeout: 61s}", "ws.auth_timeout"),
		one("messages that cannot hold a control frame", "ws: {max_message: 10}", "ws.max_message"),
		one("an upstream with a path", "ws: {upstream: \"http://app/ws\"}", "ws.upstream"),
		one("a ping before now", "ws: {upstream: \"http://app:80\", ping: -1s}", "ws.ping"),
		one("a negative idle time", "ws: {upstream: \"http://app:80\", idle_timeout: -1s}", "ws.idle_timeout"),
		one("less than no patience with the store", "guard: {max_stale: -1s}", "guard.max_stale"),
		one("a drain without end", "ws: {drain_window: 1h}", "ws.drain_window"),
		one("a notice that is too early", "ws: {expiry_notice: 2h}", "ws.expiry_notice"),
		one("no unauthenticated sockets", "limits: {unauthenticated: 0}", "limits.unauthenticated"),
		one("none of an address", "limits: {unauthenticated_per_address: -1}", "limits.unauthenticated_per_address"),
		// Several at once.
		{
			"one of each", "ticket: {ttl: 5m}\nws: {path: /.ws}\nlog: {level: loud}\nwss: {}\npublic: {tls: {cert_file: /gone, key_file: /gone}}",
			set("WSTICKET_TICKET_RETENTION=48h", "identity.assertion_audience=app"),
			[]string{"ticket.ttl", "ws.path", "log.level", "wss", "public.tls.cert_file", "public.tls.key_file", "ticket.retention", "identity.assertion_audience"},
		},
	}
}

// TestFaults passes every faulty configuration to check-config and to serve,
// which have to report the same: each fault once, by its key.
func TestFaults(t *testing.T) {
	certs := testenv.TLS(t)
	fill := strings.NewReplacer(
		"SHORT", test.WriteFile(t, "webhook.key", "too short"), "CERTKEY", certs.ServerKeyFile, "CERT", certs.ServerCertFile, "PRIVATE", test.WriteFile(t, "private.pem", test.PrivatePEM(newEd25519(t))),
		"FILE", test.WriteFile(t, "other", "something else"), "SEAL", test.WriteFile(t, "seal.keys", sealKeyA),
		"KEY", test.WriteFile(t, "key.pem", publicKeyPEM(t, newEd25519(t))),
	)
	rows := faultyConfigurations()
	if len(rows) < 60 {
		t.Errorf("only %d rows", len(rows))
	}
	for _, row := range rows {
		t.Run(row.rule, func(t *testing.T) {
			if !strings.Contains(row.file, "issuers:") {
				row.file += "\nissuers: [{issuer: \"https://id.example.com\", audience: [ws], public_key_file: KEY}]\n"
			}
			w := world{Stderr: io.Discard}
			args := []string{"--config", test.WriteFile(t, "wsticket.yaml", fill.Replace(row.file))}
			if !strings.Contains(row.file, "listen:") {
				args = append(args, "--set", "public.listen=127.0.0.1:0", "--set", "internal.listen=127.0.0.1:0")
			}
			for _, setting := range row.more {
				if strings.HasPrefix(setting, "WSTICKET_") {
					w.Env = append(w.Env, setting)
				} else {
					args = append(args, "--set", setting)
				}
			}
			checked, served := faultsOf(t, "check-config", w, args), faultsOf(t, "serve", w, args)
			if checked != served {
				t.Errorf("check-config says\n%s\nserve says\n%s", checked, served)
			}
			_, lines, _ := strings.Cut(checked, "\n")
			for _, key := range row.keys {
				if strings.Count("\n"+lines, " "+key+": ")+strings.Count("\n"+lines, "\n"+key+": ") != 1 {
					t.Errorf("not once a fault of %s:\n%s", key, checked)
				}
			}
			if got := strings.Count(lines, "\n") + 1; got != len(row.keys) {
				t.Errorf("%d faults, want %d:\n%s", got, len(row.keys), checked)
			}
		})
	}
}

// faultsOf runs a command, which must end with an error and not begin to serve.
func faultsOf(t *testing.T, command string, w world, args []string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.Args, w.Stdout = append([]string{command}, args...), stopper{cancel}
	err := run(ctx, w)
	if err == nil {
		t.Fatalf("%s finds nothing", command)
	}
	return err.Error()
}

// stopper ends a command that prints something, which means that it has found
// no fault.
type stopper struct{ stop context.CancelFunc }

func (s stopper) Write(p []byte) (int, error) {
	s.stop()
	return len(p), nil
}
