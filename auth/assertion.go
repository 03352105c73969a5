package auth

import (
	"crypto"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"wsticket/ticket"
)

const (
	// assertionType is the typ header, which no other token has.
	assertionType = "wsticket-assertion+jwt"
	// assertionLifetime has to last for a handshake with the application.
	assertionLifetime = 60 * time.Second
	// maxAssertion bounds an assertion in bytes.
	maxAssertion = 8 << 10
)

// assertion signs what X-Wsticket-Assertion says.
type assertion struct {
	key              *assertionKey
	keySet           []byte
	issuer, audience string
}

// newAssertion reads the keys. The first signs.
func newAssertion(o ForwarderOptions) (*assertion, error) {
	fault := func(err error) error {
		return fmt.Errorf("auth: identity.assertion_key_file: %w (got %q)", err, o.AssertionKeyFile)
	}
	keys, err := readAssertionKeys(o.AssertionKeyFile)
	if err != nil {
		return nil, fault(err)
	}
	set := make([]jwk, len(keys))
	for n, k := range keys {
		if o.Verifier != nil && o.Verifier.trusts(k.signer.Public()) {
			return nil, fault(fmt.Errorf("key %d: %w", n+1, errIssuersKey))
		}
		set[n] = k.public
	}
	encoded, err := json.Marshal(map[string][]jwk{"keys": set})
	if err != nil {
		return nil, fault(err)
	}
	return &assertion{key: keys[0], keySet: encoded, issuer: o.Issuer, audience: o.AssertionAudience}, nil
}

// sign makes the assertion of one connection. sub alone is nobody; orig_iss
// says whose it is, for iss is us.
func (a *assertion) sign(grant ticket.Grant, now time.Time) (string, error) {
	own := map[string]any{
		"iss": a.issuer, "orig_iss": grant.Identity.Issuer, "sub": grant.Identity.Subject, "aud": a.audience,
		"jti": string(grant.ID), "iat": now.Unix(), "exp": now.Add(assertionLifetime).Unix(),
	}
	if grant.Identity.SessionID != "" {
		own["sid"] = grant.Identity.SessionID
	}
	if grant.Scope != "" {
		own["scope"] = grant.Scope
	}
	claims := make(jwt.MapClaims, len(grant.Identity.Claims)+len(own))
	for name, value := range grant.Identity.Claims {
		if !slices.Contains(reservedClaims(), name) {
			claims[name] = value
		}
	}
	maps.Copy(claims, own)
	token := jwt.NewWithClaims(a.key.method, claims)
	token.Header["typ"], token.Header["kid"] = assertionType, a.key.kid
	signed, err := token.SignedString(a.key.signer)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	if len(signed) > maxAssertion {
		return "", identityTooLarge
	}
	return signed, nil
}

// reservedClaims are those that the assertion has a say in itself, or that
// would change how it is verified. An identity's claims of these names are left
// out, also where the assertion has none.
func reservedClaims() []string {
	return []string{"iss", "orig_iss", "sub", "aud", "jti", "iat", "exp", "nbf", "sid", "scope", "cnf"}
}

// trusts tells whether a bearer that this key has signed might be accepted.
func (v *Verifier) trusts(public crypto.PublicKey) bool {
	for _, i := range v.issuers {
		set := i.keys.set(v.now())
		if set != nil && slices.ContainsFunc(set.keys, (&key{public: public}).sameKey) {
			return true
		}
	}
	return false
}
