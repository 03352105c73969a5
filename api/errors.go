package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"wsticket/internal/accesslog"
	"wsticket/internal/handshake"
	"wsticket/internal/problem"
	"wsticket/ticket"
)

// refusal is an error of this package's own. Its text is the word for logs
// and metrics, which [ticket.Reason] asks for.
type refusal string

// What is refused before the domain is asked.
const (
	errMissingCredential refusal = "missing_credential"
	// errCredentialShape: two credentials, or one that can be read in two ways.
	errCredentialShape refusal = "credential_shape"
	// errCredentialInURL: a bearer in the query, good or not.
	errCredentialInURL refusal = "credential_in_url"
	errOrigin          refusal = "origin_not_allowed"
	// errSessionOrigin: a session cookie that no page of ours may have sent.
	errSessionOrigin refusal = "session_without_origin"
	// errSessionType: one that a form may have sent.
	errSessionType refusal = "session_content_type"
	errHost        refusal = "host_not_allowed"
	errLimited     refusal = "rate_limited"
	errTooLarge    refusal = "too_large"
	errMediaType   refusal = "unsupported_media_type"
	errNoRoute     refusal = "no_route"
	errMethod      refusal = "method_not_allowed"
	errNotReady    refusal = "not_ready"
	// errUnknownKey: an API key that is not known.
	errUnknownKey refusal = "unknown_key"
	// errKeyScope: an API key that is not for this.
	errKeyScope refusal = "key_scope"
	// errUntrusted: a question of forward auth from who is neither a trusted
	// proxy nor has a key.
	errUntrusted refusal = "untrusted_peer"
	// errForwarded: a header that the proxy always sets is not there, or
	// twice, or makes no sense.
	errForwarded refusal = "forwarded_headers"
	// errWrongTicket: see [presented].
	errWrongTicket refusal = "wrong_ticket"
	errPanic       refusal = "panic"
)

// Error returns the word.
func (r refusal) Error() string { return string(r) }

// Reason returns the word.
func (r refusal) Reason() string { return string(r) }

// limitedError is [errLimited] with the time after which to come again.
type limitedError struct{ after time.Duration }

func (e *limitedError) Error() string { return "too many requests" }
func (e *limitedError) Unwrap() error { return errLimited }

// presentedError is a ticket that was presented and not accepted.
type presentedError struct{ err error }

func (e *presentedError) Error() string   { return e.err.Error() }
func (e *presentedError) Unwrap() []error { return []error{errWrongTicket, e.err} }

// Reason is for logs; to whoever presented the ticket they all look the same.
func (e *presentedError) Reason() string { return ticket.Reason(e.err) }

// presented makes a wrong ticket of whatever would not be found by its owner.
func presented(err error) error {
	if err != nil && ruleOf(err).problem == problem.NotFound {
		return &presentedError{err}
	}
	return err
}

// What WWW-Authenticate says (RFC 6750 3): no error code where no credential
// came, because there is nothing to be wrong with it.
const (
	challengeBare   = `Bearer realm="wsticket"`
	challengeToken  = `Bearer realm="wsticket", error="invalid_token"`
	challengeScope  = `Bearer realm="wsticket", error="insufficient_scope"`
	challengeAny    = `Ticket realm="wsticket"`
	challengeTicket = `Ticket realm="wsticket", error="invalid_ticket"`
)

// rule says how an error is answered, and what a client should make of it.
type rule struct {
	err     error
	problem problem.Problem
	// challenge is WWW-Authenticate, empty for none.
	challenge string
	// retryAfter is Retry-After, 0 for none. A [limitedError] knows better.
	retryAfter time.Duration
	advice     advice
}

// advice is what a client does with an answer. It reads the problem's code
// only, so one code has one advice.
type advice string

const (
	fixRequest  advice = "stop: the program is wrong"
	freshBearer advice = "get a fresh bearer, then try once more"
	freshTicket advice = "get a new ticket, a few times"
	giveUp      advice = "stop: it is not permitted"
	backOff     advice = "try again after a pause that grows"
	wait        advice = "try again after the time of Retry-After"
	forget      advice = "stop: there is no such thing, or no longer"
)

