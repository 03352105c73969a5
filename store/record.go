package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"wsticket/ticket"
)

// The layout of a stored value. Numbers are big endian, times are Unix
// milliseconds, texts are filled up with zeros.
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
// The mark has one place and one length, so that a ticket is spent by writing
// over it. The scripts that Redis runs know the offsets too: see
// redis_scripts.go.
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

// The state byte. Zero is none of them, so that a value of zeros is no record.
const (
	statePending = iota + 1
	stateRedeemed
	stateRefused
	stateRevoked
)

// encode returns the value of a live record. It holds the ID so that a value
// that turns up under another key, or as the answer to somebody else's
// question, is refused. It has no fence yet.
func encode(id ticket.ID, rec ticket.Record) ([]byte, error) {
	if id == "" || len(id) > math.MaxUint8 {
		return nil, fmt.Errorf("encode record: id: %w", ticket.ErrInvalidRequest)
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

// stamp writes the fence into a value of encode.
func stamp(value []byte, f fence) { copy(value[atFence:atIssued], f[:]) }

// isPending tells whether a value of encode or remark is that of a live ticket.
func isPending(value []byte) bool { return value[atMark] == statePending }

// encodeMark refuses a mark that says that the ticket is live: settling with
// one would bring a spent ticket back.
func encodeMark(m ticket.Mark) ([]byte, error) {
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

// remark returns value with its mark replaced. The value must be one that
// encode or remark returned; it is left as it is.
func remark(value, mark []byte) []byte {
	b := bytes.Clone(value)
	copy(b[atMark:], mark)
	return b
}

// consumed says what an attempt to consume an entry comes to, by how the entry
// stood before. It needs no lock: a mark says who redeemed a ticket for good.
func consumed(before ticket.Entry, mark ticket.Mark, retry time.Duration) (ticket.Entry, error) {
	if before.Mark.State == ticket.Pending || before.Mark.RetriedBy(mark, retry) {
		return before, nil
	}
	return ticket.Entry{}, fmt.Errorf("consume: %w", &ticket.SpentError{Mark: before.Mark})
}

// decode reads a value that was found under id. There is exactly one encoding
// of each entry; anything else is [ticket.ErrCorrupt]. The payload of the
// entry aliases the value.
func decode(id ticket.ID, b []byte) (ticket.Entry, error) {
	if len(b) < atID || b[0] != version {
		return ticket.Entry{}, corrupt("header")
	}
	if f := fence(b[atFence:atIssued]); f != (fence{}) && !f.valid() {
		return ticket.Entry{}, corrupt("fence")
	}
	mark, ok := decodeMark([markLen]byte(b[atMark:]))
	if !ok {
		return ticket.Entry{}, corrupt("mark")
	}
	idEnd := atID + int(b[atIDLen])
	if len(b) < idEnd {
		return ticket.Entry{}, corrupt("length")
	}
	if string(b[atID:idEnd]) != string(id) || id == "" {
		return ticket.Entry{}, corrupt("id")
	}
	return ticket.Entry{
		Record: ticket.Record{
			IssuedAt: getTime(b[atIssued:]), ExpiresAt: getTime(b[atExpires:]),
			Owner: ticket.Owner(b[atOwner:atMark]), Payload: b[idEnd:],
		},
		Mark: mark,
	}, nil
}

func decodeMark(b [markLen]byte) (ticket.Mark, bool) {
	if b == [markLen]byte{statePending} {
		return ticket.Mark{State: ticket.Pending}, true
	}
	state, known := stateOf(b[0])
	attempt, ok := filled(b[atAttempt:atReason], b[atLengths])
	reason, ok2 := filled(b[atReason:], b[atLengths+1])
	if !known || state == ticket.Pending || !ok || !ok2 {
		return ticket.Mark{}, false
	}
	return ticket.Mark{State: state, At: getTime(b[atSpent:]), Attempt: attempt, Reason: reason}, true
}

// filled reads a text that is filled up with zeros.
func filled(b []byte, length byte) (string, bool) {
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
// conversions, so a time before 1970 is no special case.
func putTime(b []byte, t time.Time) {
	binary.BigEndian.PutUint64(b, uint64(t.UnixMilli()))
}

func getTime(b []byte) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b))).UTC() //nolint:gosec // G115: reverses putTime
}

// fence is the replication identity of the primary under which a record was
// created: Redis's master_replid, 40 hexadecimal digits. It is text, so that
// the scripts find it by a search in what INFO says. The zero value is none.
type fence [atIssued - atFence]byte

// parseFence tells whether text may be a replication identity.
func parseFence(text string) (f fence, ok bool) {
	ok = len(text) == copy(f[:], text) && f.valid()
	return f, ok
}

func (f fence) valid() bool {
	for _, c := range f {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// corrupt names the part that could not be read, and nothing of its content.
func corrupt(part string) error {
	return fmt.Errorf("decode record: %s: %w", part, ticket.ErrCorrupt)
}
