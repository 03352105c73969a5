package ticket

import (
	"context"
	"time"
)

// Store keeps tickets by their ID. Implementations are safe for concurrent
// use; store/storetest is the suite that all of them pass.
//
// Every error wraps a sentinel of this package. Whatever an implementation
// cannot be sure of (a time-out, a lost reply, a node that is not the
// primary) is an error that wraps [ErrUnavailable]: never a record together
// with an error, and never "not found".
type Store interface {
	// Create keeps rec under id for lifetime, in one step. It returns
	// ErrExists where the ID is taken and ErrFull where a bound is reached;
	// it never makes room by dropping a live record.
	Create(ctx context.Context, id ID, rec Record, lifetime time.Duration) error

	// Consume turns the live record into a spent mark, in one atomic step,
	// and returns the entry as it was before. Of any number of concurrent
	// calls for an ID, from any number of processes, at most one attempt gets
	// the record. The mark stays for the retention time.
	//
	// The record is returned once more, with the mark that it has then, to the
	// attempt that redeemed it, when it comes again within retry of that; an
	// empty attempt never comes again. For anybody else a spent ticket is a
	// *SpentError. Absent and expired are ErrNotFound. A store that fails over
	// returns ErrFenced for what was created before it did.
	Consume(ctx context.Context, id ID, mark Mark, retry time.Duration) (Entry, error)

	// Settle replaces the spent mark of id, to note what became of a consumed
	// ticket. A live or absent one is ErrNotFound and stays what it is.
	Settle(ctx context.Context, id ID, mark Mark) error

	// Lookup returns the record and its mark without changing either.
	// Absent and expired are ErrNotFound.
	Lookup(ctx context.Context, id ID) (Entry, error)
}

// Record is what a store keeps of a ticket. It holds neither the token nor
// anything from which it could be computed.
type Record struct {
	// IssuedAt and ExpiresAt are exact to the millisecond.
	IssuedAt, ExpiresAt time.Time
	// Owner tells for whom a receipt may be shown.
	Owner Owner
	// Payload is the grant, opaque to the store.
	Payload []byte
}

// Owner is a tag of issuer and subject that does not tell either.
type Owner [16]byte

// State is where a ticket stands.
type State string

// The states of a ticket.
const (
	Pending  State = "pending"
	Redeemed State = "redeemed"
	Refused  State = "refused"
	Revoked  State = "revoked"
)

// Mark says how a ticket was spent. The zero mark is that of a live ticket.
type Mark struct {
	State State
	// At is exact to the millisecond.
	At time.Time
	// Attempt names the handshake attempt, at most [MaxAttempt] bytes.
	Attempt string
	// Reason is a word of [Reason] where State is Refused.
	Reason string
}

// MaxAttempt bounds the name of an attempt, in bytes.
const MaxAttempt = 64

// RetriedBy tells whether next is the attempt of m come again, within retry
// of it. It is the rule of [Store] for every implementation.
func (m Mark) RetriedBy(next Mark, retry time.Duration) bool {
	return m.State == Redeemed && next.State == Redeemed && m.Attempt != "" &&
		m.Attempt == next.Attempt && retry > 0 && next.At.Sub(m.At) <= retry
}

// Entry is a record with its mark; the mark's state is [Pending] while the
// ticket is live.
type Entry struct {
	Record Record
	Mark   Mark
}
