package ticket

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"strings"
)

// The grammar of a token: prefix, 32 random bytes, checksum.
const (
	tokenPrefix  = "wst1_"
	tokenEntropy = 32
	encodedLen   = 43 // of 32 bytes in base64url without padding
	tokenBody    = len(tokenPrefix) + encodedLen
	checksumLen  = 6
	// TokenLen is the length of every token in bytes.
	TokenLen = tokenBody + checksumLen
)

const (
	base64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	base62    = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// Token is the secret string of a ticket: 54 ASCII characters that need no
// escaping in a query or a WebSocket subprotocol. It prints as a fixed text
// everywhere; [Token.Reveal] is the only way to the string.
type Token struct{ secret }

// newToken draws a token with 256 bits of entropy (ASVS 7.2.3, 11.5.1).
// crypto/rand crashes the program rather than return weak bytes.
func newToken() Token {
	var entropy [tokenEntropy]byte
	_, _ = rand.Read(entropy[:])
	text := make([]byte, 0, TokenLen)
	text = append(text, tokenPrefix...)
	text = base64.RawURLEncoding.AppendEncode(text, entropy[:])
	sum := checksum(text)
	s := string(append(text, sum[:]...))
	return Token{secret{&s}}
}

// ParseToken checks s against the token grammar, byte for byte: prefix,
// alphabet, unused bits and checksum. There is exactly one spelling of each
// token. The error wraps [ErrMalformedToken] and holds nothing of s.
func ParseToken(s string) (Token, error) {
	if len(s) != TokenLen || !HasTokenPrefix(s) {
		return Token{}, fmt.Errorf("parse token: shape: %w", ErrMalformedToken)
	}
	for _, c := range []byte(s[len(tokenPrefix):tokenBody]) {
		if strings.IndexByte(base64URL, c) < 0 {
			return Token{}, fmt.Errorf("parse token: alphabet: %w", ErrMalformedToken)
		}
	}
	// 43 characters hold 258 bits. If the two spare ones could be set, four
	// spellings would stand for the same bytes.
	if strings.IndexByte(base64URL, s[tokenBody-1])%4 != 0 {
		return Token{}, fmt.Errorf("parse token: spare bits: %w", ErrMalformedToken)
	}
	if sum := checksum([]byte(s[:tokenBody])); s[tokenBody:] != string(sum[:]) {
		return Token{}, fmt.Errorf("parse token: checksum: %w", ErrMalformedToken)
	}
	return Token{secret{&s}}, nil
}

// HasTokenPrefix reports whether s begins like a token, so that it is a ticket
// and no bearer, whether it is well-formed or not.
func HasTokenPrefix(s string) bool { return strings.HasPrefix(s, tokenPrefix) }

// ID returns the public name of the ticket.
func (t Token) ID() ID {
	digest := sha256.Sum256([]byte(t.Reveal()))
	var text [encodedLen]byte
	base64.RawURLEncoding.Encode(text[:], digest[:])
	return ID(text[:idLen])
}

// checksum is CRC-32/IEEE of body in base62, most significant digit first,
// padded with '0'. It detects typing errors and prevents false alarms of secret
// scanners. It does not protect against forgery.
func checksum(body []byte) [checksumLen]byte {
	var digits [checksumLen]byte
	sum := crc32.ChecksumIEEE(body)
	for i := checksumLen - 1; i >= 0; i-- {
		digits[i] = base62[sum%62]
		sum /= 62
	}
	return digits
}

// idLen is the length of an ID: 132 bits of the digest.
const idLen = 22

// ID is the public name of a ticket: the first 22 characters of
// base64url(SHA-256(token)). It names the record in the store, the receipt
// and the connection, and it may be logged.
type ID string

// ParseID checks the length and alphabet of an ID that came from outside.
// The error wraps [ErrNotFound], because no ticket has such a name.
func ParseID(s string) (ID, error) {
	if len(s) != idLen {
		return "", fmt.Errorf("parse id: length: %w", ErrNotFound)
	}
	for _, c := range []byte(s) {
		if strings.IndexByte(base64URL, c) < 0 {
			return "", fmt.Errorf("parse id: alphabet: %w", ErrNotFound)
		}
	}
	return ID(strings.Clone(s)), nil // s is a part of a URL: who keeps the ID would keep all of it
}

// NewID returns a random ID for a connection that no ticket opened, but for
// example a bearer.
func NewID() ID {
	return newToken().ID()
}
