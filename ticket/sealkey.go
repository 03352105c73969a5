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

// The uses of a seal key. The first byte of the input separates them: no input
// of one is an input of another.
const (
	usePayload = 'p'
	useOwner   = 'o'
)

// sealKey derives keys from one seal key by HKDF (RFC 5869), with the seal key as
// input keying material and the token in the info. The extraction is done once,
// and each expansion to 32 bytes is a single HMAC under its result.
type sealKey struct{ macs sync.Pool }

// mac is an HMAC and a buffer for its input, which are reused.
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

// expand derives 32 bytes for one use of the parts. Each is preceded by its
// length, so that ("ab", "c") and ("a", "bc") differ.
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

// aead returns AES-256-GCM under the key of one ticket. It puts a random nonce
// before what it seals.
func (k *sealKey) aead(token Token) (cipher.AEAD, error) {
	derived := k.expand(usePayload, token.Reveal())
	block, err := aes.NewCipher(derived[:])
	if err != nil {
		return nil, fmt.Errorf("cipher: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// owner returns a tag of issuer and subject. Without the key nobody learns from
// it whose a record is, or whether records under two keys have the same owner.
func (k *sealKey) owner(who Identity) Owner {
	tag := k.expand(useOwner, who.Issuer, who.Subject)
	return Owner(tag[:len(Owner{})])
}
