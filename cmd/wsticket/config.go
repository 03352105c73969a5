package main

import (
	"encoding"
	"fmt"
	"strconv"
	"strings"
	"time"

	"wsticket/internal/layered"
	"wsticket/internal/limit"
	"wsticket/ws"
)

// envPrefix begins the name of every setting in the environment.
const envPrefix = "WSTICKET_"

// configEnv names the configuration file; it is no setting itself.
const configEnv = envPrefix + "CONFIG"

// Config is all that can be set. The `yaml` tags are the keys that users
// know; `help` is their line in docs/configuration.md, which is generated.
type Config struct {
	Public   PublicConfig   `yaml:"public"`
	Internal InternalConfig `yaml:"internal"`
	Ticket   TicketConfig   `yaml:"ticket"`
	Store    StoreConfig    `yaml:"store"`
	Database DatabaseConfig `yaml:"database"`
	Issuers  []IssuerConfig `yaml:"issuers" help:"Who may sign bearers. At least one, unless session.lookup_url is set."`
	Session  SessionConfig  `yaml:"session"`
	Origins  []string       `yaml:"origins" help:"Web origins (scheme://host[:port]) whose pages may ask for tickets and connect. Compared whole; no wildcards."`
	WS       WSConfig       `yaml:"ws"`
	Limits   LimitsConfig   `yaml:"limits"`
	Identity IdentityConfig `yaml:"identity"`
	Log      LogConfig      `yaml:"log"`
}

// PublicConfig is the listener that clients reach.
type PublicConfig struct {
	Listen         string    `yaml:"listen" help:"Address of the public listener. Port 0 picks a free one."`
	URL            string    `yaml:"url" help:"How clients reach the public listener; the ready url of an issued ticket begins with it. Empty: the host of the request."`
	Hosts          []string  `yaml:"hosts" help:"Hosts that are answered: a name under every port, name:port under that one alone. Empty: the host of public.url; where that is empty too, loopback names only."`
	TrustedProxies []string  `yaml:"trusted_proxies" help:"Addresses or prefixes of proxies whose X-Forwarded-For is believed, and that may ask at /auth/… of the internal listener without a key."`
	TLS            TLSConfig `yaml:"tls"`
}

// TLSConfig is a server certificate.
type TLSConfig struct {
	CertFile string `yaml:"cert_file" help:"PEM certificate chain; with key_file, the listener speaks TLS 1.2 or later."`
	KeyFile  string `yaml:"key_file" help:"PEM private key of cert_file."`
}

// InternalConfig is the listener for operators.
type InternalConfig struct {
	Listen  string            `yaml:"listen" help:"Address of the internal listener: what backends and proxies ask, health, metrics, openapi.yaml. Never make it public."`
	APIKeys []APIKeyConfig    `yaml:"api_keys" help:"Keys of the backends that call /consume and /introspect, and of proxies that are not in public.trusted_proxies. Several may have one name, while they are exchanged."`
	TLS     InternalTLSConfig `yaml:"tls"`
}

// InternalTLSConfig is a server certificate, and the authority of clients.
type InternalTLSConfig struct {
	CertFile     string `yaml:"cert_file" help:"PEM certificate chain of the internal listener."`
	KeyFile      string `yaml:"key_file" help:"PEM private key of cert_file."`
	ClientCAFile string `yaml:"client_ca_file" help:"PEM authorities of callers. A certificate of theirs is as good as a key with every scope; /metrics then asks for one, or for a key with the scope read."`
}

// APIKeyConfig is one key of a backend.
type APIKeyConfig struct {
	Name   string   `yaml:"name" help:"Name of the caller, for logs: letters, digits, dots, underscores, hyphens."`
	SHA256 string   `yaml:"sha256" help:"SHA-256 of the key in lower-case hex: printf %s KEY | sha256sum."`
	Scopes []string `yaml:"scopes" help:"Any of consume (also to ask at /auth/…), introspect, read (/metrics with client_ca_file), revoke (nothing yet)."`
}

// TicketConfig is how long tickets live and what they are for.
type TicketConfig struct {
	TTL         time.Duration `yaml:"ttl" help:"Lifetime of a ticket, 5s to 60s. A bearer that ends sooner shortens it."`
	Retention   time.Duration `yaml:"retention" help:"How long a spent ticket is remembered, for receipts and to tell a replay from an unknown ticket."`
	RetryWindow time.Duration `yaml:"retry_window" help:"How long the same handshake attempt may come again and gets the same answer, 0s to 10s. 0s switches it off."`
	SealKeyFile string        `yaml:"seal_key_file" help:"Keys that seal records: one a line, base64 of 32 bytes; the first seals, all open. Required with a shared store; without one, serve draws a key."`
	Audiences   []string      `yaml:"audiences" help:"Endpoints that a ticket may be for. The first is the default, and the one that ws.path serves."`
}

