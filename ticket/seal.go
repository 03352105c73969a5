package ticket

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
)

// SealKeyLen is the length of a seal key in bytes.
const SealKeyLen = 32

// maxSealKeys bounds what a wrong token can cost: each key is tried.
const maxSealKeys = 4

// payloadSealed is the first byte of a payload: AES-256-GCM under a key that
// HKDF-SHA-256 derives from the token and a seal key, over what encodePayload
// returns. Another form of either takes another byte.
const payloadSealed = 2

// sealer keeps what a store holds from whoever can read or write there. A
// payload opens only with the token, which no store has, and with the seal
// key, which no client has. The first key seals, all of them open.
type sealer struct{ keys []*sealKey }

// newSealer checks the keys. Without any it draws one, and then nobody else
// opens what this process has sealed.
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

// seal returns the payload of rec. What stands beside it in the record is
// bound to it: whoever moves the payload to another ticket, or moves the
// ticket's end, makes it unreadable.
func (s sealer) seal(token Token, id ID, rec Record, plain []byte) ([]byte, error) {
	aead, err := s.keys[0].aead(token)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	sealed := make([]byte, 1, 1+len(plain)+aead.Overhead())
	sealed[0] = payloadSealed
	return aead.Seal(sealed, nil, plain, bound(id, rec)), nil //nolint:gosec // G407: this AEAD draws its nonce itself
}

// open returns what seal was given. The error is [ErrCorrupt], whatever is
// wrong.
func (s sealer) open(token Token, id ID, rec Record) ([]byte, error) {
	if len(rec.Payload) == 0 || rec.Payload[0] != payloadSealed {
		return nil, fmt.Errorf("open payload: format: %w", ErrCorrupt)
	}
	for _, key := range s.keys {
		aead, err := key.aead(token)
		if err != nil {
			return nil, fmt.Errorf("open payload: %w", err)
		}
		if plain, err := aead.Open(nil, nil, rec.Payload[1:], bound(id, rec)); err == nil {
			return plain, nil
		}
	}
	return nil, fmt.Errorf("open payload: seal: %w", ErrCorrupt)
}

// bound is the associated data: the ID and what the store keeps in clear.
func bound(id ID, rec Record) []byte {
	data := make([]byte, 0, len(id)+16+len(rec.Owner))
	data = append(data, id...)
	data = binary.BigEndian.AppendUint64(data, uint64(rec.IssuedAt.UnixMilli()))
	data = binary.BigEndian.AppendUint64(data, uint64(rec.ExpiresAt.UnixMilli()))
	return append(data, rec.Owner[:]...)
}

// tag is the owner tag of a new record.
func (s sealer) tag(who Identity) Owner { return s.keys[0].owner(who) }

// owns tells whether a record was issued to who, under any of the keys.
func (s sealer) owns(tag Owner, who Identity) bool {
	same := 0
	for _, key := range s.keys {
		mine := key.owner(who)
		same |= subtle.ConstantTimeCompare(mine[:], tag[:])
	}
	return same == 1
}
