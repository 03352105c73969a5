package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
)

// maxAssertionKeys is the one that signs, and before or after a rotation
// another one.
const maxAssertionKeys = 2

var (
	errAssertionFile  = errors.New("not one or two private keys in PEM")
	errAssertionKey   = errors.New("must be an unencrypted private key, ECDSA on P-256 or Ed25519")
	errAssertionTwice = errors.New("holds one key twice")
	errIssuersKey     = errors.New("is an issuer's, whose bearers it would sign; a key has one purpose")
)

// assertionKey signs assertions. Only public is shown to anybody.
type assertionKey struct {
	signer crypto.Signer
	method jwt.SigningMethod
	kid    string
	public jwk
}

// AssertionKeys returns the public halves of the keys in a file of
// [ForwarderOptions].
func AssertionKeys(file string) ([]crypto.PublicKey, error) {
	keys, err := readAssertionKeys(file)
	if err != nil {
		return nil, fmt.Errorf("auth: identity.assertion_key_file: %w (got %q)", err, file)
	}
	var public []crypto.PublicKey
	for _, k := range keys {
		public = append(public, k.signer.Public())
	}
	return public, nil
}

// readAssertionKeys reads the keys in the order of the file. Its errors hold
// nothing of them.
func readAssertionKeys(path string) ([]*assertionKey, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	blocks := bytes.Count(data, []byte("-----BEGIN "))
	var keys []*assertionKey
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		blocks--
		if block.Type == "EC PARAMETERS" {
			continue // openssl ecparam -genkey writes them before the key
		}
		k, err := parseAssertionKey(block)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", len(keys)+1, err)
		}
		keys = append(keys, k)
	}
	if blocks != 0 || len(keys) == 0 || len(keys) > maxAssertionKeys {
		return nil, errAssertionFile
	}
	if len(keys) == maxAssertionKeys && keys[0].kid == keys[1].kid {
		return nil, errAssertionTwice
	}
	return keys, nil
}

func parseAssertionKey(block *pem.Block) (*assertionKey, error) {
	var private any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		private, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, errAssertionKey
	}
	if err != nil {
		return nil, errAssertionKey
	}
	k := &assertionKey{}
	switch private := private.(type) {
	case ed25519.PrivateKey:
		k.signer, k.method = private, jwt.SigningMethodEdDSA
	case *ecdsa.PrivateKey:
		if private.Curve != elliptic.P256() {
			return nil, errAssertionKey
		}
		k.signer, k.method = private, jwt.SigningMethodES256
	default:
		return nil, errAssertionKey
	}
	return k, k.describe()
}

// describe fills in the public half as a JWK, whose name is its thumbprint
// (RFC 7638): the SHA-256 of the members that make the key, in the order of
// their names and without white space, which is how encoding/json writes a map.
func (k *assertionKey) describe() error {
	k.public = jwk{}
	switch public := k.signer.Public().(type) {
	case ed25519.PublicKey:
		k.public["kty"], k.public["crv"] = "OKP", "Ed25519"
		k.public["x"] = base64.RawURLEncoding.EncodeToString(public)
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 4, x, y
		if err != nil {
			return errAssertionKey
		}
		half := len(point) / 2
		k.public["kty"], k.public["crv"] = "EC", "P-256"
		k.public["x"] = base64.RawURLEncoding.EncodeToString(point[1 : 1+half])
		k.public["y"] = base64.RawURLEncoding.EncodeToString(point[1+half:])
	}
	members, err := json.Marshal(k.public)
	if err != nil {
		return errAssertionKey
	}
	digest := sha256.Sum256(members)
	k.kid = base64.RawURLEncoding.EncodeToString(digest[:])
	k.public["kid"], k.public["alg"], k.public["use"] = k.kid, k.method.Alg(), "sig"
	return nil
}
