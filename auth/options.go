package auth

import (
	"crypto"
	"log/slog"
	"time"
)

// Bounds and defaults of the options.
const (
	DefaultType        = "at+jwt"
	DefaultMaxLifetime = 24 * time.Hour
	MaxLeeway          = 30 * time.Second
	DefaultCacheSize   = 10_000
	DefaultRefresh     = 10 * time.Minute
	DefaultMaxStale    = time.Hour
)

// AnyType as the Type of an issuer accepts tokens of every typ, or without
// one. It is for providers from before RFC 9068, whose access tokens do not
// say what they are. The audience must then not be one that the same issuer
// makes other kinds of tokens for.
const AnyType = "any"

// IssuerOptions are one issuer's settings. Exactly one of JWKSURL, Discovery,
// PublicKeyFile, HMACSecretFile and Keys says where its keys come from.
type IssuerOptions struct {
	// Issuer is compared with the claim iss, byte for byte. Required, and
	// different from that of every other issuer.
	Issuer string
	// Audience lists who we are: the claim aud has to hold one of them, byte
	// for byte, and may hold others. Required.
	Audience []string
	// Algorithms are those that its tokens may be signed with, of RS256,
	// RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, or with
	// HMACSecretFile of HS256, HS384, HS512. Default: for keys that are there
	// at the start the one of each key (its alg, else RS256 for RSA, ES256,
	// ES384 or ES512 by the curve, EdDSA for Ed25519, HS256 for a secret); for
	// JWKSURL and Discovery only RS256, which every provider has to support
	// (RFC 9068 2.1), so that a provider cannot add one by its key set.
	Algorithms []string

	// JWKSURL is the https URL of a JWK set.
	JWKSURL string
	// Discovery finds the JWK set by OpenID Connect Discovery 1.0; Issuer has
	// to be an https URL then.
	Discovery bool
	// PublicKeyFile holds public keys or certificates in PEM, a JWK, or a JWK
	// set. It is read once.
	PublicKeyFile string
	// HMACSecretFile holds a secret of at least the length of the hash. One
	// line break at the end is not part of it. It is read once. Whoever can
	// verify with it can sign: prefer any other source.
	HMACSecretFile string
	// Keys are *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey. They have
	// no names, so that a kid does not count.
	Keys []crypto.PublicKey

	// Type is what the typ header has to be, with or without "application/"
	// and ignoring case. Default "at+jwt" (RFC 9068); see [AnyType].
	Type string
	// MaxLifetime bounds exp - iat. Default 24 h.
	MaxLifetime time.Duration
	// Leeway is how far the issuer's clock may differ, 0 to 30 s: a bearer is
	// accepted for so much longer than exp, and so much before nbf and iat. An
	// identity's ExpiresAt is exp itself.
	Leeway time.Duration
	// Claims names those that go into the identity, where they are present.
	Claims []string
	// InsecureAllowPrivateNetwork lets keys come over http, and from loopback
	// and private addresses. Link-local addresses stay refused.
	InsecureAllowPrivateNetwork bool
}

// Options are the parts and settings of a [Verifier].
type Options struct {
	// Issuers are those whose bearers are accepted. None: every bearer is
	// refused, for example because sessions are all there is; see [Sessions].
	Issuers []IssuerOptions
	// CacheSize bounds how many verified bearers are remembered. Default
	// 10 000; negative for none.
	CacheSize int
	// Refresh is the time between two fetches of the keys behind a URL, less
	// up to a fifth of it by chance. Default 10 min, at least 1 min.
	Refresh time.Duration
	// MaxStale is how long a key set serves after the last time that it could
	// be fetched. Default 1 h, at least Refresh.
	MaxStale time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Logger is told about keys that cannot be fetched. Default: discarded.
	Logger *slog.Logger
	// Network is where keys are fetched. Default: the system's.
	Network Network
}

// withDefaults fills in what is documented at each field.
func (o Options) withDefaults() Options {
	if o.CacheSize == 0 {
		o.CacheSize = DefaultCacheSize
	}
	if o.Refresh == 0 {
		o.Refresh = DefaultRefresh
	}
	if o.MaxStale == 0 {
		o.MaxStale = max(DefaultMaxStale, o.Refresh)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Network = o.Network.withDefaults()
	return o
}

// withDefaults fills in what does not depend on the keys.
func (o IssuerOptions) withDefaults() IssuerOptions {
	if o.Type == "" {
		o.Type = DefaultType
	}
	o.Type = shortType(o.Type)
	if o.MaxLifetime == 0 {
		o.MaxLifetime = DefaultMaxLifetime
	}
	return o
}
