package ticket

import "context"

// Stream is an append-only list of opaque entries that all processes of a service
// read, each from where it stopped. Implementations are safe for concurrent use.
//
// The entries are sealed by a [Seal]: a store learns nothing from them, and whoever
// can write to it forges none.
type Stream interface {
	// Append adds an entry and returns its position when the store has acknowledged
	// it. The error wraps [ErrUnavailable], or [ErrFull] where the store has no room;
	// then the entry may or may not have been added.
	Append(ctx context.Context, entry []byte) (Position, error)

	// Read returns the entries after a position, oldest first; zero is the
	// beginning. If there are none it waits for some, at most two seconds, and
	// returns an empty batch then. The error wraps [ErrUnavailable].
	Read(ctx context.Context, after Position) (Batch, error)
}

// FeedStream is the [Stream] of one caller of /consume.
type FeedStream interface {
	Stream
	// Exists reports whether there is an entry. The error wraps [ErrUnavailable].
	Exists(ctx context.Context) (bool, error)
}

// FeedStore has a FeedStream for each name. The names reveal nothing.
type FeedStore interface {
	Feed(name string) FeedStream
}

// Position is a place in a [Stream]. The zero value is its beginning.
type Position struct {
	// Epoch names the history that the rest is a place in: the replication identity of a Redis.
	// It changes where entries may have been lost.
	Epoch string
	// Millis and Sequence are the ID of the last entry before the place.
	Millis, Sequence uint64
}

// Covers reports whether who has read up to p knows everything up to q. Positions of
// different epochs do not compare; zero is covered by every position.
func (p Position) Covers(q Position) bool {
	if q == (Position{}) {
		return true
	}
	return p.Epoch == q.Epoch && (p.Millis > q.Millis || p.Millis == q.Millis && p.Sequence >= q.Sequence)
}

// Batch is what [Stream.Read] returns.
type Batch struct {
	Entries [][]byte
	// Next is the position after the last entry, to read on from.
	Next Position
	// Restarted reports that the entries begin with the first one that the store
	// has, because it has another epoch than the position that was given. The reader
	// offers again what it knows.
	Restarted bool
	// Gap reports that entries after the position were lost in the same epoch. Restarted
	// is set, too.
	Gap bool
}
