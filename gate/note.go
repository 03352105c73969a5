package gate

import (
	"context"
	"errors"

	"wsticket/ticket"
)

// Noter is a [Redeemer] that keeps, for the owner of a ticket, why it was refused
// before it was spent. [*ticket.Service] is one.
type Noter interface {
	Note(ctx context.Context, token ticket.Token, err error)
}

// The bounds of notes. One more is not kept: a page of a foreign origin is no
// client of ours, and must not keep the store busy.
const (
	// maxNotes bounds the notes that are being written.
	maxNotes = 8
	// notesOfAddress bounds the notes of a client's handshakes in a second.
	notesOfAddress = 5
)

// Note keeps for the owner of a ticket that it was refused because of err, if that
// is [ErrOrigin] and the Redeemer is a [Noter]. The owner cannot find out
// otherwise: the ticket is still good, and the page sees 1006.
func (g *Gate) Note(ctx context.Context, token ticket.Token, err error) {
	noter, ok := g.o.Redeemer.(Noter)
	if !ok || !errors.Is(err, ErrOrigin) {
		return
	}
	select {
	case g.notes <- struct{}{}:
		defer func() { <-g.notes }()
	default:
		return
	}
	ctx, cancel := context.WithTimeout(ctx, admitTimeout)
	defer cancel()
	noter.Note(ctx, token, err)
}

// noteTicket is Note for the ticket of a handshake that was refused before its
// credential was looked at. It returns the ID of the ticket, empty if there is none.
func (g *Gate) noteTicket(ctx context.Context, h Handshake, o Offer, err error) ticket.ID {
	if !errors.Is(err, ErrOrigin) {
		return ""
	}
	presented, fault := g.doors.find(h.RawQuery, h.Header, o)
	if fault != nil || presented.kind != kindTicket {
		return ""
	}
	token, fault := ticket.ParseToken(presented.text)
	if fault != nil {
		return ""
	}
	// The limit of addresses has not been asked yet: the origin comes before it.
	if _, _, ok := g.noteLimit.Allow(g.limited(h.ClientIP)); ok {
		g.Note(ctx, token, err)
	}
	return token.ID()
}
