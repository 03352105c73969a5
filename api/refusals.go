package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"wsticket/gate"
	"wsticket/internal/accesslog"
	"wsticket/live"
	"wsticket/ticket"
)

// failure is an error of this package. Its text is the word for logs and
// metrics.
type failure string

// Error returns the word.
func (f failure) Error() string { return string(f) }

// Reason returns the word; see [ticket.Reason].
func (f failure) Reason() string { return string(f) }

// What this package refuses, beside the errors of packages gate and ticket.
const (
	errMissingCredential failure = "missing_credential"
	// errCredentialShape: two credentials, or one that can be read in two ways.
	errCredentialShape failure = "credential_shape"
	// errCredentialInURL: a bearer or key in the query, good or not.
	errCredentialInURL failure = "credential_in_url"
	// errSessionOrigin: a session cookie in a request that a foreign page may
	// have made.
	errSessionOrigin failure = "session_without_origin"
	// errSessionType: a session cookie in a request that a form may have made.
	errSessionType failure = "session_content_type"
	errTooLarge    failure = "too_large"
	errMediaType   failure = "unsupported_media_type"
	errNoRoute     failure = "no_route"
	errMethod      failure = "method_not_allowed"
	// errNoTrail: the service has no audit trail that could be read.
	errNoTrail  failure = "no_audit_trail"
	errNotReady failure = "not_ready"
	// errUnknownKey: an unknown API key.
	errUnknownKey failure = "unknown_key"
	// errClientName: a client certificate without a name of ClientNames.
	errClientName failure = "client_name"
	// errKeyScope: an API key without the scope of the endpoint.
	errKeyScope failure = "key_scope"
	// errKeyAudience: an API key that is not for the audience.
	errKeyAudience failure = "key_audience"
	// errUntrusted: a question of forward auth from a peer that may not ask and has
	// no key.
	errUntrusted failure = "untrusted_peer"
	// errForwarded: a header that the proxy always sets is absent, repeated or
	// malformed.
	errForwarded failure = "forwarded_headers"
	errPanic     failure = "panic"
	// errLogoutReplayed: a logout token that was used before.
	errLogoutReplayed failure = "logout_replayed"
	// errNotFound is what a notFoundError wraps.
	errNotFound failure = "not_found"
)

// The problem codes that this package compares.
const (
	codeInvalidTicket = "invalid_ticket"
	codeOrigin        = "origin_not_allowed"
	codeUnavailable   = "unavailable"
	codeInternal      = "internal"
)

// notFoundError is the error about a ticket that cannot be read or revoked.
type notFoundError struct{ err error }

// Error returns the text of the cause.
func (e *notFoundError) Error() string { return e.err.Error() }

// Unwrap returns errNotFound and the cause.
func (e *notFoundError) Unwrap() []error { return []error{errNotFound, e.err} }

// Reason returns the word of the cause.
func (e *notFoundError) Reason() string { return ticket.Reason(e.err) }

// notFound returns a [*notFoundError] for an error about a ticket, and other
// errors unchanged. It is for requests that do not present the ticket. Tickets
// that are unknown, gone or somebody else's are answered alike.
func notFound(err error) error {
	if err != nil && gate.Refusals().Of(err).Code == codeInvalidTicket {
		return &notFoundError{err}
	}
	return err
}

// refusals maps every error to its answer.
var refusals = slices.Concat(gate.Table{
	{Err: errCredentialShape, Refusal: gate.NewRefusal("invalid_request")},
	{Err: errForwarded, Refusal: gate.NewRefusal("invalid_request")},
	{Err: errLogoutReplayed, Refusal: gate.NewRefusal("invalid_request")},
	{Err: errCredentialInURL, Refusal: gate.NewRefusal("credential_in_url")},
	{Err: errTooLarge, Refusal: gate.NewRefusal("too_large")},
	{Err: errMediaType, Refusal: gate.NewRefusal("unsupported_media_type")},
	{Err: errNoRoute, Refusal: gate.NewRefusal("not_found")},
	{Err: errMethod, Refusal: gate.NewRefusal("method_not_allowed")},
	{Err: errNotFound, Refusal: gate.NewRefusal("not_found")},
	{Err: errNoTrail, Refusal: gate.NewRefusal("not_found")},

	{Err: errMissingCredential, Refusal: gate.NewRefusal("missing_credential").Challenging(gate.ChallengeBearer)},
	{Err: errUntrusted, Refusal: gate.NewRefusal("missing_credential").Challenging(gate.ChallengeBearer)},
	{Err: errUnknownKey, Refusal: gate.NewRefusal("invalid_token").Challenging(gate.ChallengeInvalidToken)},
	{Err: errClientName, Refusal: gate.NewRefusal("invalid_token").Challenging(gate.ChallengeInvalidToken)},
	{Err: errKeyScope, Refusal: gate.NewRefusal("insufficient_scope").Challenging(gate.ChallengeInsufficientScope)},
	{Err: errKeyAudience, Refusal: gate.NewRefusal("insufficient_scope").Challenging(gate.ChallengeInsufficientScope)},
	{Err: errSessionOrigin, Refusal: gate.NewRefusal(codeOrigin)},
	{Err: errSessionType, Refusal: gate.NewRefusal(codeOrigin)},

	{Err: live.ErrCursor, Refusal: gone()},
	{Err: live.ErrFeeds, Refusal: gate.NewRefusal("rate_limited").After(time.Second)},
	{Err: errNotReady, Refusal: gate.NewRefusal(codeUnavailable).After(time.Second)},
	{Err: errPanic, Refusal: gate.NewRefusal(codeInternal)},
}, gate.Refusals())

// gone is for a cursor that does not help: the client begins without one.
func gone() gate.Refusal {
	r := gate.NewRefusal("not_found")
	r.Status, r.Title = http.StatusGone, "The cursor is not of this feed, or too old: begin without one"
	return r
}

// refuse answers err and notes it for the access log. It logs faults of the
// service.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	s.refusal(w, r, err).Write(w)
}

// refusal is refuse without the answer, which it returns.
func (s *Server) refusal(w http.ResponseWriter, r *http.Request, err error) gate.Refusal {
	answer := refusals.Of(err)
	if answer.Code == codeUnavailable && r.Context().Err() != nil {
		// The client has left, and its request was given up.
		err = context.Canceled
		answer = refusals.Of(err)
	}
	note := accesslog.NoteOf(r.Context())
	note.Outcome, note.Reason, note.Attrs = answer.Outcome, answer.Reason, answer.Attrs
	if answer.Code == codeInternal && !errors.Is(err, errPanic) {
		// Not the text of the error, which may quote the request.
		s.o.Logger.ErrorContext(r.Context(), "internal error",
			"request_id", accesslog.RequestID(r.Context()), "route", note.Route,
			"reason", note.Reason, "type", rootType(err))
	}
	if c, asked := contractOf(r.Context()); asked {
		answer = c.deny(w, answer)
	}
	return answer
}

// rootType returns the name of the type of the innermost error in err.
func rootType(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return fmt.Sprintf("%T", err)
}
