package ticket

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Errors of the caller.
var (
	// ErrInvalidRequest: the request is malformed, for example a lifetime of
	// zero or a scope with forbidden characters.
	ErrInvalidRequest = errors.New("invalid request")
	// ErrInvalidBearer: the long-lived credential was not accepted.
	ErrInvalidBearer = errors.New("invalid bearer")
	// ErrShortLived: the bearer ends too soon to make a ticket from it.
	ErrShortLived = errors.New("bearer is about to expire")
	// ErrBearerRevoked: a [Revocation] voids the bearer. It wraps [ErrInvalidBearer].
	ErrBearerRevoked error = revokedBearer{}
	// ErrInsufficientScope: the bearer may not have this audience or scope.
	ErrInsufficientScope = errors.New("insufficient scope")
)

// Why a ticket was not accepted. To its presenter these look the same.
var (
	// ErrMalformedToken: not a token at all. It never reaches the store.
	ErrMalformedToken = errors.New("malformed token")
	// ErrNotFound: unknown, gone, or somebody else's.
	ErrNotFound = errors.New("ticket not found")
	// ErrExpired: past its time.
	ErrExpired = errors.New("ticket expired")
	// ErrSpent: redeemed before. The error is a [*SpentError].
	ErrSpent = errors.New("ticket already spent")
	// ErrRevoked: revoked by its owner. The error is a [*SpentError].
	ErrRevoked = errors.New("ticket revoked")
	// ErrVoided: its bearer, or the ticket by its ID, was revoked by a [Revocation].
	ErrVoided = errors.New("ticket is void")
	// ErrFenced: issued before the store's primary changed. It is unknown
	// whether it was spent since then.
	ErrFenced = errors.New("ticket is from before a failover")
	// ErrWrongAudience: presented at an endpoint that it is not for.
	ErrWrongAudience = errors.New("ticket is for another audience")
	// ErrWrongOrigin: bound to an origin, and presented with another or none.
	ErrWrongOrigin = errors.New("ticket is for another origin")
	// ErrCorrupt: the record cannot be read, or was not written by us.
	ErrCorrupt = errors.New("ticket record is not readable")
)

// Errors of the service.
var (
	// ErrExists: the ID is taken. With 132 random bits this is a fault.
	ErrExists = errors.New("ticket already exists")
	// ErrUnavailable: the store or the keys did not answer. It says nothing
	// about the ticket or the bearer: refuse.
	ErrUnavailable = errors.New("unavailable")
	// ErrTooManyConnections: the subject has as many connections as it may have.
	ErrTooManyConnections = errors.New("too many connections of the subject")
	// ErrTooManyTickets: the subject has as many pending tickets as it may have.
	ErrTooManyTickets = errors.New("too many pending tickets of the subject")
	// ErrFull: the store has reached its bound. It wraps [ErrUnavailable].
	ErrFull = fmt.Errorf("store is full: %w", ErrUnavailable)
)

// revokedBearer is an [ErrInvalidBearer] that was good before.
type revokedBearer struct{}

func (revokedBearer) Error() string  { return "bearer was revoked" }
func (revokedBearer) Reason() string { return "bearer_revoked" }
func (revokedBearer) Unwrap() error  { return ErrInvalidBearer }

// SpentError says which attempt spent a ticket and when. It wraps [ErrSpent], or
// [ErrRevoked] if the owner revoked it.
type SpentError struct{ Mark Mark }

// Error returns the state and time of the mark, which are no secrets.
func (e *SpentError) Error() string {
	return fmt.Sprintf("ticket %s at %s", e.Mark.State, e.Mark.At.UTC().Format(time.RFC3339Nano))
}

// Unwrap returns [ErrSpent] or [ErrRevoked].
func (e *SpentError) Unwrap() error {
	if e.Mark.State == Revoked {
		return ErrRevoked
	}
	return ErrSpent
}

// Reason names an error in one word for logs, metrics and receipts: "ok" for nil,
// "internal" for an error that it does not know. An error with a method
// Reason() string names itself; the method must return one of a few constants and
// nothing of the input.
func Reason(err error) string {
	if err == nil {
		return "ok"
	}
	if named, ok := errors.AsType[interface {
		error
		Reason() string
	}](err); ok {
		return named.Reason()
	}
	for _, row := range reasons {
		if errors.Is(err, row.err) {
			return row.word
		}
	}
	return "internal"
}

// reasons are matched from the top: ErrFull before the ErrUnavailable that it
// wraps.
var reasons = [...]struct {
	err  error
	word string
}{
	{ErrSpent, "spent"},
	{ErrNotFound, "not_found"},
	{ErrExpired, "expired"},
	{ErrRevoked, "revoked"},
	{ErrVoided, "voided"},
	{ErrFenced, "fenced"},
	{ErrMalformedToken, "malformed"},
	{ErrWrongAudience, "wrong_audience"},
	{ErrWrongOrigin, "wrong_origin"},
	{ErrCorrupt, "corrupt"},
	{ErrTooManyConnections, "too_many_connections"},
	{ErrTooManyTickets, "too_many_tickets"},
	{ErrFull, "full"},
	{ErrUnavailable, "unavailable"},
	{ErrInvalidRequest, "invalid_request"},
	{ErrInvalidBearer, "invalid_bearer"},
	{ErrShortLived, "short_lived"},
	{ErrInsufficientScope, "insufficient_scope"},
	{ErrExists, "exists"},
	// The caller has left, which is not a fault.
	{context.Canceled, "canceled"},
}
