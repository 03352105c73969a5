package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"wsticket/ticket"
)

const (
	// purposeRevocation is that of the seal of what is in the stream.
	purposeRevocation = "revocation"
	// perEntry is how many revocations an entry of the stream has at most.
	perEntry = 64
	// appendTimeout bounds how long the stream takes an entry.
	appendTimeout = 5 * time.Second
)

var _ ticket.Revocations = (*Registry)(nil)

// Check implements [ticket.Revocations].
func (r *Registry) Check(ctx context.Context, g ticket.Grant) error {
	if r.o.Stream != nil {
		if err := r.follower.await(ctx, g.Head); err != nil {
			return err
		}
	}
	if found, ok := r.revoked.find(g); ok {
		return ticket.WithAttrs(ticket.ErrBearerRevoked, slog.String("revocation", found.ID), slog.String(actionKey, string(found.Action)))
	}
	return nil
}

// Revoke voids what the revocations match, everywhere: it ends connections, voids
// pending tickets and refuses bearers. It returns when every process that lives will
// learn of it, and every later one. If one of them is refused by [Registry.Prepare] nothing is done, and
// the error wraps [ticket.ErrInvalidRequest]. After any other error, which wraps
// [ticket.ErrUnavailable], the effect in this process stays, and is offered to the
// others as soon as they can be reached.
func (r *Registry) Revoke(ctx context.Context, all ...ticket.Revocation) error {
	start := r.o.Now()
	prepared := make([]ticket.Revocation, len(all))
	var err error
	for i, v := range all {
		if prepared[i], err = r.Prepare(v); err != nil {
			break
		}
	}
	if err == nil {
		prepared = prepared[:len(all)]
		err = r.revoke(ctx, prepared)
	} else {
		prepared = all
	}
	for _, v := range prepared {
		r.o.Events.Emit(ctx, ticket.Event{
			Kind: revocationKind(err), Action: ticket.ActionRevocation, At: start, Duration: r.o.Now().Sub(start), Request: ticket.RequestOf(ctx),
			TicketID: v.TicketID, Identity: ticket.Identity{Issuer: v.Issuer, Subject: v.Subject, SessionID: v.SessionID, TokenID: v.TokenID},
			Reason: ticket.Reason(err), Attrs: ticket.AttrsOf(err), Err: err, Revocation: &v,
		})
	}
	return err
}

func revocationKind(err error) ticket.EventKind {
	if errors.Is(err, ticket.ErrInvalidRequest) {
		return ticket.EventRefuse
	}
	return ticket.EventRevoke
}

// revoke writes into the set first and looks for connections then; [Registry.Add]
// does it the other way round. So one of the two always sees the other.
func (r *Registry) revoke(ctx context.Context, all []ticket.Revocation) error {
	now := r.o.Now()
	full := false
	var unsent, unstored []ticket.Revocation
	for _, v := range all {
		if !r.revoked.has(v.Selector) && r.revoked.size(now) >= r.o.MaxRevocations {
			full = true // and what is open is ended all the same
			r.endRevoked(v)
			continue
		}
		news := r.revoked.add(v, 0, now)
		if news || !r.revoked.kept(inStream, v) {
			unsent = append(unsent, v)
		}
		if isDurable(v) && (news || !r.revoked.kept(inLog, v)) {
			unstored = append(unstored, v)
		}
		if news {
			r.endRevoked(v)
		}
	}
	err := r.send(ctx, unsent) // first to those who have connections to end
	if fault := r.store(ctx, unstored); err == nil {
		err = fault
	}
	if full && err == nil {
		err = ticket.WithAttrs(fmt.Errorf("revoke: %w", ticket.ErrFull), slog.Int("max", r.o.MaxRevocations))
	}
	return err
}

// send appends revocations to the stream. What it cannot append is offered again by
// [Registry.Follow].
func (r *Registry) send(ctx context.Context, all []ticket.Revocation) error {
	if r.o.Stream == nil {
		return nil
	}
	for part := range slices.Chunk(all, perEntry) {
		if _, err := r.append(ctx, part); err != nil {
			r.follower.owe()
			return fmt.Errorf("revoke: %w", err)
		}
		r.revoked.mark(inStream, part)
	}
	return nil
}

// append adds an entry to the stream. One without revocations is a mark, by which a
// reader knows that it has read everything before.
func (r *Registry) append(ctx context.Context, all []ticket.Revocation) (ticket.Position, error) {
	plain, err := json.Marshal(all)
	if err != nil {
		return ticket.Position{}, fmt.Errorf("encode revocations: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	return r.o.Stream.Append(ctx, r.seal().Seal(purposeRevocation, plain))
}

// receive takes an entry of the stream. One that does not open was written by somebody
// without the seal keys, or is damaged.
func (r *Registry) receive(ctx context.Context, entry []byte) {
	var all []ticket.Revocation
	plain, err := r.seal().Open(purposeRevocation, entry)
	if err == nil {
		err = json.Unmarshal(plain, &all)
	}
	if err != nil {
		r.follower.forged(ctx, r.o.Logger, r.o.Now())
		return
	}
	has := inStream
	if _, _, synced := r.follower.state(); synced {
		has |= inLog // the process that made it stores it
	}
	for _, v := range all {
		if r.revoked.add(v, has, r.o.Now()) {
			r.endRevoked(v)
		}
	}
}

// endedActions are the actions that connections are counted by.
var endedActions = [...]ticket.RevocationAction{ticket.RevokeEnd, ticket.RevokeRecheck, ticket.RevokeReplace}

// endRevoked ends the connections that a revocation voids, and counts them.
func (r *Registry) endRevoked(v ticket.Revocation) {
	r.ended[slices.Index(endedActions[:], v.Action)].Add(int64(r.endMatching(v)))
}

// RevocationStats are counts of a [Registry].
type RevocationStats struct {
	// Active is how many users, sessions, bearers, issuers and connections are
	// revoked now.
	Active int
	// Ended has the connections that a revocation has ended, by its action.
	Ended map[ticket.RevocationAction]int
	// Forged are the entries of the stream that did not open. Restarts and Gaps are
	// how often the stream had to be read from its beginning, because it was another
	// one, and because it had lost entries.
	Forged, Restarts, Gaps uint64
	// Stale is how long ago the stream was read, zero without one.
	Stale time.Duration
}

// RevocationStats returns the counts. The caller owns the map.
func (r *Registry) RevocationStats() RevocationStats {
	now := r.o.Now()
	s := r.follower.stats(now)
	s.Active, s.Ended = r.revoked.size(now), make(map[ticket.RevocationAction]int)
	for i, action := range endedActions {
		s.Ended[action] = int(r.ended[i].Load())
	}
	return s
}
