package ticket

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"
)

// The uses of a seal key by a [Seal]; see usePayload.
const (
	useMessage = 'm'
	useTag     = 't'
)

// Seal encrypts what the processes of a service tell each other through a store, by
// AES-256-GCM under keys that are derived from the seal keys. It is immutable and
// safe for concurrent use.
type Seal struct {
	keys  []*sealKey
	aeads map[string][]cipher.AEAD // by purpose
}

// NewSeal returns a Seal under the keys of [Options].SealKeys, for messages of
// some purposes, which cannot stand for each other. Without keys it draws one.
func NewSeal(keys [][]byte, purposes ...string) (*Seal, error) {
	from, err := newSealer(keys)
	if err != nil {
		return nil, err
	}
	s := &Seal{keys: from.keys, aeads: make(map[string][]cipher.AEAD)}
	for _, purpose := range purposes {
		for _, key := range from.keys {
			derived := key.expand(useMessage, purpose)
			block, err := aes.NewCipher(derived[:])
			if err != nil {
				return nil, fmt.Errorf("seal: %w", err)
			}
			aead, err := cipher.NewGCMWithRandomNonce(block)
			if err != nil {
				return nil, fmt.Errorf("seal: %w", err)
			}
			s.aeads[purpose] = append(s.aeads[purpose], aead)
		}
	}
	return s, nil
}

// Seal encrypts a message under the first key. The purpose must be one of the
// Seal's.
func (s *Seal) Seal(purpose string, plain []byte) []byte {
	return s.aeads[purpose][0].Seal(nil, nil, plain, nil) //nolint:gosec // G407: this AEAD draws its nonce itself
}

// Open returns the message that was sealed for a purpose under any of the keys. The
// error wraps [ErrCorrupt].
func (s *Seal) Open(purpose string, sealed []byte) ([]byte, error) {
	for _, aead := range s.aeads[purpose] {
		if plain, err := aead.Open(nil, nil, sealed, nil); err == nil {
			return plain, nil
		}
	}
	return nil, fmt.Errorf("open a message: %w", ErrCorrupt)
}

// Tag returns a name for the parts that reveals none of them, for keys of a store.
// It is the same in all processes that have the same first seal key.
func (s *Seal) Tag(parts ...string) string {
	tag := s.keys[0].expand(useTag, parts...)
	return base64.RawURLEncoding.EncodeToString(tag[:16])
}
