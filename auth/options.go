package auth

import (
	"cmp"
	"context"
	"crypto"
	"crypto/x509"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"
)

// Bounds and defaults of the options.
const (
	DefaultMaxLifetime = 24 * time.Hour
	DefaultLeeway      = 5 * time.Second
	MaxLeeway          = 30 * time.Second
	DefaultCacheSize   = 10_000
	DefaultJWKSMaxAge  = time.Hour
)

// NoLeeway is the Leeway of an issuer whose clock is never ahead of ours.
const NoLeeway time.Duration = -1

// IssuerOptions are one issuer's settings. Exactly one of JWKSURL, Discovery,
// PublicKeyFile, HMACSecretFile and Keys says where its keys come from.
type IssuerOptions struct {
	// Issuer is compared with the claim iss, byte for byte. Required, and
	// different from that of every other issuer.
	Issuer string
	// Audience lists the names of this service: the claim aud has to hold one
	// of them, byte for byte, and may hold others. Required.
	Audience []string
	// Profile names the provider, one of [Profiles]. It fills in what is empty
	// below (see [IssuerOptions.WithProfile]), and requires what this provider's
	// bearers always say (see [ProfileRules]). Default: none.
	Profile string
	// Algorithms are those that its tokens may be signed with, of RS256,
	// RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, or with
	// HMACSecretFile of HS256, HS384, HS512. Default: for keys from a file or
	// from Go the one of each key (its alg, else RS256 for RSA, ES256, ES384
	// or ES512 by the curve, EdDSA for Ed25519, HS256 for a secret); for
	// JWKSURL and Discovery RS256 alone, which every provider has to support
	// (RFC 9068 2.1), so that a provider cannot add one by its key set.
	Algorithms []string

	// JWKSURL is the https URL of a JWK set.
	JWKSURL string
	// Discovery finds the JWK set by OpenID Connect Discovery 1.0; Issuer has
	// to be an https URL then.
	Discovery bool
	// JWKSMaxAge is how long a key set behind a URL serves after it was last
	// fetched. It is fetched again in a sixth of that time, so that a key that the
	// issuer withdraws is refused after a sixth of JWKSMaxAge, or after
	// JWKSMaxAge if the issuer cannot be reached, and an outage of the issuer is
	// survived for five sixths of it. A bearer that the keys do not verify has
	// them fetched as well, at most once in 20 s. 1 min to 24 h. Default 1 h.
	JWKSMaxAge time.Duration
	// PublicKeyFile holds public keys or certificates in PEM, a JWK, or a JWK
	// set. New reads it, once.
	PublicKeyFile string
	// HMACSecretFile holds a secret of at least the length of the hash. One
	// line break at the end is not part of it. New reads it, once. Whoever can
	// verify with it can sign: prefer any other source.
	HMACSecretFile string
	// Keys are *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey. They have
	// no names, so that the kid of a token is ignored.
	Keys []crypto.PublicKey

	// Type is what the typ header has to be, with or without "application/"
	// and ignoring case. Default "": at+jwt, JWT or none, as access tokens of
	// most providers have it. [AccessTokenType] is RFC 9068 to the letter: this
	// typ, and every claim that RFC 9068 2.2 requires; prefer it where it can be
	// had. Another value is the only typ that is accepted.
	//
	// Whatever it is, a token that says that it is something else is refused: an
	// ID token, refresh token, logout token, security event or proof, by its typ
	// or its claims. ID tokens without nonce and at_hash do not say it. The
	// Audience must not be one that the issuer makes such tokens for, which is
	// the name of the client.
	Type string
	// ClaimNames are the names of claims, where the issuer has others than the
	// registered ones.
	ClaimNames ClaimNames
	// MaxLifetime bounds exp - iat. Default 24 h.
	MaxLifetime time.Duration
	// Leeway is how far the issuer's clock may be ahead, 0 to 30 s: a bearer is
	// accepted from nbf and iat minus Leeway, and until exp. Default 5 s;
	// [NoLeeway] for none.
	Leeway time.Duration
	// Claims names the claims that become part of the identity, if they are
	// present.
	Claims []string
	// Logout says which logout tokens of the issuer are accepted.
	Logout LogoutOptions
	// Events says which security events of the issuer are accepted.
	Events EventOptions
	// InsecureAllowPrivateNetwork lets keys come over http, and from loopback
	// and private addresses. Link-local addresses stay refused.
	InsecureAllowPrivateNetwork bool
}

// Options are the settings of a [Verifier].
type Options struct {
	// Issuers are those whose bearers are accepted. Default: none, so that
	// every bearer is refused, for example where all callers have a session.
	Issuers []IssuerOptions
	// CacheSize bounds how many bearers that were verified are remembered.
	// Default 10 000; negative for none.
	CacheSize int
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Logger gets a warning when an issuer's keys cannot be fetched any more and
	// when they can again, and for each key of a set that is not used for a
	// fault of its own, once. Default: none.
	Logger *slog.Logger
	// Network is how keys are fetched. Default: the network of the system.
	Network Network
	// Replaces is the Verifier that the new one takes the place of while a program
	// runs. Both share the fetched keys of issuers whose keys come from the same place,
	// so that an issuer that is away does not matter; the Network is that of the old
	// one for them. Bearers are verified anew. Start the new one, use it in place of
	// the old one, and then close that. Default: there was none.
	Replaces *Verifier
}

// Network replaces parts of the network that keys are fetched over, for a
// resolver or certificates of your own, and for tests. Whatever it is, only
// addresses that may be dialed are.
type Network struct {
	// LookupIP resolves a host name; each address is checked after it. Default:
	// the resolver of the system.
	LookupIP func(ctx context.Context, host string) ([]netip.Addr, error)
	// Dial connects to an address that was checked: an IP and a port. Default:
	// a [net.Dialer] with a time-out of 2 s.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// RootCAs are the authorities for certificates of key URLs. Default: those
	// of the system.
	RootCAs *x509.CertPool
}

// withDefaults fills in what is documented at each field.
func (o Options) withDefaults() Options {
	if o.CacheSize == 0 {
		o.CacheSize = DefaultCacheSize
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// withDefaults fills in what does not depend on the keys.
func (o IssuerOptions) withDefaults() IssuerOptions {
	o = o.WithProfile()
	o.Type, o.ClaimNames = shortType(o.Type), o.ClaimNames.withDefaults()
	o.Logout.Match = cmp.Or(o.Logout.Match, MatchSessionOrSubject)
	o.Logout.ClientIDs = slices.Clone(o.Logout.ClientIDs)
	o.Events.Audience = slices.Clone(o.Events.Audience)
	if o.MaxLifetime == 0 {
		o.MaxLifetime = DefaultMaxLifetime
	}
	if o.Leeway = cmp.Or(o.Leeway, DefaultLeeway); o.Leeway == NoLeeway {
		o.Leeway = 0
	}
	if o.JWKSMaxAge == 0 {
		o.JWKSMaxAge = DefaultJWKSMaxAge
	}
	return o
}
