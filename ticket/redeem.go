package ticket

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"
)

// Redeem spends the ticket and returns its grant. The caller has checked
// before that the handshake is one that it can accept: after Redeem the
// ticket is spent, whatever the answer.
//
// The same attempt may redeem it again within Options.RetryWindow and gets
// the same grant: a proxy that sends a request twice does not turn away the
// honest client. Any other presentation of a spent ticket is a replay, also one
// by the same name for another audience or from another origin.
//
// The error wraps [ErrNotFound], [ErrExpired], [ErrSpent], [ErrRevoked],
// [ErrFenced], [ErrWrongAudience], [ErrWrongOrigin], [ErrCorrupt] or
// [ErrUnavailable]. The last one leaves open whether the ticket is spent:
// refuse, and let the client ask for a new one.
func (s *Service) Redeem(ctx context.Context, token Token, p Presentation) (Grant, error) {
	start := s.now()
	id := token.ID()
	p = s.bound(p)
	grant, retried, err := s.redeem(ctx, token, id, p, start)
	s.observe(ctx, Event{
		Action: ActionRedeem, At: start, Took: s.now().Sub(start),
		ID: id, Identity: grant.Identity, Presentation: p, Retried: retried, Err: err,
	})
	return grant, err
}

// bound names the audience, and has the attempt mean this presentation and no
// other. Else whoever presents a ticket several times at once, by one name, could
// try audiences and origins until the first refusal is noted.
func (s *Service) bound(p Presentation) Presentation {
	if p.Audience == "" {
		p.Audience = s.audiences[0]
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
	if err != nil {
		return Grant{}, false, fmt.Errorf("redeem: %w", err)
	}
	spentAt := now
	if retried = before.Mark.State != Pending; retried {
		spentAt = before.Mark.At
	}
	grant, err := s.admit(token, id, before.Record, p, spentAt)
	if err == nil {
		return grant, retried, nil
	}
	if !retried {
		mark.State, mark.Reason = Refused, Reason(err)
		// The refusal stands without this note. Losing it costs the owner
		// the reason in the receipt and nothing else.
		_ = s.store.Settle(ctx, id, mark)
	}
	return Grant{}, retried, fmt.Errorf("redeem: %w", err)
}

// admit checks what only the record tells, after the ticket is spent.
func (s *Service) admit(token Token, id ID, rec Record, p Presentation, spentAt time.Time) (Grant, error) {
	grant, err := s.unseal(token, id, rec, spentAt)
	if err != nil {
		return Grant{}, err
	}
	if grant.Audience != p.Audience {
		return Grant{}, ErrWrongAudience
	}
	if grant.Origin != "" && grant.Origin != p.Origin {
		return Grant{}, ErrWrongOrigin
	}
	return grant, nil
}

// unseal reads the grant of a record that is in time at the time at.
func (s *Service) unseal(token Token, id ID, rec Record, at time.Time) (Grant, error) {
	// The store's own clock has let it pass; ours decides as well, because a
	// store's clock may be set back.
	if !at.Before(rec.ExpiresAt) {
		return Grant{}, ErrExpired
	}
	plain, err := s.sealer.open(token, id, rec)
	if err != nil {
		return Grant{}, err
	}
	return decodePayload(id, plain)
}

// Lookup returns the receipt of a ticket to its owner. Unknown, gone and
// other people's tickets alike are [ErrNotFound].
func (s *Service) Lookup(ctx context.Context, id ID, who Identity) (Receipt, error) {
	entry, err := s.owned(ctx, id, who)
	if err != nil {
		return Receipt{}, fmt.Errorf("lookup: %w", err)
	}
	return Receipt{
		ID: id, State: entry.Mark.State, Reason: entry.Mark.Reason,
		At: entry.Mark.At, ExpiresAt: entry.Record.ExpiresAt,
	}, nil
}

// Revoke spends a pending ticket on behalf of its owner, so that nobody can
// redeem it. Revoking twice is no error; a ticket that is redeemed, refused,
// gone or somebody else's is [ErrNotFound].
func (s *Service) Revoke(ctx context.Context, id ID, who Identity) error {
	start := s.now()
	err := s.revoke(ctx, id, who, start)
	s.observe(ctx, Event{
		Action: ActionRevoke, At: start, Took: s.now().Sub(start), ID: id, Identity: who, Err: err,
	})
	return err
}

func (s *Service) revoke(ctx context.Context, id ID, who Identity, now time.Time) error {
	entry, err := s.owned(ctx, id, who)
	if err == nil && entry.Mark.State == Pending {
		_, err = s.store.Consume(ctx, id, Mark{State: Revoked, At: now}, 0)
	} else if err == nil {
		err = &SpentError{Mark: entry.Mark}
	}
	return revocation(err)
}

// revocation says what became of a revocation: done before is done, and a
// ticket that somebody redeemed is no longer there to revoke.
func revocation(err error) error {
	switch Reason(err) {
	case "ok", "revoked":
		return nil
	case "spent":
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
		return Entry{}, fmt.Errorf("not the owner's: %w", ErrNotFound)
	}
	return entry, nil
}
