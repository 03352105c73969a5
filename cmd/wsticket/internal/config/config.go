// Package config holds the settings of wsticket: their types and defaults, the
// layers that set them (file, environment, flags), and the key of each fault
// that is found in them.
package config

import (
	"time"

	"wsticket/api"
	"wsticket/audit"
	"wsticket/auth"
	"wsticket/gate"
	"wsticket/internal/limit"
	"wsticket/live"
	"wsticket/ticket"
	"wsticket/ws"
)

// Config is all that can be set. The `yaml` tags are the keys that users
// know; `help` is their line in docs/configuration.md, which is generated.
type Config struct {
	Health    Health    `yaml:"health"`
	Public    Public    `yaml:"public"`
	Internal  Internal  `yaml:"internal"`
	Ticket    Ticket    `yaml:"ticket"`
	Store     Store     `yaml:"store"`
	Database  Database  `yaml:"database"`
	Issuers   []Issuer  `yaml:"issuers" help:"Who may sign bearers. At least one, unless session.lookup_url is set."`
	Session   Session   `yaml:"session"`
	Origins   []string  `yaml:"origins" help:"Origins (scheme://host[:port]) whose pages may get tickets and connect: of web sites, and of applications and extensions with schemes of their own, such as capacitor://localhost. Compared whole; no wildcards, and never null."`
	WS        WS        `yaml:"ws"`
	Guard     Guard     `yaml:"guard"`
	Limits    Limits    `yaml:"limits"`
	Identity  Identity  `yaml:"identity"`
	Webhook   Webhook   `yaml:"webhook"`
	Telemetry Telemetry `yaml:"telemetry"`
	Audit     Audit     `yaml:"audit"`
	Log       Log       `yaml:"log"`
	Reload    Reload    `yaml:"reload"`
}

// Health is about probes, which the internal listener answers, too.
type Health struct {
	Listen        string   `yaml:"listen" help:"Address of a third listener that answers /livez, /startupz and /readyz and nothing else, by plain HTTP, for probes that cannot reach the internal one, such as a kubelet's. Port 0 picks a free one. Empty: there is none."`
	ReadyRequires []string `yaml:"ready_requires" help:"What /readyz requires, apart from a service that has started and does not stop: store (it answers now), keys (every issuer has some), database (it answers now). Empty: none of them, so that an outage that all processes share does not take all of them out of service."`
}

// Public is the listener that clients reach.
type Public struct {
	Listen         string        `yaml:"listen" help:"Address of the public listener. Port 0 picks a free one."`
	URL            string        `yaml:"url" help:"URL at which clients reach the public listener. The url of an issued ticket begins with it. Empty: the host of the request."`
	Hosts          []string      `yaml:"hosts" help:"Host names that are answered: a name on every port, name:port on that port only (a default port may be left out). Empty: the host of public.url, or loopback names only if that is empty too."`
	TrustedProxies []Prefix      `yaml:"trusted_proxies" help:"Addresses or prefixes of proxies. Their X-Forwarded-For is believed. Any program at such an address can claim any other one, so name the proxies alone where users share their network. They may also ask at /auth/…, unless internal.forward_auth_peers says who may."`
	IdleTimeout    time.Duration `yaml:"idle_timeout" help:"How long a connection without a request stays open, on the internal listener as well. Longer than that of the balancer or proxy in front, which otherwise sends a request into a connection that is being closed. Up to 1h."`
	MaxConnections int           `yaml:"max_connections" help:"TCP connections of the public listener that are open at once in this process: idle ones, those in a TLS handshake, and WebSockets. One more is closed at once. The other listeners have places of their own. 0: what the limit of open files (ulimit -n) allows. See docs/sizing.md."`
	MaxPerAddress  int           `yaml:"max_connections_per_address" help:"Connections of the public listener from one peer address (IPv6: per /64; four times as many per /56 and sixteen times per /48, but at most half of all). One more is closed at once. Peers in trusted_proxies are exempt, because they stand for many clients. 0: a quarter of max_connections."`
	CORSHeaders    []string      `yaml:"cors_headers" help:"Request headers that pages of origins may send to /ws-ticket, in addition to the usual ones."`
	TLS            TLS           `yaml:"tls"`
}

