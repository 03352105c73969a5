package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"

	"wsticket/ticket"
)

// domain keeps the hashes of a chain apart from all others. Another encoding needs
// another one.
const domain = "wsticket audit chain 1\n"

// FirstHash returns what stands in for the hash before the first record of an instance,
// so that no two chains begin alike.
func FirstHash(instance string) []byte {
	sum := sha256.Sum256(appendText([]byte(domain+"first\n"), instance))
	return sum[:]
}

// Hash returns the hash of a record that follows one with the hash previous: SHA-256 over
// a name of this use, previous, and all fields of the record but Hash.
func Hash(previous []byte, r *ticket.AuditRecord) []byte {
	return new(chain).hash(previous, r)
}

// chain makes hashes. Its buffer is used again, so it is for one goroutine.
type chain struct{ buffer []byte }

func (c *chain) hash(previous []byte, r *ticket.AuditRecord) []byte {
	b := append(c.buffer[:0], domain...)
	b = appendText(b, string(previous))
	b = appendRecord(b, r)
	c.buffer = b
	sum := sha256.Sum256(b)
	return sum[:]
}

// appendRecord appends a record so that no other one has the same bytes: fields in a fixed
// order, numbers in eight bytes, texts after their length, and details after their
// number, sorted by their names. A time has milliseconds, as it has in every database.
func appendRecord(b []byte, r *ticket.AuditRecord) []byte {
	b = appendText(b, r.Instance)
	for _, n := range [...]uint64{r.Seq, uint64(r.At.UnixMilli()), uint64(r.CloseCode), uint64(r.DurationMS)} { //nolint:gosec // G115: the bits are what counts
		b = binary.BigEndian.AppendUint64(b, n)
	}
	for _, text := range [...]string{
		string(r.Event), string(r.Action), r.Outcome, r.Reason,
		r.Issuer, r.Subject, r.SessionID, r.ClientID, r.TokenID, string(r.TicketID), r.Audience,
		string(r.Door), r.Origin, r.ClientIP, r.UserAgent, r.Route, r.RequestID, r.TraceID, r.Caller, r.Fence, r.ClosedBy,
	} {
		b = appendText(b, text)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(len(r.Details)))
	for _, name := range slices.Sorted(maps.Keys(r.Details)) {
		b = appendText(appendText(b, name), r.Details[name])
	}
	return b
}

func appendText(b []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(len(text))), text...)
}
