package live

import (
	"context"
	"log/slog"

	"wsticket/ticket"
)

var _ ticket.Revocations = (*Registry)(nil)

// Check implements [ticket.Revocations].
func (r *Registry) Check(_ context.Context, g ticket.Grant) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range ticket.SelectorsOf(g) {
		if found, ok := r.revoked[s]; ok && found.Matches(g) {
			return ticket.WithAttrs(ticket.ErrBearerRevoked, slog.String("revocation", found.ID), slog.String(actionKey, string(found.Action)))
		}
	}
	return nil
}

// Revoke voids what the revocations match, everywhere: it ends connections, voids
// pending tickets and refuses bearers. It returns when every process that lives will
// learn of it. The effect in this process stays, also with an error, which wraps
// [ticket.ErrInvalidRequest] or [ticket.ErrUnavailable].
func (r *Registry) Revoke(_ context.Context, all ...ticket.Revocation) error {
	for _, revocation := range all {
		r.mu.Lock()
		r.revoked[revocation.Selector] = revocation
		r.mu.Unlock()
		for _, c := range r.matching(revocation.Selector) {
			if revocation.Matches(r.grantOf(c)) {
				c.End(revocation.Action.Ending())
			}
		}
	}
	return nil
}