// TLS is a server certificate.
type TLS struct {
	CertFile string `yaml:"cert_file" help:"PEM certificate chain; with key_file, the listener speaks TLS 1.2 or later."`
	KeyFile  string `yaml:"key_file" help:"PEM private key of cert_file."`
}

// Internal is the listener for operators.
type Internal struct {
	Listen  string   `yaml:"listen" help:"Address of the internal listener, for backends, proxies, health checks, metrics and openapi.yaml. Keep it private."`
	APIKeys []APIKey `yaml:"api_keys" help:"Keys of backends that call /consume and /introspect, and of proxies that are not in forward_auth_peers. Several keys may have the same name, to replace one."`
	// The proxies in front of the public listener and those that ask about
	// handshakes need not be the same.
	ForwardAuthPeers Peers       `yaml:"forward_auth_peers" help:"Addresses or prefixes of proxies that may ask at /auth/… without a key or a certificate. What they forward is believed for their question, and not on the public listener. Name those between them and the client, too. [] is nobody. Absent: those of public.trusted_proxies."`
	TLS              InternalTLS `yaml:"tls"`
}

// InternalTLS is a server certificate, and the authority of clients.
type InternalTLS struct {
	CertFile     string   `yaml:"cert_file" help:"PEM certificate chain of the internal listener."`
	KeyFile      string   `yaml:"key_file" help:"PEM private key of cert_file."`
	ClientCAFile string   `yaml:"client_ca_file" help:"PEM certificate authorities of callers. A certificate of theirs works like a key with every scope. /metrics then requires one, or a key with the scope read."`
	ClientNames  []string `yaml:"client_names" help:"Names of callers whose certificates are accepted: a URI such as spiffe://example.org/chat or a DNS name of the certificate, or its common name where it has neither. Compared whole, without wildcards. Empty: every certificate of client_ca_file."`
}

// APIKey is one key of a backend.
type APIKey struct {
	Name   string   `yaml:"name" help:"Name of the caller, for logs: letters, digits, dots, underscores, hyphens."`
	SHA256 string   `yaml:"sha256" help:"SHA-256 of the key in lower-case hex: printf %s KEY | sha256sum."`
	Scopes []string `yaml:"scopes" help:"Any of consume (also to ask at /auth/…), introspect, revoke (/revocations, /drain, to cut a connection), read (/connections, the page at /ops, and /metrics with client_ca_file)."`
	// Not only for consume: introspect shows what is in a ticket.
	Audiences []string `yaml:"audiences" help:"Audiences of ticket.audiences whose tickets the key is for. Without an audience in its call, the key consumes for the first of ticket.audiences that is here. Empty: all."`
}

// Ticket is how long tickets live and what they are for.
type Ticket struct {
	TTL         time.Duration `yaml:"ttl" help:"Lifetime of a ticket, 5s to 60s. A bearer that expires sooner shortens it."`
	Retention   time.Duration `yaml:"retention" help:"How long a spent or expired ticket is remembered, for receipts and for distinguishing a replay from an unknown ticket."`
	RetryWindow time.Duration `yaml:"retry_window" help:"How long the same handshake attempt may be repeated and gets the same answer, 0s to 10s. 0s switches it off."`
	OnReplay    string        `yaml:"on_replay" help:"What a second presentation of a spent ticket does to the connection that the first one opened: report (an event with both parties), or end (also close it with 4003, wherever it is)."`
	SealKeyFile string        `yaml:"seal_key_file" help:"File with the keys that encrypt records: one per line, base64 of 32 bytes. The first encrypts, all decrypt. Required with a shared store; otherwise serve generates a key."`
	Audiences   []Audience    `yaml:"audiences" help:"Endpoints that a ticket can be for: names, or mappings of the keys below. The first is the default. A handshake is for the audience that has its path, at ws.path and at /auth/…; if none has paths, for the first one."`
}

