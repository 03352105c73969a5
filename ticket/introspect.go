package ticket

import (
	"context"
	"fmt"
)

// Introspect returns the grant that a redemption would yield now, at the
// endpoint and from the origin that the ticket is for. It changes nothing and is
// meant for troubleshooting. Never admit anybody by it: any number of callers
// get the same result.
//
// With a nil error the ticket is [Pending]. The error wraps what [Service.Redeem]
// would have returned: [ErrNotFound], also for a ticket from before a failover,
// [ErrExpired], [ErrSpent], [ErrRevoked], [ErrCorrupt] or [ErrUnavailable]. No
// [Event] is emitted.
func (s *Service) Introspect(ctx context.Context, token Token) (Grant, error) {
	id := token.ID()
	entry, err := s.store.Lookup(ctx, id)
	if err == nil && entry.Mark.State != Pending {
		err = &SpentError{Mark: entry.Mark}
	}
	if err == nil && entry.Expired {
		err = ErrExpired
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
