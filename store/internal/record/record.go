// Package record is the binary layout of a stored ticket, which all stores
// share.
package record

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"wsticket/ticket"
)

// The layout of a stored value. Numbers are big endian, times are Unix
// milliseconds, texts are padded with zeros.
//
//	0    1   version
//	1    40  fence, all zero for none
//	41   8   issued at
//	49   8   expires at
//	57   16  owner tag
//	73   1   state             \
//	74   8   spent at           |
//	82   1   length of attempt  | the mark, all zero but
//	83   1   length of reason   | its state while the ticket is live
//	84   64  attempt            |
//	148  32  reason            /
//	180  1   length of ID
//	181      ID
//	..       payload, the rest
//
// The mark has a fixed place and length, so that a ticket is spent by
// overwriting it. The Lua scripts of redisstore know the offsets too.
const (
	version   = 1
	atFence   = 1
	atIssued  = 41
	atExpires = 49
	atOwner   = 57
	atMark    = 73
	atIDLen   = 180
	atID      = 181

	// Inside the mark.
	atSpent   = 1
	atLengths = 9
	atAttempt = 11
	atReason  = atAttempt + ticket.MaxAttempt
	markLen   = atIDLen - atMark
	maxReason = markLen - atReason
)

// The state byte. Zero is not a state, so that a value of zeros is not a record.
const (
	statePending = iota + 1
	stateRedeemed
	stateRefused
	stateRevoked
)

// Encode returns the value of a live record without a fence. The value holds
// the ID, so that [Decode] refuses it under another key. Stores count
// lifetimes in milliseconds: a shorter one is [ticket.ErrInvalidRequest].
func Encode(id ticket.ID, rec ticket.Record, lifetime time.Duration) ([]byte, error) {
	if id == "" || len(id) > math.MaxUint8 {
		return nil, fmt.Errorf("encode record: id: %w", ticket.ErrInvalidRequest)
	}
	if lifetime < time.Millisecond {
		return nil, fmt.Errorf("encode record: lifetime: %w", ticket.ErrInvalidRequest)
	}
	b := make([]byte, atID, atID+len(id)+len(rec.Payload))
	b[0], b[atMark] = version, statePending
	putTime(b[atIssued:], rec.IssuedAt)
	putTime(b[atExpires:], rec.ExpiresAt)
	copy(b[atOwner:], rec.Owner[:])
	b[atIDLen] = byte(len(id)) //nolint:gosec // G115: checked above
	b = append(b, id...)
	return append(b, rec.Payload...), nil
}

// IsPending reports whether a value that this package made is that of a live
// ticket.
func IsPending(value []byte) bool { return value[atMark] == statePending }

// EncodeMark returns the encoded mark of a spent ticket. Any other mark is
// [ticket.ErrInvalidRequest]: Settle with a pending one would revive a ticket.
func EncodeMark(m ticket.Mark) ([]byte, error) {
	state := stateByte(m.State)
	if state == 0 || state == statePending {
		return nil, fmt.Errorf("encode mark: state: %w", ticket.ErrInvalidRequest)
	}
	if len(m.Attempt) > ticket.MaxAttempt || len(m.Reason) > maxReason {
		return nil, fmt.Errorf("encode mark: length: %w", ticket.ErrInvalidRequest)
	}
	b := make([]byte, markLen)
	b[0] = state
	putTime(b[atSpent:], m.At)
	b[atLengths], b[atLengths+1] = byte(len(m.Attempt)), byte(len(m.Reason)) //nolint:gosec // G115: checked above
	copy(b[atAttempt:], m.Attempt)
	copy(b[atReason:], m.Reason)
	return b, nil
}

// WithMark returns a copy of value with its mark replaced by one of
// [EncodeMark].
func WithMark(value, mark []byte) []byte {
	b := bytes.Clone(value)
	copy(b[atMark:], mark)
	return b
}

// Consumed decides what a Consume returns, from the entry as it was before:
// the entry if it was live or the mark is a retry of the one that spent it, and
// a [*ticket.SpentError] otherwise.
func Consumed(before ticket.Entry, mark ticket.Mark, retry time.Duration) (ticket.Entry, error) {
	if before.Mark.State == ticket.Pending || before.Mark.RetriedBy(mark, retry) {
		return before, nil
	}
	return ticket.Entry{}, fmt.Errorf("consume: %w", &ticket.SpentError{Mark: before.Mark})
}

// Decode reads a value that was found under id. Each entry has exactly one
// encoding; anything else is [ticket.ErrCorrupt]. The payload of the entry
// aliases the value.
func Decode(id ticket.ID, value []byte) (ticket.Entry, error) {
	if len(value) < atID || value[0] != version {
		return ticket.Entry{}, corrupt("header")
	}
	if f := Fence(value[atFence:atIssued]); f != (Fence{}) && !f.isValid() {
		return ticket.Entry{}, corrupt("fence")
	}
	mark, ok := decodeMark([markLen]byte(value[atMark:]))
	if !ok {
		return ticket.Entry{}, corrupt("mark")
	}
	idEnd := atID + int(value[atIDLen])
	if len(value) < idEnd {
		return ticket.Entry{}, corrupt("length")
	}
	if string(value[atID:idEnd]) != string(id) || id == "" {
		return ticket.Entry{}, corrupt("id")
	}
	return ticket.Entry{
		Record: ticket.Record{
			IssuedAt: getTime(value[atIssued:]), ExpiresAt: getTime(value[atExpires:]),
			Owner: ticket.Owner(value[atOwner:atMark]), Payload: value[idEnd:],
		},
		Mark: mark,
	}, nil
}

func decodeMark(b [markLen]byte) (ticket.Mark, bool) {
	if b == [markLen]byte{statePending} {
		return ticket.Mark{State: ticket.Pending}, true
	}
	state, known := stateOf(b[0])
	attempt, attemptOK := unpad(b[atAttempt:atReason], b[atLengths])
	reason, reasonOK := unpad(b[atReason:], b[atLengths+1])
	if !known || state == ticket.Pending || !attemptOK || !reasonOK {
		return ticket.Mark{}, false
	}
	return ticket.Mark{State: state, At: getTime(b[atSpent:]), Attempt: attempt, Reason: reason}, true
}

// unpad reads a text that is padded with zeros.
func unpad(b []byte, length byte) (string, bool) {
	if int(length) > len(b) {
		return "", false
	}
	return string(b[:length]), len(bytes.TrimLeft(b[length:], "\x00")) == 0
}

func stateByte(s ticket.State) byte {
	switch s {
	case ticket.Pending:
		return statePending
	case ticket.Redeemed:
		return stateRedeemed
	case ticket.Refused:
		return stateRefused
	case ticket.Revoked:
		return stateRevoked
	default:
		return 0
	}
}

func stateOf(b byte) (ticket.State, bool) {
	for _, s := range [...]ticket.State{ticket.Pending, ticket.Redeemed, ticket.Refused, ticket.Revoked} {
		if stateByte(s) == b {
			return s, true
		}
	}
	return "", false
}

// putTime and getTime keep a time to the millisecond. The sign survives the
// conversions, so a time before 1970 needs no special case.
// timeLen is the length of an encoded time, in bytes.
const timeLen = 8

func putTime(b []byte, t time.Time) {
	binary.BigEndian.PutUint64(b, uint64(t.UnixMilli()))
}

func getTime(b []byte) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b))).UTC() //nolint:gosec // G115: reverses putTime
}

// corrupt names the part that could not be read, and none of its content.
func corrupt(part string) error {
	return fmt.Errorf("decode record: %s: %w", part, ticket.ErrCorrupt)
}