// The values of ticket.on_replay.
const (
	ReplayReport = "report"
	ReplayEnd    = "end"
)

// Audience is an endpoint that a ticket can be for. In a list it may be the name
// alone.
type Audience struct {
	Name    string   `yaml:"name" help:"Name of the audience, for example chat."`
	Paths   []string `yaml:"paths" help:"Its paths, with templates as in ws.path. Of two paths that match, the one with a plain segment where the other one has a template counts. If another audience has paths, one without is for POST /consume only."`
	Issuers []string `yaml:"issuers" help:"Issuers whose bearers may have it: values of issuers[].issuer, or the origin of session.lookup_url. Empty: all."`
	Scopes  []string `yaml:"scopes" help:"Scopes that a bearer needs for it, all of them."`
}

// setName makes an entry of a list that is a name alone.
func (a *Audience) setName(name string) { a.Name = name }

// String returns the name.
func (a Audience) String() string { return a.Name }

// Store is where tickets are kept.
type Store struct {
	URL   Secret `yaml:"url" help:"memory: for one process. For several: redis://[user:password@]host:port/db, rediss:// (TLS), redis+sentinel://name@host1,host2 or redis+cluster://host1,host2. The environment variable WSTICKET_STORE_URL_FILE names a file that contains it."`
	Fence string `yaml:"fence" help:"What to do where Redis does not report its replication identity, without which a failover may bring spent tickets back: auto warns, require refuses to start, off does not ask."`
	// The name is a warning: with eviction, open tickets disappear.
	InsecureAllowEviction bool `yaml:"insecure_allow_eviction" help:"Start even if Redis may evict keys. Evicted tickets are refused."`
}

// Issuer is one signer of bearers. Exactly one of JWKSURL, Discovery,
// PublicKeyFile and HMACSecretFile says where its keys are.
type Issuer struct {
	Issuer         string        `yaml:"issuer" help:"Exact value of the iss claim."`
	Profile        string        `yaml:"profile" help:"Preset for a provider: auth0, clerk, cognito, entra, firebase, google, keycloak, okta or supabase. It sets where the keys are, algorithms, claim_names, max_lifetime and claims where they are not set, and checks what tokens of this provider always say. check-config prints it. See docs/identity-providers.md."`
	Audience       []string      `yaml:"audience" help:"Accepted values of the aud claim, which must contain one of them."`
	Algorithms     []string      `yaml:"algorithms" help:"Accepted signature algorithms: RS256 to RS512, PS256 to PS512, ES256, ES384, ES512, EdDSA, or HS256 to HS512 with hmac_secret_file."`
	JWKSURL        string        `yaml:"jwks_url" help:"URL at which the issuer publishes its keys (https)."`
	Discovery      bool          `yaml:"discovery" help:"Find jwks_url by OpenID Connect Discovery under the issuer."`
	JWKSMaxAge     time.Duration `yaml:"jwks_max_age" help:"How long keys from jwks_url or discovery are good after they were last fetched, 1m to 24h. They are fetched in a sixth of that time: a withdrawn key is refused then, or when this age is reached if the issuer does not answer. 0 means 1h."`
	PublicKeyFile  string        `yaml:"public_key_file" help:"File with the public key as PEM, JWK or JWK set."`
	HMACSecretFile string        `yaml:"hmac_secret_file" help:"File with the shared secret of HS algorithms, at least as long as the hash."`
	Type           string        `yaml:"type" help:"Accepted typ header. Empty: at+jwt, JWT or none. at+jwt: RFC 9068 to the letter, with every claim that it requires. Another value: that one only. A token that says it is an ID token, a refresh token or the like is refused in any case."`
	ClaimNames     ClaimNames    `yaml:"claim_names"`
	MaxLifetime    time.Duration `yaml:"max_lifetime" help:"Longest time from iat to exp. 0 means 24h."`
	Leeway         time.Duration `yaml:"leeway" help:"How far the clock of the issuer may be ahead, 0s to 30s, for iat and nbf. There is none for exp."`
	Claims         []string      `yaml:"claims" help:"Claims that become part of the identity."`
	Logout         Logout        `yaml:"logout"`
	Events         Events        `yaml:"events"`
	Insecure       bool          `yaml:"insecure_allow_private_network" help:"Allow keys over http, and from loopback or private addresses."`
}

