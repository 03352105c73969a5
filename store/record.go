package store

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"wsticket/ticket"
)

// The layout of a stored value. Numbers are big endian, times are Unix
// milliseconds.
//
//	0   1   version
//	1   1   state
//	2   20  reserved for the replication identity of the primary, zero
//	22  8   issued at
//	30  8   expires at
//	38  16  owner tag
//	54  8   spent at           \
//	62  1   length of attempt   | the mark, all zero
//	63  1   length of reason    | while the ticket is live
//	64      attempt, reason    /
//	..  1   length of ID
//	..      ID
//	..      payload, the rest
//
// The scripts that Redis runs know the offsets too: see redis_scripts.go.
const (
	version     = 1
	atState     = 1
	atFence     = 2
	atIssued    = 22
	atExpires   = 30
	atOwner     = 38
	atMark      = 54
	atLengths   = 62
	headerLen   = 64
	maxByteSize = math.MaxUint8
)

// The state byte. Zero is none of them, so that a value of zeros is no record.
const (
	statePending = iota + 1
	stateRedeemed
	stateRefused
	stateRevoked
)

// encode returns the value of a live record. It holds the ID so that a value
// that turns up under another key, or as the answer to somebody else's
// question, is refused.
func encode(id ticket.ID, rec ticket.Record) ([]byte, error) {
	if id == "" || len(id) > maxByteSize {
		return nil, fmt.Errorf("encode record: id: %w", ticket.ErrInvalidRequest)
	}
	b := make([]byte, headerLen, headerLen+1+len(id)+len(rec.Payload))
	b[0], b[atState] = version, statePending
	putTime(b[atIssued:], rec.IssuedAt)
	putTime(b[atExpires:], rec.ExpiresAt)
	copy(b[atOwner:], rec.Owner[:])
	b = append(b, byte(len(id))) //nolint:gosec // G115: checked above
	b = append(b, id...)
	return append(b, rec.Payload...), nil
}

// spent is a mark as it is stored: the state byte, and the bytes from atMark
// up to the ID.
type spent struct {
	state byte
	bytes []byte
}

// encodeMark refuses a mark that says that the ticket is live: settling with
// one would bring a spent ticket back.
func encodeMark(m ticket.Mark) (spent, error) {
	state := stateByte(m.State)
	if state == 0 || state == statePending {
		return spent{}, fmt.Errorf("encode mark: state: %w", ticket.ErrInvalidRequest)
	}
	if len(m.Attempt) > ticket.MaxAttempt || len(m.Reason) > maxByteSize {
		return spent{}, fmt.Errorf("encode mark: length: %w", ticket.ErrInvalidRequest)
	}
	const fixed = headerLen - atMark
	b := make([]byte, fixed, fixed+len(m.Attempt)+len(m.Reason))
	putTime(b, m.At)
	b[fixed-2], b[fixed-1] = byte(len(m.Attempt)), byte(len(m.Reason)) //nolint:gosec // G115: checked above
	b = append(b, m.Attempt...)
	return spent{state, append(b, m.Reason...)}, nil
}

// remark returns value with its mark replaced. The value must be one that
// encode or remark returned; it is left as it is.
func remark(value []byte, mark spent) []byte {
	rest := value[markEnd(value):]
	b := make([]byte, 0, atMark+len(mark.bytes)+len(rest))
	b = append(b, value[:atMark]...)
	b[atState] = mark.state
	b = append(b, mark.bytes...)
	return append(b, rest...)
}

// decode reads a value that was found under id. There is exactly one encoding
// of each entry; anything else is [ticket.ErrCorrupt]. The payload of the
// entry aliases the value.
func decode(id ticket.ID, b []byte) (ticket.Entry, error) {
	if len(b) < headerLen || b[0] != version || [atIssued - atFence]byte(b[atFence:]) != [atIssued - atFence]byte{} {
		return ticket.Entry{}, corrupt("header")
	}
	mark, ok := decodeMark(b)
	if !ok {
		return ticket.Entry{}, corrupt("mark")
	}
	rest := b[markEnd(b):]
	if len(rest) == 0 || len(rest) <= int(rest[0]) {
		return ticket.Entry{}, corrupt("length")
	}
	idEnd := 1 + int(rest[0])
	if string(rest[1:idEnd]) != string(id) || id == "" {
		return ticket.Entry{}, corrupt("id")
	}
	return ticket.Entry{
		Record: ticket.Record{
			IssuedAt: getTime(b[atIssued:]), ExpiresAt: getTime(b[atExpires:]),
			Owner: ticket.Owner(b[atOwner:atMark]), Payload: rest[idEnd:],
		},
		Mark: mark,
	}, nil
}

// decodeMark reads the mark of a value that has at least a header.
func decodeMark(b []byte) (ticket.Mark, bool) {
	if b[atState] == statePending {
		none := [headerLen - atMark]byte{}
		return ticket.Mark{State: ticket.Pending}, [headerLen - atMark]byte(b[atMark:]) == none
	}
	state, ok := stateOf(b[atState])
	attemptEnd, end := headerLen+int(b[atLengths]), markEnd(b)
	if !ok || b[atLengths] > ticket.MaxAttempt || end > len(b) {
		return ticket.Mark{}, false
	}
	return ticket.Mark{
		State: state, At: getTime(b[atMark:]),
		Attempt: string(b[headerLen:attemptEnd]), Reason: string(b[attemptEnd:end]),
	}, true
}

// markEnd is where the ID's length stands.
func markEnd(b []byte) int {
	return headerLen + int(b[atLengths]) + int(b[atLengths+1])
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
// conversions, so a time before 1970 is no special case.
func putTime(b []byte, t time.Time) {
	binary.BigEndian.PutUint64(b, uint64(t.UnixMilli()))
}

func getTime(b []byte) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b))).UTC() //nolint:gosec // G115: reverses putTime
}

// corrupt names the part that could not be read, and nothing of its content.
func corrupt(part string) error {
	return fmt.Errorf("decode record: %s: %w", part, ticket.ErrCorrupt)
}
