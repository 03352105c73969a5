package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"

	"github.com/golang-jwt/jwt/v5"
)

// algorithm is a JWS algorithm with the one type of key that it goes with
// (RFC 8725 3.1: the key decides, not the header).
type algorithm struct {
	name   string
	method jwt.SigningMethod
	// secret is the least length of an HMAC secret in bytes (RFC 7518 3.2);
	// zero for an asymmetric algorithm.
	secret int
	// suits reports whether a key is of the type and on the curve.
	suits func(public any) bool
}

// algorithms are all that are supported, by name, which is compared byte for
// byte (RFC 7515 4.1.1). "none" is not among them.
var algorithms = byName([]algorithm{
	{name: "RS256", method: jwt.SigningMethodRS256, suits: isRSA},
	{name: "RS384", method: jwt.SigningMethodRS384, suits: isRSA},
	{name: "RS512", method: jwt.SigningMethodRS512, suits: isRSA},
	{name: "PS256", method: pss(jwt.SigningMethodPS256), suits: isRSA},
	{name: "PS384", method: pss(jwt.SigningMethodPS384), suits: isRSA},
	{name: "PS512", method: pss(jwt.SigningMethodPS512), suits: isRSA},
	{name: "ES256", method: jwt.SigningMethodES256, suits: onCurve(elliptic.P256())},
	{name: "ES384", method: jwt.SigningMethodES384, suits: onCurve(elliptic.P384())},
	{name: "ES512", method: jwt.SigningMethodES512, suits: onCurve(elliptic.P521())},
	{name: "EdDSA", method: jwt.SigningMethodEdDSA, suits: isEd25519},
	{name: "HS256", method: jwt.SigningMethodHS256, suits: isSecret, secret: 32},
	{name: "HS384", method: jwt.SigningMethodHS384, suits: isSecret, secret: 48},
	{name: "HS512", method: jwt.SigningMethodHS512, suits: isSecret, secret: 64},
})

func byName(list []algorithm) map[string]algorithm {
	named := make(map[string]algorithm, len(list))
	for _, a := range list {
		named[a.name] = a
	}
	return named
}

// pss returns the method with a salt as long as the hash, as RFC 7518 3.5
// requires; that of golang-jwt verifies with any salt.
func pss(m *jwt.SigningMethodRSAPSS) jwt.SigningMethod {
	return &jwt.SigningMethodRSAPSS{
		SigningMethodRSA: m.SigningMethodRSA,
		Options:          &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash},
	}
}

// isRSA and the three below report whether a key, as [key] holds it, is of one
// type.
func isRSA(public any) bool {
	key, ok := public.(*rsa.PublicKey)
	return ok && key != nil && key.N != nil
}

func isEd25519(public any) bool {
	key, ok := public.(ed25519.PublicKey)
	return ok && len(key) == ed25519.PublicKeySize
}

func isSecret(public any) bool {
	_, ok := public.([]byte)
	return ok
}

// onCurve checks what RFC 7518 3.4 requires and crypto/ecdsa does not: ES384
// over P-256 would verify.
func onCurve(curve elliptic.Curve) func(any) bool {
	return func(public any) bool {
		key, ok := public.(*ecdsa.PublicKey)
		return ok && key != nil && key.Curve == curve
	}
}

// defaultAlgorithm returns the algorithm of a key without an alg of its own
// where the configuration names none; "" if the type is not supported.
func defaultAlgorithm(public crypto.PublicKey) string {
	for _, name := range []string{"RS256", "ES256", "ES384", "ES512", "EdDSA", "HS256"} {
		if algorithms[name].suits(public) {
			return name
		}
	}
	return ""
}
