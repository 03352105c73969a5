package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"wsticket/ticket"
)

// bearerSpec is what a test bearer says.
type bearerSpec struct {
	Issuer, Subject string
	Audience        []string
	TTL             time.Duration
	Claims          map[string]any
	KeyID           string
	// Type is the typ header; Algorithm empty means that of the key.
	Type, Algorithm string
}

// signBearer makes a JWT as an identity provider would (RFC 9068).
func signBearer(key any, spec bearerSpec, now time.Time) (string, error) {
	name := spec.Algorithm
	if name == "" {
		name = defaultAlgorithm(key)
	}
	method := jwt.GetSigningMethod(name)
	if method == nil || method == jwt.SigningMethodNone {
		return "", fmt.Errorf("sign: no such algorithm (got %q)", name)
	}
	claims := jwt.MapClaims{}
	maps.Copy(claims, spec.Claims)
	claims["iss"], claims["sub"] = spec.Issuer, spec.Subject
	claims["iat"], claims["exp"] = now.Unix(), now.Add(spec.TTL).Unix()
	claims["jti"] = string(ticket.NewID())
	if len(spec.Audience) > 0 {
		claims["aud"] = spec.Audience
	}
	token := jwt.NewWithClaims(method, claims)
	token.Header["typ"] = spec.Type
	if spec.KeyID != "" {
		token.Header["kid"] = spec.KeyID
	}
	signed, err := token.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("sign: the key does not fit %s", name)
	}
	return signed, nil
}

// defaultAlgorithm is the one that RFC 7518 and RFC 8037 bind to the key.
func defaultAlgorithm(key any) string {
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

// parseSigningKey reads a private key as PEM (PKCS #8, PKCS #1 or SEC 1).
func parseSigningKey(data []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("not PEM")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("no private key in the PEM block, or an encrypted one")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("a key that cannot sign")
	}
	return signer, nil
}