// setDefaults makes an entry what it is where nothing is set.
func (i *Issuer) setDefaults() {
	i.Leeway, i.Logout.Match = auth.DefaultLeeway, auth.MatchSessionOrSubject
}

// Logout is which logout tokens of an issuer are accepted, at /backchannel-logout.
type Logout struct {
	ClientIDs []string `yaml:"client_ids" help:"Clients that users sign in with: the aud of a logout token contains one of them. It is not the audience of access tokens. Empty: no logout tokens. See docs/protocol.md."`
	Match     string   `yaml:"match" help:"What a logout token ends. sid: the session of its sid. sub: all sessions of its sub. sid_or_sub: the session of its sid, and all sessions of its sub if it has no sid. Use sub where access tokens have no sid."`
	AnyType   bool     `yaml:"any_type" help:"Accept logout tokens with the typ JWT or none, too, instead of logout+jwt alone."`
}

// Events is which security events of an issuer are accepted, at /security-events.
type Events struct {
	Audience      []string `yaml:"audience" help:"Accepted values of the aud claim of security events, as it was agreed with the provider for this receiver. Empty: no security events. See docs/protocol.md."`
	OpaqueSession bool     `yaml:"opaque_session" help:"The opaque id of a session in a security event is the sid of access tokens. Where it is not set, an event about a session of a user is about all sessions of the user."`
}

// ClaimNames are the names of claims that not every provider calls the same.
type ClaimNames struct {
	Subject  string `yaml:"subject" help:"Claim that names the user. Empty means sub."`
	Audience string `yaml:"audience" help:"Claim that names the services the token is for, a text or a list; issuers[].audience is compared with it. Empty means aud."`
	Scope    string `yaml:"scope" help:"Claim with the scopes, a text separated by spaces or a list. Empty means scope."`
	Session  string `yaml:"session" help:"Claim that names the session. Empty means sid."`
}

// Session is the session cookie.
type Session struct {
	Cookie    string        `yaml:"cookie" help:"Name of the session cookie with which pages of origins may get tickets, preferably beginning with __Host-. Set exactly one of jwt and lookup_url with it. Empty: no sessions. See docs/sessions.md."`
	JWT       bool          `yaml:"jwt" help:"The cookie contains a JWT of one of the issuers."`
	LookupURL string        `yaml:"lookup_url" help:"URL of the application that says whose session a cookie is. It gets a GET with this cookie only, and answers 200 with the identity as JSON, or 401. Its origin is the issuer of such identities."`
	Recheck   time.Duration `yaml:"recheck" help:"How often lookup_url is asked again about the sessions of live connections, at the latest. 401, 403 and 404 end them with 4008. 0s switches it off; otherwise 10s to 24h."`
}

