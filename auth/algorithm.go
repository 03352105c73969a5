package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"slices"

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
	// suits tells whether the key is of the type and on the curve.
	suits func(public any) bool
}

// algorithms lists all that are supported. "none" is not among them.
func algorithms() []algorithm {
	return []algorithm{
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
	}
}

// algorithmNamed compares names byte for byte, as RFC 7515 4.1.1 demands.
func algorithmNamed(name string) (algorithm, bool) {
	all := algorithms()
	i := slices.IndexFunc(all, func(a algorithm) bool { return a.name == name })
	if i < 0 {
		return algorithm{}, false
	}
	return all[i], true
}

// pss returns the method with the salt as long as the hash, as RFC 7518 3.5
// demands; golang-jwt's own verifies with any salt.
func pss(m *jwt.SigningMethodRSAPSS) jwt.SigningMethod {
	return &jwt.SigningMethodRSAPSS{
		SigningMethodRSA: m.SigningMethodRSA,
		Options:          &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash},
	}
}

// isRSA and the three below look at the type of a key, as [key] has it.
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

// onCurve is what RFC 7518 3.4 demands and crypto/ecdsa does not check: ES384
// over P-256 would verify.
func onCurve(curve elliptic.Curve) func(any) bool {
	return func(public any) bool {
		key, ok := public.(*ecdsa.PublicKey)
		return ok && key != nil && key.Curve == curve
	}
}

// defaultAlgorithm is the one that a key without an alg of its own stands for
// where the configuration names none; "" if the type is not supported.
func defaultAlgorithm(public crypto.PublicKey) string {
	for _, name := range []string{"RS256", "ES256", "ES384", "ES512", "EdDSA", "HS256"} {
		if a, _ := algorithmNamed(name); a.suits(public) {
			return name
		}
	}
	return ""
}
