// Package devidp plays an identity provider for trials: it makes keys and signs
// bearers.
package devidp

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"maps"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"wsticket/ticket"
)

// Bearer has the contents of a bearer for trials.
type Bearer struct {
	Issuer, Subject string
	Audience        []string
	TTL             time.Duration
	Claims          map[string]any // beside those that the other fields set
	KeyID           string
	Type            string // the typ header; empty: none
	Algorithm       string // empty: that of the key
}

// Sign makes the JWT as an identity provider would (RFC 9068). The key is a
// crypto.Signer, or the bytes of a shared secret.
func (b Bearer) Sign(key any, now time.Time) (string, error) {
	name := cmp.Or(b.Algorithm, DefaultAlgorithm(key))
	wrong := fmt.Errorf("--algorithm: must be one that the key is for, such as %s (got %q)", DefaultAlgorithm(key), name)
	method := jwt.GetSigningMethod(name)
	if method == nil || method == jwt.SigningMethodNone {
		return "", wrong
	}
	claims := jwt.MapClaims{}
	maps.Copy(claims, b.Claims)
	claims["iss"], claims["sub"] = b.Issuer, b.Subject
	claims["iat"], claims["exp"] = now.Unix(), now.Add(b.TTL).Unix()
	claims["jti"] = string(ticket.NewID())
	if _, named := claims["client_id"]; !named {
		claims["client_id"] = "wsticket-token"
	}
	if len(b.Audience) > 0 {
		claims["aud"] = b.Audience
	}
	token := jwt.NewWithClaims(method, claims)
	token.Header["typ"] = b.Type
	if b.Type == "" {
		delete(token.Header, "typ")
	}
	if b.KeyID != "" {
		token.Header["kid"] = b.KeyID
	}
	signed, err := token.SignedString(key)
	if err != nil {
		return "", wrong
	}
	return signed, nil
}

// DefaultAlgorithm returns the one that RFC 7518 and RFC 8037 bind to the key.
func DefaultAlgorithm(key any) string {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return "RS256"
	case ed25519.PrivateKey:
		return "EdDSA"
	case *ecdsa.PrivateKey:
		return map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[key.Curve.Params().BitSize]
	default:
		return "HS256"
	}
}