// WS is the WebSocket endpoint.
type WS struct {
	Paths               []string      `yaml:"path" help:"Path of the WebSocket endpoint, or a list of paths. Each may have templates for one segment, such as /ws/chat/{room}, and is matched with and without a slash at its end. If ticket.audiences have paths, each has to be one of these, and all of them are the default. The url of an issued ticket has the first one without a template that is for its audience."`
	Doors               []string      `yaml:"doors" help:"Where a client may present its credential: any of query, subprotocol, header, cookie, first_message. Empty: query, subprotocol and header, and cookie where session.cookie is set. cookie needs session.cookie, except in the complete list."`
	TicketParameter     string        `yaml:"ticket_parameter" help:"Name of the query parameter that contains a ticket."`
	AllowMissingOrigin  bool          `yaml:"allow_missing_origin" help:"Accept handshakes without an Origin header, as native clients and servers send them."`
	Upstream            string        `yaml:"upstream" help:"Application to relay to: http://host:port, https://host:port or unix:/path. Empty: an echo application answers."`
	AuthTimeout         time.Duration `yaml:"auth_timeout" help:"Time for the first message, from the end of the handshake, up to 1m."`
	MaxMessage          Size          `yaml:"max_message" help:"Longest message that a client may send, as it is on the wire."`
	Ping                time.Duration `yaml:"ping" help:"A client that is silent for this long is pinged, and cut if it stays silent for as long again. 0s switches it off. With upstream only."`
	IdleTimeout         time.Duration `yaml:"idle_timeout" help:"A connection without traffic for this long, pings included, is closed with 1001. 0s switches it off. With upstream only."`
	DrainWindow         time.Duration `yaml:"drain_window" help:"Time over which connections are closed with 1001 when the service stops, 0s to 10m. 0s closes all at once."`
	ExpiryNotice        time.Duration `yaml:"expiry_notice" help:"How long before a connection ends because its credential does the client is sent auth_expiring, up to 1h. 0s: never. Clients of upstream get it only if they have sent a first message; see expiry_notice_relayed."`
	ExpiryNoticeRelayed bool          `yaml:"expiry_notice_relayed" help:"Send auth_expiring to all clients of upstream, between two messages of the application. Their code has to know it."`
	AcceptThenClose     bool          `yaml:"accept_then_close" help:"Complete a handshake that is refused for its credential or a limit, and close it with a code that pages can see. Otherwise they see 1006."`
	MaxPerSubject       int           `yaml:"max_connections_per_subject" help:"WebSockets that a user may have at once, in all processes that share a store, up to 10000. 0: any number."`
	OverLimit           string        `yaml:"over_limit" help:"What one too many of max_connections_per_subject does: refuse (429, or 4009 after the handshake), or replace_oldest (the oldest is closed with 4010, wherever it is). The ticket is spent in any case."`
}

// The values of WS.OverLimit.
const (
	OverLimitRefuse  = "refuse"
	OverLimitReplace = "replace_oldest"
)

// Guard is about connections that are open.
type Guard struct {
	MaxStale time.Duration `yaml:"max_stale" help:"How long connections stay open while the store cannot be read, which says what was revoked. After it they are closed with 1013, and none is accepted. 0s: they stay, and only revocations that this process is asked for end them."`
}

// Limits bounds what one caller may do, per process.
type Limits struct {
	PerSubject                limit.Rate `yaml:"per_subject" help:"Requests per user, such as 10/s or 600/m. The number is also the burst. 0 switches it off."`
	PerAddress                limit.Rate `yaml:"per_address" help:"Requests and handshakes per client address (IPv6: per /64; four times as many per /56, sixteen times per /48). On the internal listener, requests without a good key per peer. 0 switches it off."`
	HandshakesPerSubject      limit.Rate `yaml:"handshakes_per_subject" help:"Handshakes per user whose credential was accepted, such as 30/m; the ticket of one too many is spent. The number is also the burst. 0 switches it off."`
	TicketsPerSubject         int        `yaml:"tickets_per_subject" help:"Pending tickets per user, up to 10000: issued, and neither spent nor expired. One that another process redeems counts until it would have expired. 0: any number."`
	Unauthenticated           int        `yaml:"unauthenticated" help:"WebSockets that wait for their first message, in total. One more is refused."`
	UnauthenticatedPerAddress int        `yaml:"unauthenticated_per_address" help:"WebSockets that wait for their first message, per client address (IPv6: per /64; four times as many per /56 and sixteen times per /48, but at most half of all)."`
}

