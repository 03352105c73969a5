package ticket

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Redeem spends the ticket and returns its grant. Check before it that the
// handshake can be accepted: after Redeem the ticket is spent, whatever the
// result.
//
// The same attempt may redeem the ticket again within Options.RetryWindow and
// gets the same grant, so that a proxy that sends a request twice does not
// lock out an honest client. Any other presentation of a spent ticket is a
// replay, including the same attempt for another audience or from another
// origin.
//
// The error wraps [ErrNotFound], [ErrExpired], [ErrSpent], [ErrRevoked],
// [ErrFenced], [ErrVoided], [ErrWrongAudience], [ErrWrongOrigin], [ErrCorrupt] or
// [ErrUnavailable]. After the last one the ticket may or may not be spent:
// refuse, and let the client get a new one.
func (s *Service) Redeem(ctx context.Context, token Token, p Presentation) (Grant, error) {
	start := s.now()
	id := token.ID()
	p = s.bind(p)
	grant, retried, err := s.redeem(ctx, token, id, p, start)
	e := Event{
		Action: ActionRedeem, At: start, TicketID: id, Identity: grant.Identity,
		Presentation: p, Retried: retried, Err: err,
	}
	if grant.Issue != nil {
		e.Issue = *grant.Issue
	}
	if err == nil && s.keeper != nil {
		e = s.completed(ctx, e)
		if e.Err = e.Keep(ctx, s.keeper); e.Err != nil {
			grant, err = Grant{}, fmt.Errorf("redeem: %w", e.Err)
		}
	}
	s.emit(ctx, e)
	return grant, err
}

// emit completes an event of this service and hands it on.
func (s *Service) emit(ctx context.Context, e Event) {
	if s.events != nil {
		s.events.Emit(ctx, s.completed(ctx, e))
	}
}

func (s *Service) completed(ctx context.Context, e Event) Event {
	e.Kind, e.Reason, e.Attrs = kindOf(e.Action, e.Err), Reason(e.Err), AttrsOf(e.Err)
	e.Duration, e.Request = s.now().Sub(e.At), RequestOf(ctx)
	return e
}

func kindOf(action Action, err error) EventKind {
	switch {
	case err == nil:
		return EventKind(action)
	case action == ActionRedeem && (errors.Is(err, ErrSpent) || errors.Is(err, ErrRevoked)):
		return EventReplay
	case errors.Is(err, ErrTooManyTickets):
		return EventLimit
	case errors.Is(err, ErrFenced):
		return EventFence
	default:
		return EventRefuse
	}
}

// bind fills in the default audience, and binds the attempt to audience and
// origin. Otherwise a client that presents a ticket several times at once under
// one attempt could try out audiences and origins until the first refusal is
// recorded in the store.
func (s *Service) bind(p Presentation) Presentation {
	if p.Audience == "" {
		p.Audience = s.audiences[0].Name
	}
	if p.Attempt != "" && len(p.Attempt) <= MaxAttempt {
		digest := sha256.Sum256([]byte(p.Attempt + "\x00" + p.Audience + "\x00" + p.Origin))
		p.Attempt = base64.RawURLEncoding.EncodeToString(digest[:])[:22]
	}
	return p
}

func (s *Service) redeem(ctx context.Context, token Token, id ID, p Presentation, now time.Time) (_ Grant, retried bool, _ error) {
	if len(p.Attempt) > MaxAttempt {
		return Grant{}, false, fmt.Errorf("redeem: attempt: %w", ErrInvalidRequest)
	}
	mark := Mark{State: Redeemed, At: now, Attempt: p.Attempt}
	before, err := s.store.Consume(ctx, id, mark, s.retry)
	if !errors.Is(err, ErrUnavailable) {
		s.pending.end(id)
	}
	if err != nil {
		s.recordRefusal(ctx, id, mark, false, err)
		return Grant{}, false, fmt.Errorf("redeem: %w", err)
	}
	spentAt := now
	if retried = before.Mark.State != Pending; retried {
		spentAt = before.Mark.At
	}
	grant, err := s.check(token, id, before.Record, p, spentAt)
	if err == nil {
		grant.Head = before.Head
		err = s.checkRevoked(ctx, grant)
	}
	if err != nil {
		s.recordRefusal(ctx, id, mark, !retried, err)
		return Grant{}, retried, fmt.Errorf("redeem: %w", err)
	}
	return grant, retried, nil
}

// checkRevoked returns [ErrVoided] for a grant that a revocation voids.
func (s *Service) checkRevoked(ctx context.Context, grant Grant) error {
	err := s.revoked.Check(ctx, grant)
	if errors.Is(err, ErrBearerRevoked) {
		return WithAttrs(ErrVoided, AttrsOf(err)...)
	}
	return err
}

