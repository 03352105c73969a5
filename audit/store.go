// Package audit keeps what happened, durably: a sink of the event stream that writes into
// a database, and the revocations that have to outlive the processes that made them.
package audit

import (
	"context"
	"errors"
	"time"

	"wsticket/ticket"
)

// ErrCursor is the error of [Store.Search] for a cursor that no page had.
var ErrCursor = errors.New("no cursor of this trail")

// Store is a database with the tables of package migrations. Its methods are safe for
// concurrent use, and end with their context. Every error means that nothing is known to
// be stored.
type Store interface {
	// Append stores records of one instance, in the order of Seq without a gap, in one
	// transaction. A record that is there already (same Instance and Seq) stays as it is,
	// so that a batch may be appended again after an error.
	Append(ctx context.Context, records []ticket.AuditRecord) error
	// Search returns what a query selects. The error wraps [ErrCursor] where the cursor
	// is none.
	Search(ctx context.Context, q ticket.AuditQuery) (ticket.AuditPage, error)
	// Chains returns all chains, by Instance.
	Chains(ctx context.Context) ([]Chain, error)
	// ReadChain returns records of an instance in the order of Seq, those after a Seq and
	// at most limit.
	ReadChain(ctx context.Context, instance string, after uint64, limit int) ([]ticket.AuditRecord, error)
	// Prune removes records that are older than a time, at most limit of them and from the
	// beginning of each chain only, and moves Chain.Pruned in the same transaction. A
	// chain of which nothing is left goes with its last record. It returns how many were
	// removed; fewer than limit means that nothing is left to remove.
	Prune(ctx context.Context, before time.Time, limit int) (int, error)

	// PutRevocations stores revocations. One that is there (same ID) stays as it is.
	PutRevocations(ctx context.Context, all []ticket.Revocation) error
	// Revocations returns those that have not expired at a time.
	Revocations(ctx context.Context, now time.Time) ([]ticket.Revocation, error)
	// PruneRevocations removes those that have expired at a time, at most limit.
	PruneRevocations(ctx context.Context, now time.Time, limit int) (int, error)

	// Ping reports whether the database answers.
	Ping(ctx context.Context) error
	Close() error
}

// Chain is what a database knows of the records of one process, apart from the records
// themselves.
type Chain struct {
	Instance string
	// StartedAt is the time of its first record.
	StartedAt time.Time
	// PrunedSeq and PrunedHash are of the last record that retention has removed: the
	// chain continues from there. They are zero where nothing was removed.
	PrunedSeq  uint64
	PrunedHash []byte
	// LastSeq and LastHash are of the newest record, so that a chain that was cut off at
	// its end shows.
	LastSeq  uint64
	LastHash []byte
}