// Identity is how the application learns who the user is.
type Identity struct {
	Headers           Headers `yaml:"headers" help:"Headers that tell the application who the user is: x-auth-request, x-forwarded, remote, or a mapping of claims to headers such as {sub: X-User, email: X-Email}; in the environment sub=X-User,email=X-Email. With several issuers it has to be a mapping with iss, unless there is an assertion. Empty: only X-Wsticket-Id and X-Wsticket-Expires, which are always there. See docs/identity.md."`
	AssertionKeyFile  string  `yaml:"assertion_key_file" help:"File with one or two private keys (PEM, ECDSA P-256 or Ed25519) that sign X-Wsticket-Assertion. The first signs, both are published at /.well-known/jwks.json of public.url. Empty: no assertion."`
	AssertionAudience string  `yaml:"assertion_audience" help:"Audience of the assertion, the name of the application. Required with assertion_key_file."`
}

// Webhook tells another service what happens.
type Webhook struct {
	URL        string   `yaml:"url" help:"URL that gets chosen events as they happen, in signed POST requests (https). Empty: there is none. See docs/webhook.md."`
	SecretFile string   `yaml:"secret_file" help:"File with the text, at least 32 characters, that signs these requests. Required with url."`
	Events     []string `yaml:"events" help:"Kinds of events to send: any of issue, redeem, refuse, replay, tripwire, recheck, fence, revoke, admit, connect, renew, disconnect, limit. They name the user, whatever log.subject says."`
	Insecure   bool     `yaml:"insecure_allow_private_network" help:"Allow a url with http, and with a loopback or private address."`
}

// Log is what is logged, on standard error.
type Log struct {
	Level  string `yaml:"level" help:"debug, info, warn or error. debug adds what refused values were compared with (expected), and the lines of probes and scrapes."`
	Format string `yaml:"format" help:"json or text."`
	// Subject is text, because it is not only a switch.
	Subject string `yaml:"subject" help:"Whether the lines of issued and redeemed tickets name the user: false, true (iss and sub), or hash (sub_hash, a digest under the first key of ticket.seal_key_file)."`
}

// Default returns the lowest layer.
func Default() Config {
	return Config{
		Public:   Public{Listen: ":8080", IdleTimeout: 75 * time.Second},
		Internal: Internal{Listen: "127.0.0.1:8081"},
		Ticket: Ticket{
			TTL: ticket.DefaultTTL, Retention: ticket.DefaultRetention, RetryWindow: 2 * time.Second, OnReplay: ReplayReport,
			Audiences: []Audience{{Name: ticket.DefaultAudience}},
		},
		Session: Session{Recheck: 5 * time.Minute},
		Store:   Store{URL: NewSecret("memory:"), Fence: "auto"},
		WS: WS{
			Paths: []string{api.DefaultWSPath}, TicketParameter: "ticket",
			AllowMissingOrigin: true, AuthTimeout: ws.DefaultAuthTimeout, MaxMessage: ws.DefaultMaxMessage, Ping: 30 * time.Second,
			DrainWindow: live.DefaultDrainWindow, ExpiryNotice: 30 * time.Second, OverLimit: OverLimitRefuse,
		},
		Limits: Limits{
			PerSubject:      limit.Rate{Events: gate.DefaultPerSubject, Per: time.Second},
			PerAddress:      limit.Rate{Events: gate.DefaultPerAddress, Per: time.Second},
			Unauthenticated: ws.DefaultUnauthenticated, UnauthenticatedPerAddress: ws.DefaultUnauthenticatedPerAddress,
		},
		Identity:  Identity{Headers: preset("x-auth-request")},
		Webhook:   Webhook{Events: []string{string(ticket.EventReplay), string(ticket.EventTripwire), string(ticket.EventFence), string(ticket.EventRevoke)}},
		Telemetry: Telemetry{SampleRatio: 0.1, MetricsInterval: time.Minute},
		Audit:     Audit{WhenFull: string(audit.Drop), Queue: audit.DefaultQueue},
		Log:       Log{Level: "info", Format: "json", Subject: "false"},
		Reload:    Reload{Watch: 5 * time.Second},
	}
}
