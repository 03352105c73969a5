package identity

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"wsticket/ticket"
)

const (
	// assertionType is the typ header (RFC 7515 4.1.9). No other token has it.
	assertionType = "wsticket-assertion+jwt"
	// assertionLifetime has to last for a handshake with the application.
	assertionLifetime = 60 * time.Second
	// maxAssertion bounds an assertion in bytes.
	maxAssertion = 8 << 10
)

// assertion signs the values of X-Wsticket-Assertion.
type assertion struct {
	key              *signingKey
	keySet           []byte
	issuer, audience string
}

// newAssertion reads the keys, the first of which signs.
func newAssertion(o Options) (*assertion, error) {
	keys, err := readKeys(o.AssertionKeyFile)
	if err != nil {
		return nil, err
	}
	set := make([]map[string]string, len(keys))
	for n, k := range keys {
		if o.IssuerKey != nil && o.IssuerKey(k.signer.Public()) {
			return nil, fmt.Errorf("key %d: %w", n+1, errIssuerKey)
		}
		set[n] = k.jwk
	}
	encoded, err := json.Marshal(map[string]any{"keys": set})
	if err != nil {
		return nil, err
	}
	return &assertion{key: keys[0], keySet: encoded, issuer: o.Issuer, audience: o.AssertionAudience}, nil
}

// reservedClaims are those that the assertion sets itself, or that would change
// how it is verified. An identity's claims of these names are left out, also
// where the assertion does not set them.
var reservedClaims = []string{"iss", "orig_iss", "sub", "aud", "jti", "iat", "exp", "nbf", "sid", "scope", "cnf"}

// sign returns the assertion of one connection. Its iss is this service, so
// orig_iss names the issuer that sub belongs to.
func (a *assertion) sign(grant ticket.Grant, now time.Time) (string, error) {
	claims := jwt.MapClaims(maps.Clone(grant.Identity.Claims))
	if claims == nil {
		claims = make(jwt.MapClaims)
	}
	maps.DeleteFunc(claims, func(name string, _ any) bool { return slices.Contains(reservedClaims, name) })
	maps.Copy(claims, jwt.MapClaims{
		"iss": a.issuer, "orig_iss": grant.Identity.Issuer, "sub": grant.Identity.Subject, "aud": a.audience,
		"jti": string(grant.ID), "iat": now.Unix(), "exp": now.Add(assertionLifetime).Unix(),
	})
	if grant.Identity.SessionID != "" {
		claims["sid"] = grant.Identity.SessionID
	}
	if grant.Scope != "" {
		claims["scope"] = grant.Scope
	}
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
