package gate

import (
	"context"
	"net/http"
	"time"

	"wsticket/internal/problem"
	"wsticket/ticket"
)

// The challenges of RFC 9110 11.6.1, with the error codes of RFC 6750 3.1. A
// client that brought no credential gets one without an error code.
const (
	ChallengeTicket            = `Ticket realm="wsticket"`
	ChallengeBearer            = `Bearer realm="wsticket"`
	ChallengeInvalidTicket     = ChallengeTicket + `, error="invalid_ticket"`
	ChallengeInvalidToken      = ChallengeBearer + `, error="invalid_token"`
	ChallengeInsufficientScope = ChallengeBearer + `, error="insufficient_scope"`
)

var (
	internal    = NewRefusal(problem.Internal.Code)
	malformed   = NewRefusal(problem.InvalidRequest.Code)
	badTicket   = NewRefusal(problem.InvalidTicket.Code).Challenging(ChallengeInvalidTicket)
	badBearer   = NewRefusal(problem.InvalidToken.Code).Challenging(ChallengeInvalidToken)
	missing     = NewRefusal(problem.MissingCredential.Code).Challenging(ChallengeTicket)
	unavailable = NewRefusal(problem.Unavailable.Code).After(time.Second)
)

// refusals says how every error of a handshake is answered. The rows of a wrong
// ticket do not differ: the client must not learn what is wrong.
var refusals = Table{
	{ErrMethod, NewRefusal(problem.MethodNotAllowed.Code).withHeader("Allow", http.MethodGet)},
	// Upgrade is a header of HTTP/1.1 only (RFC 9113 8.2.2).
	{ErrHTTPVersion, NewRefusal(problem.UpgradeRequired.Code)},
	{ErrUpgrade, NewRefusal(problem.UpgradeRequired.Code).withHeader("Upgrade", "websocket", "Connection", "Upgrade")},
	{ErrVersion, NewRefusal(problem.UpgradeRequired.Code).withHeader("Upgrade", "websocket", "Connection", "Upgrade", "Sec-WebSocket-Version", "13")},
	{ErrMalformed, malformed},
	{ErrSubprotocol, malformed},
	{ErrPath, NewRefusal(problem.NotFound.Code)},
	{ErrHost, NewRefusal(problem.HostNotAllowed.Code)},
	{ErrOrigin, NewRefusal(problem.OriginNotAllowed.Code)},
	{ErrLimited, NewRefusal(problem.RateLimited.Code).After(time.Second)},
	{ErrQuery, malformed},
	{ErrAuthorization, malformed},
	{ErrTwoCredentials, malformed},
	{ErrCredentialInURL, NewRefusal(problem.CredentialInURL.Code)},
	{ErrNoCredential, missing},
	{ErrClosedDoor, missing},

	{ticket.ErrSpent, badTicket},
	{ticket.ErrNotFound, badTicket},
	{ticket.ErrExpired, badTicket},
	{ticket.ErrRevoked, badTicket},
	{ticket.ErrVoided, badTicket},
	{ticket.ErrFenced, badTicket},
	{ticket.ErrMalformedToken, badTicket},
	{ticket.ErrWrongAudience, badTicket},
	{ticket.ErrWrongOrigin, badTicket},
	{ticket.ErrCorrupt, badTicket},

	// To sign in again mends the cookie.
	{ErrCookie, badBearer},
	{ErrCookieAmbiguous, badBearer},
	{ticket.ErrBearerRevoked, badBearer},
	{ticket.ErrInvalidBearer, badBearer},
	{ticket.ErrShortLived, badBearer},
	{ticket.ErrInsufficientScope, NewRefusal(problem.InsufficientScope.Code).Challenging(ChallengeInsufficientScope)},
	{ticket.ErrInvalidRequest, malformed},
	// A place is free when one of the others is closed.
	{ticket.ErrTooManyConnections, NewRefusal(problem.RateLimited.Code).After(5 * time.Second).closing(ticket.EndTooMany)},
	// One of them is redeemed soon, or expires.
	{ticket.ErrTooManyTickets, NewRefusal(problem.RateLimited.Code).After(5 * time.Second)},
	// A full store has room again when tickets expire.
	{ticket.ErrFull, unavailable.After(5 * time.Second)},
	{ticket.ErrUnavailable, unavailable},
	{ticket.ErrExists, internal},
	// The client has left, and nobody reads this.
	{context.Canceled, unavailable},
}

// Refusals returns the table of every error that [Gate.Check], [Gate.Admit] and
// package ticket return. Put rows of your own before it by [slices.Concat].
func Refusals() Table { return refusals }

// closing returns r with another Close frame.
func (r Refusal) closing(e ticket.Ending) Refusal {
	r.Ending = e
	return r
}

func (r Refusal) withHeader(pairs ...string) Refusal {
	r.Header = make(map[string]string, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		r.Header[pairs[i]] = pairs[i+1]
	}
	return r
}