// recordRefusal keeps for the owner why a ticket was refused. mark is that of this
// call, and spent reports whether the ticket has it. If this fails, the ticket is
// refused all the same, and only the reason in the receipt is lost.
//
// Whatever the reason, it is one more call of the store. Otherwise the time of an
// answer would tell a ticket that is unknown from one that was good once.
func (s *Service) recordRefusal(ctx context.Context, id ID, mark Mark, spent bool, err error) {
	notes, keeps := s.store.(NoteStore)
	switch {
	case errors.Is(err, ErrUnavailable): // and the answer says so
	case spent:
		mark.State, mark.Reason = Refused, Reason(err)
		_ = s.store.Settle(ctx, id, mark)
	case errors.Is(err, ErrSpent) && keeps:
		_ = notes.PutNote(ctx, id, Note{Reason: Reason(err), At: mark.At})
	default:
		_, _ = s.store.Lookup(ctx, id) // There is nothing to keep.
	}
}

// check compares the presentation with the record, which is spent by now.
func (s *Service) check(token Token, id ID, rec Record, p Presentation, spentAt time.Time) (Grant, error) {
	grant, err := s.unseal(token, id, rec, spentAt)
	if err != nil {
		return Grant{}, err
	}
	if grant.Audience != p.Audience {
		return Grant{}, WithAttrs(ErrWrongAudience, slog.String("audience", p.Audience), Expected(grant.Audience))
	}
	if grant.Origin != "" && grant.Origin != p.Origin {
		return Grant{}, WithAttrs(ErrWrongOrigin, slog.String("origin", cmp.Or(p.Origin, "(none)")), Expected(grant.Origin))
	}
	return grant, nil
}

// unseal returns the grant in a record, or ErrExpired if the record has
// expired at the given time.
func (s *Service) unseal(token Token, id ID, rec Record, at time.Time) (Grant, error) {
	// The store has compared with its own clock, which may be set back. So
	// ours has to agree.
	if !at.Before(rec.ExpiresAt) {
		return Grant{}, ErrExpired
	}
	plain, err := s.sealer.open(token, id, rec)
	if err != nil {
		return Grant{}, err
	}
	return decodePayload(id, plain)
}

// Lookup returns the receipt of a ticket to its owner. The error wraps
// [ErrNotFound] for tickets that are unknown, gone or somebody else's.
func (s *Service) Lookup(ctx context.Context, id ID, who Identity) (Receipt, error) {
	entry, err := s.owned(ctx, id, who)
	if err != nil {
		return Receipt{}, fmt.Errorf("lookup: %w", err)
	}
	unspent := entry.Mark.State == Pending
	if entry.Expired {
		entry.Mark = Mark{State: Refused, Reason: Reason(ErrExpired), At: entry.Record.ExpiresAt}
	}
	return s.annotate(ctx, Receipt{
		ID: id, State: entry.Mark.State, Reason: entry.Mark.Reason,
		At: entry.Mark.At, ExpiresAt: entry.Record.ExpiresAt,
	}, unspent), nil
}

// Revoke spends a pending ticket for its owner, so that nobody can redeem it.
// Revoking it again is no error. The error wraps [ErrNotFound] for tickets that
// are redeemed, refused, gone or somebody else's.
func (s *Service) Revoke(ctx context.Context, id ID, who Identity) error {
	start := s.now()
	err := s.revoke(ctx, id, who, start)
	s.emit(ctx, Event{Action: ActionRevoke, At: start, TicketID: id, Identity: who, Err: err})
	return err
}

func (s *Service) revoke(ctx context.Context, id ID, who Identity, now time.Time) error {
	entry, err := s.owned(ctx, id, who)
	if err == nil && entry.Mark.State == Pending {
		if _, err = s.store.Consume(ctx, id, Mark{State: Revoked, At: now}, 0); err == nil { // or it has expired
			s.pending.end(id)
		}
	} else if err == nil {
		err = &SpentError{Mark: entry.Mark}
	}
	switch {
	case err == nil, errors.Is(err, ErrRevoked):
		return nil
	case errors.Is(err, ErrSpent), errors.Is(err, ErrExpired):
		return fmt.Errorf("revoke: %w", ErrNotFound)
	default:
		return fmt.Errorf("revoke: %w", err)
	}
}

func (s *Service) owned(ctx context.Context, id ID, who Identity) (Entry, error) {
	entry, err := s.store.Lookup(ctx, id)
	if err != nil {
		return Entry{}, err
	}
	if !s.sealer.owns(entry.Record.Owner, who) {
		return Entry{}, fmt.Errorf("another owner's: %w", ErrNotFound)
	}
	return entry, nil
}
