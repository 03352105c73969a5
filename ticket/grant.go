package ticket

import (
	"fmt"
	"time"
)

// GrantOf makes the grant of a bearer that opens a connection by itself,
// without a ticket: it has an ID of its own, is bound to no origin and ends
// with the bearer. The error of an identity that is past its time wraps
// [ErrInvalidBearer].
func GrantOf(who Identity, audience string, now time.Time) (Grant, error) {
	if !now.Before(who.ExpiresAt) {
		return Grant{}, fmt.Errorf("grant: past its time: %w", ErrInvalidBearer)
	}
	return Grant{
		ID: NewID(), Identity: who, Audience: audience,
		Scope: who.Scope, ConnectionExpiresAt: who.ExpiresAt,
	}, nil
}
