package identity

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

	"wsticket/internal/keyfile"
)

// maxKeys are the key that signs and, before or after a rotation, another one.
const maxKeys = 2

var (
	errKeyCount  = errors.New("must hold one or two private keys in PEM")
	errKeyKind   = errors.New("must be an unencrypted private key, ECDSA on P-256 or Ed25519")
	errKeyTwice  = errors.New("must not hold one key twice")
	errIssuerKey = errors.New("is an issuer's, whose bearers it would sign; a key has one purpose")
)

// signingKey is one key of the file. Only its public half, the JWK, is
// published.
type signingKey struct {
	signer crypto.Signer
	method jwt.SigningMethod
	kid    string
	jwk    map[string]string
}

// AssertionKeys returns the public halves of the keys in a file for
// [Options].AssertionKeyFile.
func AssertionKeys(file string) ([]crypto.PublicKey, error) {
	keys, err := readKeys(file)
	if err != nil {
		return nil, fmt.Errorf("identity: assertion keys: %w", err)
	}
	var public []crypto.PublicKey
	for _, k := range keys {
		public = append(public, k.signer.Public())
	}
	return public, nil
}

// readKeys returns the keys in the order of the file. Its errors hold nothing
// of them.
func readKeys(path string) ([]*signingKey, error) {
	data, err := keyfile.Read(path)
	if err != nil {
		return nil, err
	}
	keys, err := parseKeys(data)
	return keys, keyfile.In(path, err)
}

func parseKeys(data []byte) ([]*signingKey, error) {
	blocks := bytes.Count(data, []byte("-----BEGIN "))
	var keys []*signingKey
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		blocks--
		if block.Type == "EC PARAMETERS" {
			continue // openssl ecparam -genkey writes them before the key
		}
		k, err := parseKey(block)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", len(keys)+1, err)
		}
		keys = append(keys, k)
	}
	switch {
	case len(keys) == 0:
		return nil, fmt.Errorf("%w (it holds %s)", errKeyCount, keyfile.Kind(data))
	case blocks != 0:
		return nil, fmt.Errorf("%w (part of it is damaged)", errKeyCount)
	case len(keys) > maxKeys:
		return nil, fmt.Errorf("%w (it holds %d)", errKeyCount, len(keys))
	}
	if len(keys) == maxKeys && keys[0].kid == keys[1].kid {
		return nil, errKeyTwice
	}
	return keys, nil
}

func parseKey(block *pem.Block) (*signingKey, error) {
	var private any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		private, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("%w (it holds %s)", errKeyKind, keyfile.Kind(pem.EncodeToMemory(block)))
	}
	if err != nil {
		return nil, errKeyKind // the parser's text may quote the file
	}
	switch private := private.(type) {
	case ed25519.PrivateKey:
		public, _ := private.Public().(ed25519.PublicKey)
		return newKey(private, jwt.SigningMethodEdDSA, map[string]string{
			"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(public),
		})
	case *ecdsa.PrivateKey:
		point, err := private.PublicKey.Bytes() // 4, x, y
		if err != nil || private.Curve != elliptic.P256() {
			return nil, errKeyKind
		}
		half := len(point) / 2
		return newKey(private, jwt.SigningMethodES256, map[string]string{
			"kty": "EC", "crv": "P-256",
			"x": base64.RawURLEncoding.EncodeToString(point[1 : 1+half]),
			"y": base64.RawURLEncoding.EncodeToString(point[1+half:]),
		})
	default:
		return nil, fmt.Errorf("%w (it holds one of another kind, such as RSA: openssl ecparam -name prime256v1 -genkey -noout makes one)", errKeyKind)
	}
}

// newKey completes the JWK, whose kid is its thumbprint (RFC 7638): the SHA-256
// of the members that make the key, in the order of their names and without
// white space, which is how encoding/json writes a map.
func newKey(signer crypto.Signer, method jwt.SigningMethod, jwk map[string]string) (*signingKey, error) {
	members, err := json.Marshal(jwk)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(members)
	kid := base64.RawURLEncoding.EncodeToString(digest[:])
	jwk["kid"], jwk["alg"], jwk["use"] = kid, method.Alg(), "sig"
	return &signingKey{signer: signer, method: method, kid: kid, jwk: jwk}, nil
}
