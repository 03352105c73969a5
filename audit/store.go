// Package audit keeps what happened, durably: a sink of the event stream that writes into
// a database, and the revocations that have to outlive the processes that made them.
package audit

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"wsticket/migrations"
	"wsticket/ticket"
)

var (
	// ErrCursor is the error of [Store.Search] for a cursor that no page had.
	ErrCursor = errors.New("no cursor of this trail")
	// ErrGap is the error of [Store.Append] for records that do not continue their chain.
	ErrGap = errors.New("records do not continue the chain")
	// ErrText is the error of [Store.Append] for a text that a database cannot hold: it is
	// not UTF-8, has a NUL, or is too long for an index. A trail appends such a record with
	// texts that are short and ASCII.
	ErrText = errors.New("a text cannot be stored")
)

// KeepChain is how long the chain of a process is known after its last record was
// removed, so that a process without events for so long can go on with it.
const KeepChain = 90 * 24 * time.Hour

// Store is a database with the tables of package migrations. Its methods are safe for
// concurrent use, and end with their context. Every error means that nothing is known to
// be stored; except for [ErrCursor], [ErrGap] and [ErrText] it wraps
// [ticket.ErrUnavailable]. None has the password of the database.
type Store interface {
	// Append stores records of one instance, in the order of Seq without a gap, in one
	// transaction. A record that is there already (same Instance and Seq) stays as it is,
	// so that a batch may be appended again after an error. The first of an instance has
	// Seq 1. At is kept in whole milliseconds.
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
	// chain of which nothing is left is forgotten [KeepChain] after that. It returns how
	// many records were removed; fewer than limit means that nothing is left to remove.
	Prune(ctx context.Context, before time.Time, limit int) (int, error)

	// PutRevocations stores revocations. One that is there (same ID) stays as it is.
	PutRevocations(ctx context.Context, all []ticket.Revocation) error
	// Revocations returns those that have not expired at a time.
	Revocations(ctx context.Context, now time.Time) ([]ticket.Revocation, error)
	// PruneRevocations removes those that have expired at a time, at most limit.
	PruneRevocations(ctx context.Context, now time.Time, limit int) (int, error)

	// Migrate brings the tables to the version of this program, and CheckSchema returns an
	// error that wraps migrations.ErrPending or migrations.ErrNewer where they have another.
	Migrate(ctx context.Context, log *slog.Logger) error
	CheckSchema(ctx context.Context) error
	// Schema returns how far the tables were migrated. It changes nothing.
	Schema(ctx context.Context) (migrations.State, error)

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
	// its end shows. Where nothing is left they are those of the removed record.
	LastSeq  uint64
	LastHash []byte
}