// StoreConfig is where tickets are kept.
type StoreConfig struct {
	URL   layered.Secret `yaml:"url" help:"memory: for one process; for several redis://[user:password@]host:port/db, rediss:// (TLS), redis+sentinel://name@host1,host2 or redis+cluster://host1,host2. In the environment also as WSTICKET_STORE_URL_FILE, which names a file."`
	Fence string         `yaml:"fence" help:"What to do where Redis does not tell its replication identity, without which a failover may bring spent tickets back: auto warns, require refuses to start, off does not ask."`
	// The name is the warning: with eviction, open tickets vanish.
	InsecureAllowEviction bool `yaml:"insecure_allow_eviction" help:"Start although Redis may evict keys. Tickets that it evicts are refused."`
}

// DatabaseConfig is the durable trail.
type DatabaseConfig struct {
	URL layered.Secret `yaml:"url" help:"Audit trail. Not available yet: must be empty."`
}

// IssuerConfig is one signer of bearers. Exactly one of JWKSURL, Discovery,
// PublicKeyFile and HMACSecretFile says where its keys are.
type IssuerConfig struct {
	Issuer         string        `yaml:"issuer" help:"Exact value of the iss claim."`
	Audience       []string      `yaml:"audience" help:"Values of the aud claim that are accepted; one of them must be in it."`
	Algorithms     []string      `yaml:"algorithms" help:"Signature algorithms that are accepted: RS256 to RS512, PS256 to PS512, ES256, ES384, ES512, EdDSA, or HS256 to HS512 with hmac_secret_file."`
	JWKSURL        string        `yaml:"jwks_url" help:"Where the issuer publishes its keys (https)."`
	Discovery      bool          `yaml:"discovery" help:"Find jwks_url by OpenID Connect Discovery under the issuer."`
	PublicKeyFile  string        `yaml:"public_key_file" help:"Public key as PEM, JWK or JWK set."`
	HMACSecretFile string        `yaml:"hmac_secret_file" help:"Shared secret of HS algorithms, at least as long as the hash."`
	Type           string        `yaml:"type" help:"Accepted typ header. Empty means at+jwt (RFC 9068); any switches the check off, for issuers that do not set it."`
	MaxLifetime    time.Duration `yaml:"max_lifetime" help:"Longest time from iat to exp. 0 means 24h."`
	Leeway         time.Duration `yaml:"leeway" help:"Clock difference that is forgiven, 0s to 30s."`
	Claims         []string      `yaml:"claims" help:"Claims that become part of the identity."`
	Insecure       bool          `yaml:"insecure_allow_private_network" help:"Keys may come over http and from loopback or private addresses."`
}

// SessionConfig is the session cookie.
type SessionConfig struct {
	Cookie    string `yaml:"cookie" help:"Name of the session cookie, with which pages of origins may ask for tickets; exactly one of jwt and lookup_url says what it holds. Best one that begins with __Host-. Empty: none. See docs/sessions.md."`
	JWT       bool   `yaml:"jwt" help:"The cookie holds a JWT of one of the issuers."`
	LookupURL string `yaml:"lookup_url" help:"The application says whose session a cookie is: asked by GET with the cookie alone, it answers 200 with the identity as JSON, or 401. Its origin is the issuer of such identities."`
}

// WSConfig is the WebSocket endpoint.
type WSConfig struct {
	Path               string        `yaml:"path" help:"Path of the WebSocket endpoint."`
	Doors              []string      `yaml:"doors" help:"Ways in: query, subprotocol, header, cookie, first_message. cookie needs session.cookie; this list as a whole may name it without."`
	TicketParameter    string        `yaml:"ticket_parameter" help:"Name of the query parameter that holds a ticket."`
	AllowMissingOrigin bool          `yaml:"allow_missing_origin" help:"Handshakes without an Origin header are answered: those of native clients and servers."`
	Upstream           string        `yaml:"upstream" help:"Application to relay to: http://host:port, https://host:port or unix:/path. Empty: an echo application answers."`
	AuthTimeout        time.Duration `yaml:"auth_timeout" help:"Time for the first message, from the end of the handshake, to 1m."`
	MaxMessage         Size          `yaml:"max_message" help:"Longest message that a client may send, as it is on the wire."`
	Ping               time.Duration `yaml:"ping" help:"A client that is silent for so long is pinged, and cut when it is silent for as long again. 0s switches it off. With upstream only."`
	IdleTimeout        time.Duration `yaml:"idle_timeout" help:"A connection over which nothing goes for so long, pings included, is closed with 1001. 0s switches it off. With upstream only."`
	DrainWindow        time.Duration `yaml:"drain_window" help:"Time over which connections are closed with 1001 when the service stops, 0s to 10m. 0s closes all at once."`
	AcceptThenClose    bool          `yaml:"accept_then_close" help:"Complete a handshake that is refused for its credential or a limit, and close it with a code, which pages see. Otherwise they see 1006."`
	MaxConnections     int           `yaml:"max_connections_per_subject" help:"Not available yet: must be 0."`
}

