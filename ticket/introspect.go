package ticket

import (
	"context"
	"fmt"
)

// Introspect tells what a redemption of the ticket would yield now, at the
// endpoint and from the origin that it is for, and changes nothing: it is for
// people who look for a fault. Never admit anybody by it, because any number
// of callers get the same answer.
//
// With a nil error the ticket is [Pending]. The error wraps what [Service.Redeem]
// would have returned: [ErrNotFound], also for a ticket from before a
// failover, [ErrExpired], [ErrSpent], [ErrRevoked], [ErrCorrupt] or
// [ErrUnavailable]. It is not observed.
func (s *Service) Introspect(ctx context.Context, token Token) (Grant, error) {
	id := token.ID()
	entry, err := s.store.Lookup(ctx, id)
	if err == nil && entry.Mark.State != Pending {
		err = &SpentError{Mark: entry.Mark}
	}
	if err != nil {
		return Grant{}, fmt.Errorf("introspect: %w", err)
	}
	grant, err := s.unseal(token, id, entry.Record, s.now())
	if err != nil {
		return Grant{}, fmt.Errorf("introspect: %w", err)
	}
	return grant, nil
}
