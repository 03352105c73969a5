package ticket

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
)

// SealKeyLen is the length of a seal key in bytes.
const SealKeyLen = 32

// maxSealKeys bounds the work on a wrong token: each key is tried.
const maxSealKeys = 4

// payloadSealed is the first byte of a payload that is AES-256-GCM over the
// result of encodePayload, under a key that HKDF-SHA-256 derives from the token
// and a seal key. A change of either needs another byte.
const payloadSealed = 4

// sealer encrypts what a store holds, so that whoever can read or write there
// learns and forges nothing. A payload opens only with the token, which no store
// has, and the seal key, which no client has. The first key seals, all open.
type sealer struct{ keys []*sealKey }

// newSealer checks the keys. Without any it draws one, and then no other
// process can open what this one seals.
func newSealer(keys [][]byte) (sealer, error) {
	if len(keys) == 0 {
		key := make([]byte, SealKeyLen)
		_, _ = rand.Read(key)
		keys = [][]byte{key}
	}
	if len(keys) > maxSealKeys {
		return sealer{}, fmt.Errorf("must be at most %d (got %d)", maxSealKeys, len(keys))
	}
	var s sealer
	for n, key := range keys {
		if len(key) != SealKeyLen {
			return sealer{}, fmt.Errorf("[%d]: must have %d bytes (got %d)", n, SealKeyLen, len(key))
		}
		ready, err := newSealKey(key)
		if err != nil {
			return sealer{}, fmt.Errorf("[%d]: %w", n, err)
		}
		s.keys = append(s.keys, ready)
	}
	return s, nil
}

// seal returns the payload of rec, encrypted. The rest of the record is
// authenticated with it: a payload that is moved to another ticket, or whose
// ticket's expiry is changed, does not open.
func (s sealer) seal(token Token, id ID, rec Record, plain []byte) ([]byte, error) {
	aead, err := s.keys[0].aead(token)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	sealed := make([]byte, 1, 1+len(plain)+aead.Overhead())
	sealed[0] = payloadSealed
	return aead.Seal(sealed, nil, plain, associatedData(id, rec)), nil //nolint:gosec // G407: this AEAD draws its nonce itself
}

// open returns what seal was given. Every error wraps [ErrCorrupt].
func (s sealer) open(token Token, id ID, rec Record) ([]byte, error) {
	if len(rec.Payload) == 0 || rec.Payload[0] != payloadSealed {
		return nil, fmt.Errorf("open payload: format: %w", ErrCorrupt)
	}
	for _, key := range s.keys {
		aead, err := key.aead(token)
		if err != nil {
			return nil, fmt.Errorf("open payload: %w", err)
		}
		if plain, err := aead.Open(nil, nil, rec.Payload[1:], associatedData(id, rec)); err == nil {
			return plain, nil
		}
	}
	return nil, fmt.Errorf("open payload: seal: %w", ErrCorrupt)
}

// associatedData is authenticated with the payload: the ID, and what the store
// keeps in clear.
func associatedData(id ID, rec Record) []byte {
	data := make([]byte, 0, len(id)+16+len(rec.Owner))
	data = append(data, id...)
	data = binary.BigEndian.AppendUint64(data, uint64(rec.IssuedAt.UnixMilli()))
	data = binary.BigEndian.AppendUint64(data, uint64(rec.ExpiresAt.UnixMilli()))
	return append(data, rec.Owner[:]...)
}

// tag returns the owner tag for a new record.
func (s sealer) tag(who Identity) Owner { return s.keys[0].owner(who) }

// owns reports whether a record was issued to who, under any of the keys.
func (s sealer) owns(tag Owner, who Identity) bool {
	same := 0
	for _, key := range s.keys {
		mine := key.owner(who)
		same |= subtle.ConstantTimeCompare(mine[:], tag[:])
	}
	return same == 1
}
