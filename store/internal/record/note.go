package record

import (
	"fmt"

	"wsticket/ticket"
)

// EncodeNote returns the value of a note: its time as in the layout of tickets,
// then its reason. A reason that no mark could hold is
// [ticket.ErrInvalidRequest].
func EncodeNote(n ticket.Note) ([]byte, error) {
	if n.Reason == "" || len(n.Reason) > maxReason {
		return nil, fmt.Errorf("encode note: reason: %w", ticket.ErrInvalidRequest)
	}
	b := make([]byte, timeLen, timeLen+len(n.Reason))
	putTime(b, n.At)
	return append(b, n.Reason...), nil
}

// DecodeNote reads a value of [EncodeNote]. Anything else is
// [ticket.ErrCorrupt].
func DecodeNote(value []byte) (ticket.Note, error) {
	if len(value) <= timeLen || len(value) > timeLen+maxReason {
		return ticket.Note{}, corrupt("note")
	}
	return ticket.Note{At: getTime(value), Reason: string(value[timeLen:])}, nil
}
