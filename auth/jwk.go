package auth

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"wsticket/internal/strictjson"
)

const maxKid = 128

// Why a JWK is not used. This package has its own parser because jwkset 0.11.4
// accepts an even exponent, a modulus of any length, an alg of another type of
// key and line breaks inside base64url, and parses certificates of strangers.
var (
	errKeyAlg   = errors.New("alg does not fit the key")
	errKeyName  = errors.New("kid is longer than 128 bytes")
	errPrivate  = errors.New("holds a private or symmetric key")
	errEncoding = errors.New("not base64url of the right length")
	errPoint    = errors.New("the point is not on the curve")
)

// notForUs is why a JWK is not used that is no fault of anybody: it is meant for
// something else (RFC 7517 5: such keys are ignored).
type notForUs string

const (
	errKeyType  notForUs = "kty and crv are not RSA, EC P-256/P-384/P-521 or OKP Ed25519"
	errKeyUse   notForUs = "not for signatures, by its use or key_ops"
	errOtherAlg notForUs = "its alg is not an algorithm for signatures that is supported"
	errNull     notForUs = "null instead of a key"
)

// Error returns the reason.
func (e notForUs) Error() string { return string(e) }

// jwk is a JSON Web Key (RFC 7517).
type jwk struct{ document }

// privateMembers are those of a private or symmetric JWK (RFC 7518 6).
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

// secret reports whether the JWK shows a private or symmetric key.
func (j jwk) secret() bool { return slices.ContainsFunc(privateMembers, j.has) }

// kid returns the name of the key, "" if it has none, or none that can be used.
func (j jwk) kid() (string, error) {
	kid, err := j.text("kid")
	if len(kid) > maxKid {
		return "", errKeyName
	}
	return kid, err
}

// key applies the rules for one key: public, for signatures, of a known type,
// and with a name and restrictions of known form.
func (j jwk) key() (*key, error) {
	if j.secret() {
		return nil, errPrivate
	}
	if err := j.verifies(); err != nil {
		return nil, err
	}
	kid, err := j.kid()
	if err != nil {
		return nil, err
	}
	alg, err := j.text("alg")
	if err != nil {
		return nil, err
	}
	known, ok := algorithms[alg]
	if alg != "" && !ok {
		return nil, errOtherAlg
	}
	public, err := j.public()
	if err != nil {
		return nil, err
	}
	if ok && !known.suits(public) {
		return nil, errKeyAlg
	}
	return &key{kid: kid, alg: alg, public: public}, nil
}

// verifies returns an error if use (RFC 7517 4.2) or key_ops (4.3), where
// present, do not allow to verify signatures.
func (j jwk) verifies() error {
	use, err := j.text("use")
	if err != nil {
		return err
	}
	if use != "" && use != "sig" {
		return errKeyUse
	}
	ops, err := j.list("key_ops")
	if err != nil || ops == nil {
		return err
	}
	for _, value := range ops {
		if op, ok := strictjson.Text(value); ok && op == "verify" {
			return nil
		}
	}
	return errKeyUse
}

// public reads the members of RFC 7518 6 and RFC 8037 2.
func (j jwk) public() (any, error) {
	kty, errType := j.text("kty")
	crv, errCurve := j.text("crv")
	if err := cmp.Or(errType, errCurve); err != nil {
		return nil, err
	}
	switch {
	case kty == "RSA":
		return j.rsa()
	case kty == "EC" && crv == "P-256":
		return j.ec(elliptic.P256(), 32)
	case kty == "EC" && crv == "P-384":
		return j.ec(elliptic.P384(), 48)
	case kty == "EC" && crv == "P-521":
		return j.ec(elliptic.P521(), 66)
	case kty == "OKP" && crv == "Ed25519":
		x, err := j.bytes("x", ed25519.PublicKeySize)
		return ed25519.PublicKey(x), err
	default:
		return nil, errKeyType
	}
}

// rsa reads the exponent without truncating it: 2^64+65537 is not 65537.
func (j jwk) rsa() (any, error) {
	n, errN := j.bytes("n", 0)
	e, errE := j.bytes("e", 0)
	if err := cmp.Or(errN, errE); err != nil {
		return nil, err
	}
	exponent := new(big.Int).SetBytes(e)
	if !exponent.IsInt64() || exponent.Int64() > maxExponent {
		return nil, errExponent
	}
	public := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent.Int64())}
	return public, checkRSA(public)
}

// ec takes coordinates of exactly the length of the field (RFC 7518 6.2.1.2),
// of a point that is on the curve.
func (j jwk) ec(curve elliptic.Curve, size int) (any, error) {
	x, errX := j.bytes("x", size)
	y, errY := j.bytes("y", size)
	if err := cmp.Or(errX, errY); err != nil {
		return nil, err
	}
	const uncompressed = 4
	public, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{uncompressed}, x, y))
	if err != nil {
		return nil, errPoint
	}
	return public, nil
}

// bytes decodes a member of size bytes, or of any size but zero if size is 0.
func (j jwk) bytes(member string, size int) ([]byte, error) {
	text, err := j.text(member)
	if err != nil {
		return nil, err
	}
	if text == "" {
		return nil, fmt.Errorf("%s is missing", member)
	}
	data, err := decodeSegment(text)
	if err != nil || size != 0 && len(data) != size {
		return nil, fmt.Errorf("%s: %w", member, errEncoding)
	}
	return data, nil
}

// decodeSegment decodes base64url without padding, and refuses every other
// spelling of the same bytes: Go's decoder, also the strict one, skips line
// breaks.
func decodeSegment(text string) ([]byte, error) {
	for _, c := range []byte(text) {
		if !isBase64URL(c) {
			return nil, errEncoding
		}
	}
	return base64.RawURLEncoding.Strict().DecodeString(text)
}

// isBase64URL reports whether c is in the alphabet of RFC 4648 5.
func isBase64URL(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}
