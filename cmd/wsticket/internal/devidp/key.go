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

	"wsticket/internal/keyfile"
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
	data, err := keyfile.Read(name)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(strings.ToUpper(algorithm), "HS") {
		signer, err := parseSigningKey(data)
		if err != nil {
			return nil, keyfile.In(name, err)
		}
		return signer, nil
	}
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		return nil, keyfile.In(name, errors.New("is PEM, which is no secret of an HS algorithm: leave --algorithm out"))
	}
	secret := bytes.TrimRight(data, "\r\n")
	if len(secret) < minSecret {
		return nil, keyfile.In(name, fmt.Errorf("an HMAC secret must have at least %d bytes (got %d)", minSecret, len(secret)))
	}
	return secret, nil
}

// parseSigningKey reads a private key in PEM.
func parseSigningKey(data []byte) (crypto.Signer, error) {
	block, rest := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("must hold a private key in PEM, not %s", keyfile.Kind(data))
	}
	if block.Type == "EC PARAMETERS" { // openssl ecparam -genkey writes them before the key
		if block, _ = pem.Decode(rest); block == nil {
			return nil, errors.New("must hold a private key in PEM, not only its parameters")
		}
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("must hold a private key in PEM, not %s", keyfile.Kind(data))
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("a key that cannot sign")
	}
	return signer, nil
}
