package ticket

import (
	"context"
	"time"
)

// Store keeps tickets by their ID. Implementations are safe for concurrent
// use, and pass the conformance suite of store/storetest.
//
// A call takes as many round trips for a ticket that is absent as for one that is
// there, so that the time of an answer does not tell strangers which it was.
//
// Every error wraps a sentinel of this package. An implementation that cannot
// be sure of the outcome (a time-out, a lost reply, a node that is not the
// primary) returns an error that wraps [ErrUnavailable]. It never returns a
// record together with an error, and never [ErrNotFound] in place of an outage.
type Store interface {
	// Create keeps rec under id, in one step. It is live for lifetime, and kept
	// for the store's retention time after that. It returns ErrExists if the ID
	// is taken, and ErrFull if the store has reached its bound: it never drops a
	// live record to make room.
	Create(ctx context.Context, id ID, rec Record, lifetime time.Duration) error

	// Consume turns the live record into a spent mark, in one atomic step,
	// and returns the entry as it was before. Of any number of concurrent
	// calls for an ID, from any number of processes, at most one attempt gets
	// the record. The mark is kept for the store's retention time at least, and no
	// longer than the record would have been.
	//
	// A retry gets the record once more, together with the mark that it has by
	// then: see [Mark.RetriedBy]. For any other caller a spent ticket is a
	// *SpentError, and one that is past its lifetime ErrExpired, by the clock of
	// the store. A ticket that is absent is ErrNotFound. A store that fails over
	// returns ErrFenced for tickets created before.
	Consume(ctx context.Context, id ID, mark Mark, retry time.Duration) (Entry, error)

	// Settle replaces the spent mark of id, to record what became of a
	// consumed ticket. It leaves a pending or absent one as it is and returns
	// ErrNotFound.
	Settle(ctx context.Context, id ID, mark Mark) error

	// Lookup returns the record and its mark without changing either. A
	// ticket that is absent is ErrNotFound.
	Lookup(ctx context.Context, id ID) (Entry, error)
}

// DefaultRetention is how long the stores of this module keep a spent mark, and a
// record that nobody has consumed in its lifetime, unless their options say otherwise.
const DefaultRetention = 5 * time.Minute

// Record is what a store keeps of a ticket. It holds neither the token nor
// anything from which the token could be computed.
type Record struct {
	// IssuedAt and ExpiresAt are exact to the millisecond.
	IssuedAt, ExpiresAt time.Time
	// Owner says who may read the receipt.
	Owner Owner
	// Payload is the sealed grant, opaque to the store.
	Payload []byte
}

// Owner is a tag of issuer and subject that reveals neither of them.
type Owner [16]byte

// State is the state of a ticket.
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
	// Reason is a word of [Reason] if State is Refused.
	Reason string
}

// MaxAttempt is the maximum length of the name of an attempt, in bytes.
const MaxAttempt = 64

// maxClockSkew is how far the clocks of two processes that share a store may
// differ. Beyond it a retry is taken for a replay.
const maxClockSkew = time.Second

// RetriedBy reports whether next is a retry of the attempt that left m: it has
// the same name, which is not empty, and is at most retry later than m. It may
// be up to a second earlier than m, because the clocks of two processes differ.
// Every [Store] applies this rule.
func (m Mark) RetriedBy(next Mark, retry time.Duration) bool {
	later := next.At.Sub(m.At)
	return m.State == Redeemed && next.State == Redeemed && m.Attempt != "" &&
		m.Attempt == next.Attempt && retry > 0 && -maxClockSkew <= later && later <= retry
}

// Entry is a record with its mark. The state of the mark is [Pending] until the
// ticket is consumed.
type Entry struct {
	Record Record
	Mark   Mark
	// Expired reports whether a pending ticket is past its lifetime, so that
	// nobody can consume it any more.
	Expired bool
	// Head is how far the [Stream] of the same store had come when it answered, zero if
	// it does not say.
	Head Position
}
