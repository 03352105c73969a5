package ticket

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"sync"
)

// What is derived from a seal key. The first byte tells the uses apart: no
// input of one can be an input of another.
const (
	usePayload = 'p'
	useOwner   = 'o'
)

// sealKey derives from one key. It is HKDF (RFC 5869) with the key as input
// keying material and the token in the info: the extraction is done once, and
// an expansion to 32 bytes is a single HMAC under what it gave.
type sealKey struct{ macs sync.Pool }

// mac is an HMAC and the room for its input, kept for the next one.
type mac struct {
	hash.Hash
	info []byte
}

func newSealKey(key []byte) (*sealKey, error) {
	extracted, err := hkdf.Extract(sha256.New, key, []byte("wsticket seal 1"))
	if err != nil {
		return nil, fmt.Errorf("extract: %w", err)
	}
	k := new(sealKey)
	k.macs.New = func() any { return &mac{Hash: hmac.New(sha256.New, extracted)} }
	return k, nil
}

// expand derives 32 bytes for one use of the parts. Each has its length in
// front, so that ("ab", "c") and ("a", "bc") differ.
func (k *sealKey) expand(use byte, parts ...string) (out [sha256.Size]byte) {
	m := k.macs.Get().(*mac) //nolint:errcheck // the pool holds nothing else
	defer k.macs.Put(m)
	m.Reset()
	m.info = append(m.info[:0], use)
	for _, part := range parts {
		m.info = binary.BigEndian.AppendUint64(m.info, uint64(len(part)))
		m.info = append(m.info, part...)
	}
	m.info = append(m.info, 1) // the number of the block, RFC 5869 2.3
	m.Write(m.info)
	m.Sum(out[:0])
	clear(m.info) // a token was in it
	return out
}

// aead is AES-256-GCM under the key of one ticket, with a random nonce in
// front of what it seals.
func (k *sealKey) aead(token Token) (cipher.AEAD, error) {
	derived := k.expand(usePayload, token.Reveal())
	block, err := aes.NewCipher(derived[:])
	if err != nil {
		return nil, fmt.Errorf("cipher: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// owner tags issuer and subject so that nobody without the key can tell whose
// a record is, or whether records under two keys are of the same user.
func (k *sealKey) owner(who Identity) Owner {
	tag := k.expand(useOwner, who.Issuer, who.Subject)
	return Owner(tag[:len(Owner{})])
}
