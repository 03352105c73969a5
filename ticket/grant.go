package ticket

import (
	"fmt"
	"time"
)

// expiredBearer is an [ErrInvalidBearer] that was good before.
type expiredBearer struct{}

func (expiredBearer) Error() string  { return "bearer has expired" }
func (expiredBearer) Reason() string { return "bearer_expired" }
func (expiredBearer) Unwrap() error  { return ErrInvalidBearer }

// GrantOf returns the grant of a bearer or a session that opens a connection
// without a ticket. It has an ID of its own, is bound to no origin and ends with
// the identity. If that has expired the error wraps [ErrInvalidBearer], and
// its [Reason] is bearer_expired.
func GrantOf(who Identity, audience string, now time.Time) (Grant, error) {
	if !now.Before(who.ExpiresAt) {
		return Grant{}, fmt.Errorf("grant: %w", expiredBearer{})
	}
	return Grant{
		ID: NewID(), Identity: who, Audience: audience,
		Scope: who.Scope, ConnectionExpiresAt: who.ExpiresAt,
	}, nil
}
