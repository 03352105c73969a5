package devidp

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// minSecret is the length of the shortest HS256 secret in bytes (RFC 7518 3.2).
const minSecret = 32

// NewKey makes a key (ECDSA on P-256), and a file with its public half in dir,
// so that bearers are verified in the same way as those of a real issuer.
func NewKey(dir string) (crypto.Signer, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, "", err
	}
	file := filepath.Join(dir, "issuer.pub.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return key, file, os.WriteFile(file, text, 0o600)
}

// LoadKey reads a private key in PEM (PKCS #8, PKCS #1 or SEC 1), or with an HS
// algorithm the shared secret, which one line break may follow. No error holds
// anything of the file.
func LoadKey(name, algorithm string) (any, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(algorithm, "HS") {
		signer, err := parseSigningKey(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return signer, nil
	}
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		return nil, fmt.Errorf("%s: is PEM, which is no HMAC secret", name)
	}
	secret := bytes.TrimRight(data, "\r\n")
	if len(secret) < minSecret {
		return nil, fmt.Errorf("%s: an HMAC secret must have at least %d bytes", name, minSecret)
	}
	return secret, nil
}

// parseSigningKey reads a private key in PEM.
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