// rules are matched from the top: ErrFull before the ErrUnavailable that it
// wraps. Each exported error of package ticket has a row.
func rules() []rule {
	return []rule{
		// Of the request.
		{ticket.ErrInvalidRequest, problem.InvalidRequest, "", 0, fixRequest},
		{errCredentialShape, problem.InvalidRequest, "", 0, fixRequest},
		{errCredentialInURL, problem.CredentialInURL, "", 0, fixRequest},
		{errTooLarge, problem.TooLarge, "", 0, fixRequest},
		{errMediaType, problem.UnsupportedMediaType, "", 0, fixRequest},
		{errNoRoute, problem.NotFound, "", 0, forget},
		{errMethod, problem.MethodNotAllowed, "", 0, fixRequest},
		{errHost, problem.HostNotAllowed, "", 0, fixRequest},
		{errForwarded, problem.InvalidRequest, "", 0, fixRequest},

		// Of the caller.
		{errMissingCredential, problem.MissingCredential, challengeBare, 0, freshBearer},
		{ticket.ErrInvalidBearer, problem.InvalidToken, challengeToken, 0, freshBearer},
		{ticket.ErrShortLived, problem.InvalidToken, challengeToken, 0, freshBearer},
		{ticket.ErrInsufficientScope, problem.InsufficientScope, challengeScope, 0, giveUp},
		{errOrigin, problem.OriginNotAllowed, "", 0, giveUp},
		{errSessionOrigin, problem.OriginNotAllowed, "", 0, giveUp},
		{errSessionType, problem.OriginNotAllowed, "", 0, giveUp},
		{errLimited, problem.RateLimited, "", time.Second, wait},
		{errUnknownKey, problem.InvalidToken, challengeToken, 0, freshBearer},
		{errKeyScope, problem.InsufficientScope, challengeScope, 0, giveUp},
		{errUntrusted, problem.MissingCredential, challengeBare, 0, freshBearer},

		// Of a handshake that a proxy asks about. It has not been upgraded and
		// will not be by us, so that there is no 405 and no 426.
		{handshake.ErrMethod, problem.InvalidRequest, "", 0, fixRequest},
		{handshake.ErrUpgrade, problem.InvalidRequest, "", 0, fixRequest},
		{handshake.ErrVersion, problem.InvalidRequest, "", 0, fixRequest},
		{handshake.ErrMalformed, problem.InvalidRequest, "", 0, fixRequest},
		{handshake.ErrSubprotocol, problem.InvalidRequest, "", 0, fixRequest},
		{handshake.ErrQuery, problem.InvalidRequest, "", 0, fixRequest},
		{handshake.ErrAuthorization, problem.InvalidRequest, "", 0, fixRequest},
		{handshake.ErrCookie, problem.InvalidRequest, "", 0, fixRequest},
		{handshake.ErrTwoCredentials, problem.InvalidRequest, "", 0, fixRequest},
		{handshake.ErrCredentialInURL, problem.CredentialInURL, "", 0, fixRequest},
		{handshake.ErrNoCredential, problem.MissingCredential, challengeAny, 0, freshBearer},
		{handshake.ErrClosedDoor, problem.MissingCredential, challengeAny, 0, freshBearer},

		// Of a ticket that is presented.
		{errWrongTicket, problem.InvalidTicket, challengeTicket, 0, freshTicket},

		// Of a ticket that is not. These are about a receipt, and whatever
		// there is not to be read or revoked is not found: unknown, gone and
		// other people's alike.
		{ticket.ErrNotFound, problem.NotFound, "", 0, forget},
		{ticket.ErrMalformedToken, problem.NotFound, "", 0, forget},
		{ticket.ErrExpired, problem.NotFound, "", 0, forget},
		{ticket.ErrSpent, problem.NotFound, "", 0, forget},
		{ticket.ErrRevoked, problem.NotFound, "", 0, forget},
		{ticket.ErrFenced, problem.NotFound, "", 0, forget},
		{ticket.ErrWrongAudience, problem.NotFound, "", 0, forget},
		{ticket.ErrWrongOrigin, problem.NotFound, "", 0, forget},
		{ticket.ErrCorrupt, problem.NotFound, "", 0, forget},

		// Of the service. A full store empties as tickets expire.
		{ticket.ErrFull, problem.Unavailable, "", 5 * time.Second, wait},
		{ticket.ErrUnavailable, problem.Unavailable, "", time.Second, wait},
		{errNotReady, problem.Unavailable, "", time.Second, wait},
		// The peer has left; whatever is answered, nobody reads it.
		{context.Canceled, problem.Unavailable, "", time.Second, wait},
		{ticket.ErrExists, problem.Internal, "", 0, backOff},
		{errPanic, problem.Internal, "", 0, backOff},
	}
}

// ruleOf returns the first rule for err, and that of a fault for an error
// that has none.
func ruleOf(err error) rule {
	for _, row := range rules() {
		if errors.Is(err, row.err) {
			return row
		}
	}
	return rule{err: err, problem: problem.Internal, advice: backOff}
}

// refuse answers err and notes it for the access log. What is no fault of the
// service is not logged beyond that.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	row := ruleOf(err)
	if row.problem == problem.Unavailable && r.Context().Err() != nil {
		// The peer has left, and what it had asked for was given up.
		err = context.Canceled
		row = ruleOf(err)
	}
	note := accesslog.NoteOf(r.Context())
	note.Outcome, note.Reason = outcome(row), ticket.Reason(err)
	if row.problem == problem.Internal && !errors.Is(err, errPanic) {
		// The text of an error may quote anything; its type does not.
		s.o.Logger.ErrorContext(r.Context(), "internal error",
			"request_id", accesslog.RequestID(r.Context()), "route", note.Route,
			"reason", note.Reason, "type", rootType(err))
	}
	if row.challenge != "" {
		w.Header().Set("WWW-Authenticate", row.challenge)
	}
	if after := retryAfter(row, err); after > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(after, 10))
	}
	if c, asked := contractOf(r.Context()); asked {
		row.problem = c.deny(w, row.problem)
	}
	problem.Write(w, row.problem)
}

// outcome sorts answers by whom they are to be laid to.
func outcome(row rule) string {
	switch {
	case errors.Is(row.err, context.Canceled):
		return "canceled"
	case row.problem.Status >= http.StatusInternalServerError:
		return "error"
	default:
		return "refused"
	}
}

// retryAfter is in whole seconds, rounded up: to come early is to come in
// vain.
func retryAfter(row rule, err error) int64 {
	after := row.retryAfter
	if limited, ok := errors.AsType[*limitedError](err); ok {
		after = limited.after
	}
	return int64((after + time.Second - 1) / time.Second)
}

// rootType names the type of the innermost error that err wraps.
func rootType(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return fmt.Sprintf("%T", err)
}
