package ticket

import (
	"context"
	"time"
)

// Note says why a presentation of a ticket was refused that has not changed the
// ticket: from a foreign origin, which is refused before the ticket is spent, or
// after it was spent. It is for the ticket's owner, who reads it in the receipt.
type Note struct {
	// Reason is a word of [Reason].
	Reason string
	// At is exact to the millisecond.
	At time.Time
}

// NoteStore is a [Store] that keeps notes. Without it receipts have none. Notes
// are apart from the tickets, so that neither can change what becomes of the
// other. Implementations pass storetest.RunNotes.
type NoteStore interface {
	Store

	// PutNote keeps a note of a ticket that is in the store, in place of the last
	// one, and at most for the time for which the store keeps spent marks. If
	// there is no such ticket it keeps nothing and returns ErrNotFound, after as
	// many round trips.
	PutNote(ctx context.Context, id ID, n Note) error

	// NoteOf returns the last note of a ticket that is in the store. If there is
	// none it returns ErrNotFound.
	NoteOf(ctx context.Context, id ID) (Note, error)
}

// Note keeps for the owner of a ticket that a presentation was refused because
// of err before the ticket was spent. The last note counts. It is not kept if the
// store is no [NoteStore] or is unavailable, or has no such ticket.
func (s *Service) Note(ctx context.Context, token Token, err error) {
	if notes, ok := s.store.(NoteStore); ok {
		_ = notes.PutNote(ctx, token.ID(), Note{Reason: Reason(err), At: s.now()})
	}
}

// annotate adds the last note to a receipt, unless that is about a presentation
// before the one that spent the ticket. A ticket that nobody has spent gets the
// time of the note, too: also one that has expired since then, because it would
// not have without that refusal.
func (s *Service) annotate(ctx context.Context, r Receipt, unspent bool) Receipt {
	notes, ok := s.store.(NoteStore)
	if !ok || !unspent && r.State != Redeemed {
		return r // whose reason is that of the refusal
	}
	n, err := notes.NoteOf(ctx, r.ID)
	switch {
	case err != nil:
	case unspent:
		r.Reason, r.At = n.Reason, n.At
	// Of two times in one millisecond nobody knows which is the later one.
	case n.Reason == Reason(ErrSpent), n.At.After(r.At):
		r.Reason = n.Reason
	}
	return r
}