// LimitsConfig bounds what one caller may do, per process.
type LimitsConfig struct {
	PerSubject          limit.Rate `yaml:"per_subject" help:"Requests per user, such as 10/s or 600/m, with as many at once. 0 switches it off."`
	PerAddress          limit.Rate `yaml:"per_address" help:"Requests and handshakes per client address (IPv6: per /64); on the internal listener, requests without a good key per peer. 0 switches it off."`
	Unauthenticated     int        `yaml:"unauthenticated" help:"WebSockets that have not authenticated yet: those that wait for their first message. One more is refused."`
	UnauthenticatedAddr int        `yaml:"unauthenticated_per_address" help:"The same, per client address (IPv6: per /64)."`
}

// IdentityConfig is how the application learns who is there.
type IdentityConfig struct {
	Headers           IdentityHeaders `yaml:"headers" help:"Headers that tell the application who is there: x-auth-request, x-forwarded, remote, or a mapping of claims to headers such as {sub: X-User, email: X-Email}, in the environment sub=X-User,email=X-Email. Empty: X-Wsticket-Id and X-Wsticket-Expires alone, which always are there. See docs/identity.md."`
	AssertionKeyFile  string          `yaml:"assertion_key_file" help:"Private keys (PEM, ECDSA P-256 or Ed25519, one or two) of the signed assertion in X-Wsticket-Assertion. The first signs, both are published at /.well-known/jwks.json of public.url. Empty: no assertion."`
	AssertionAudience string          `yaml:"assertion_audience" help:"Audience of the assertion: the name of the application. Required with assertion_key_file."`
}

// LogConfig is what is logged, on standard error.
type LogConfig struct {
	Level  string `yaml:"level" help:"debug, info, warn or error."`
	Format string `yaml:"format" help:"json or text."`
}

// allDoors are the ways in that there are.
func allDoors() []string {
	return []string{"query", "subprotocol", "header", "cookie", "first_message"}
}

// defaultConfig is the lowest layer.
func defaultConfig() Config {
	return Config{
		Public:   PublicConfig{Listen: ":8080"},
		Internal: InternalConfig{Listen: "127.0.0.1:8081"},
		Ticket: TicketConfig{
			TTL: 30 * time.Second, Retention: 5 * time.Minute, RetryWindow: 2 * time.Second,
			Audiences: []string{"default"},
		},
		Store: StoreConfig{URL: layered.NewSecret("memory:"), Fence: "auto"},
		WS: WSConfig{
			Path: "/ws", Doors: allDoors(), TicketParameter: "ticket",
			AllowMissingOrigin: true, AuthTimeout: 5 * time.Second, MaxMessage: 64 << 10, Ping: 30 * time.Second,
			DrainWindow: ws.DefaultDrainWindow,
		},
		Limits: LimitsConfig{
			PerSubject:      limit.Rate{Events: 10, Per: time.Second},
			PerAddress:      limit.Rate{Events: 50, Per: time.Second},
			Unauthenticated: 1000, UnauthenticatedAddr: 20,
		},
		Identity: IdentityConfig{Headers: presetHeaders("x-auth-request")},
		Log:      LogConfig{Level: "info", Format: "json"},
	}
}

// Size is a number of bytes, written like 64KiB.
type Size int64

var _ encoding.TextUnmarshaler = (*Size)(nil)

// UnmarshalText reads a whole number with an optional unit of B, KiB or MiB.
func (s *Size) UnmarshalText(text []byte) error {
	number, unit := string(text), int64(1)
	for suffix, factor := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20} {
		if rest, ok := strings.CutSuffix(number, suffix); ok {
			number, unit = rest, factor
			break
		}
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(number, "B"), 10, 64)
	if err != nil || n < 0 || n > (1<<40)/unit {
		return fmt.Errorf("must be a size such as 4096, 64KiB or 1MiB (got %q)", text)
	}
	*s = Size(n * unit)
	return nil
}

// String writes the size in its largest whole unit.
func (s Size) String() string {
	switch {
	case s >= 1<<20 && s%(1<<20) == 0:
		return fmt.Sprintf("%dMiB", s>>20)
	case s >= 1<<10 && s%(1<<10) == 0:
		return fmt.Sprintf("%dKiB", s>>10)
	}
	return strconv.FormatInt(int64(s), 10)
}
