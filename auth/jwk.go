package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"slices"

	"wsticket/internal/strictjson"
)

const (
	maxKeys      = 100
	maxKeysDepth = 8 // of JSON that describes keys
	maxKid       = 128
)

// Why a JWK is not used. This package has its own parser because jwkset 0.11.4
// accepts an even exponent, a modulus of any length, an alg of another type of
// key and line breaks inside base64url, and parses certificates of strangers.
var (
	errNotJWK   = errors.New("not a JWK or JWK set in strict JSON")
	errTooMany  = errors.New("more than 100 keys")
	errNoKey    = errors.New("no usable key")
	errKeyType  = errors.New("kty and crv are not RSA, EC P-256/P-384/P-521 or OKP Ed25519")
	errKeyUse   = errors.New("use or key_ops do not allow to verify signatures")
	errKeyAlg   = errors.New("alg is unknown or does not fit the key")
	errKeyName  = errors.New("kid is not a string of 1 to 128 bytes")
	errPrivate  = errors.New("holds a private or symmetric key")
	errEncoding = errors.New("a member is not base64url of the right length")
	errPoint    = errors.New("the point is not on the curve")
)

// jwk is a JSON Web Key (RFC 7517) as decoded: a map, because a struct would be
// filled ignoring the case of names.
type jwk map[string]any

// parseJWKs reads a JWK set (RFC 7517 5), or a single JWK where that is
// allowed. It does not look into the keys yet.
func parseJWKs(data []byte, allowSingle bool) ([]jwk, error) {
	var document jwk
	if strictjson.Check(data, maxKeysDepth) != nil || json.Unmarshal(data, &document) != nil {
		return nil, errNotJWK
	}
	if _, isKey := document["kty"]; isKey && allowSingle {
		return []jwk{document}, nil
	}
	list, isSet := document["keys"].([]any)
	if !isSet {
		return nil, errNotJWK
	}
	if len(list) > maxKeys {
		return nil, errTooMany
	}
	keys := make([]jwk, 0, len(list))
	for _, entry := range list {
		k, ok := entry.(map[string]any)
		if !ok {
			return nil, errNotJWK
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// remoteSet reads a JWK set that came from a URL. A key that cannot be used (one
// for encryption, a symmetric or private key, an unknown type) is left out, as
// RFC 7517 5 says. Two keys of one name are an error, also if one of the two
// would be left out.
func remoteSet(data []byte, algs map[string]algorithm) (*keySet, error) {
	list, err := parseJWKs(data, false)
	if err != nil {
		return nil, err
	}
	var keys []*key
	names := make(map[string]bool)
	for _, entry := range list {
		if kid, ok := entry["kid"].(string); ok {
			if names[kid] {
				return nil, errDuplicateKid
			}
			names[kid] = true
		}
		if k, err := entry.key(); err == nil {
			keys = append(keys, k)
		}
	}
	if keys = usable(keys, algs); len(keys) == 0 {
		return nil, errNoKey
	}
	return newKeySet(keys)
}

// privateMembers are those of a private or symmetric JWK (RFC 7518 6).
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

// key applies the rules for one key: public, for signatures, of a known type,
// and with a name and restrictions of known form.
func (j jwk) key() (*key, error) {
	for _, member := range privateMembers {
		if _, private := j[member]; private {
			return nil, errPrivate
		}
	}
	if !j.verifies() {
		return nil, errKeyUse
	}
	kid, ok := j.optional("kid")
	if !ok || len(kid) > maxKid {
		return nil, errKeyName
	}
	public, err := j.public()
	if err != nil {
		return nil, err
	}
	k := &key{kid: kid, public: public}
	if k.alg, ok = j.optional("alg"); !ok {
		return nil, errKeyAlg
	}
	if a, known := algorithms[k.alg]; k.alg != "" && (!known || !a.suits(public)) {
		return nil, errKeyAlg
	}
	return k, nil
}

// optional reads a member that is absent or a text; an empty one is not ok.
func (j jwk) optional(member string) (text string, ok bool) {
	value, present := j[member]
	if !present {
		return "", true
	}
	text, _ = value.(string)
	return text, text != ""
}

// verifies reports whether use (RFC 7517 4.2) and key_ops (4.3), where present,
// allow to verify signatures.
func (j jwk) verifies() bool {
	use, ok := j.optional("use")
	if !ok || use != "" && use != "sig" {
		return false
	}
	ops, present := j["key_ops"]
	if !present {
		return true
	}
	list, _ := ops.([]any)
	return slices.Contains(list, any("verify"))
}

// public reads the members of RFC 7518 6 and RFC 8037 2.
func (j jwk) public() (any, error) {
	switch kty, crv := j["kty"], j["crv"]; {
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
	if err := errors.Join(errN, errE); err != nil {
		return nil, errEncoding
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
	if err := errors.Join(errX, errY); err != nil {
		return nil, errEncoding
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
	text, _ := j[member].(string)
	data, err := decodeSegment(text)
	if err != nil || len(data) == 0 || size != 0 && len(data) != size {
		return nil, errEncoding
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
