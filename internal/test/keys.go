package test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
)

// RSAKey returns a new RSA key. One of more than 2048 bits takes seconds.
func RSAKey(bits int) *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, bits)) }

// ECKey returns a new ECDSA key.
func ECKey(curve elliptic.Curve) *ecdsa.PrivateKey {
	return must(ecdsa.GenerateKey(curve, rand.Reader))
}

// EdKey returns a new Ed25519 key.
func EdKey() ed25519.PrivateKey {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return must(key, err)
}

// PrivatePEM returns a private key as openssl genpkey writes it (PKCS #8).
func PrivatePEM(key crypto.Signer) string {
	return PEM("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key)))
}

// PublicPEM returns the public key of a private one (PKIX).
func PublicPEM(key crypto.Signer) string {
	return PEM("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(key.Public())))
}

// PEM returns a PEM block of that type.
func PEM(kind string, data []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}))
}

// must returns a value. That the making of a key fails is a fault of the test.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
