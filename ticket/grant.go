package ticket

import (
	"fmt"
	"time"
)

// outlived is an [ErrInvalidBearer] that was good once.
type outlived struct{}

func (outlived) Error() string  { return "bearer is past its time" }
func (outlived) Reason() string { return "bearer_expired" }
func (outlived) Unwrap() error  { return ErrInvalidBearer }

// GrantOf makes the grant of a bearer or a session that opens a connection by
// itself, without a ticket: it has an ID of its own, is bound to no origin and
// ends with what it was made of. The error of an identity that is past its
// time wraps [ErrInvalidBearer], and its [Reason] is bearer_expired.
func GrantOf(who Identity, audience string, now time.Time) (Grant, error) {
	if !now.Before(who.ExpiresAt) {
		return Grant{}, fmt.Errorf("grant: %w", outlived{})
	}
	return Grant{
		ID: NewID(), Identity: who, Audience: audience,
		Scope: who.Scope, ConnectionExpiresAt: who.ExpiresAt,
	}, nil
}
