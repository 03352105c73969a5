package ws

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"wsticket/internal/handshake"
	"wsticket/internal/problem"
	"wsticket/internal/relay"
	"wsticket/ticket"
)

// What is wrong beside the handshake itself.
var (
	errHost   = errors.New("host is not served")
	errOrigin = errors.New("origin is not allowed")
	errRate   = errors.New("too many handshakes")
	// errNoHijack: a middleware hides the connection, so that no handshake
	// can ever succeed.
	errNoHijack = errors.New("connection cannot be taken over")
	// errStopping: see Handler.Shutdown.
	errStopping = errors.New("server is stopping")
	// errMessage: the first message is no auth message, nor anything else that
	// is certainly none.
	errMessage = errors.New("malformed first message")
)

// reasonOutlived is the word for a bearer that was good once, of package auth
// and of [ticket.GrantOf].
const reasonOutlived = "bearer_expired"

// The challenges of RFC 9110 11.6.1, with the error codes of RFC 6750 3.1. A
// challenge to who brought no credential has none.
const (
	challengeTicket      = `Ticket realm="wsticket"`
	challengeBearer      = `Bearer realm="wsticket"`
	challengeWrongTicket = challengeTicket + `, error="invalid_ticket"`
	challengeWrongBearer = challengeBearer + `, error="invalid_token"`
	challengeScope       = challengeBearer + `, error="insufficient_scope"`
)

// refusal is what becomes of an error.
type refusal struct {
	err     error
	problem problem.Problem
	// reason is the word for the log; empty means that of ticket.Reason.
	reason string
	// header is name and value by turns.
	header []string
}

// refusals maps every error to its answer. The first row that matches counts.
// The rows of a wrong ticket do not differ: whoever presents one must not
// learn what is wrong with it.
func refusals() []refusal {
	upgrade := []string{"Upgrade", "websocket", "Connection", "Upgrade"}
	version := append([]string{"Sec-WebSocket-Version", "13"}, upgrade...)
	wrongTicket := []string{"WWW-Authenticate", challengeWrongTicket}
	wrongBearer := []string{"WWW-Authenticate", challengeWrongBearer}
	comeAgain := []string{"Retry-After", "1"}
	return []refusal{
		{handshake.ErrMethod, problem.MethodNotAllowed, "", []string{"Allow", http.MethodGet}},
		// Upgrade is a header of HTTP/1.1 only (RFC 9113 8.2.2).
		{handshake.ErrHTTPVersion, problem.UpgradeRequired, "", nil},
		{handshake.ErrUpgrade, problem.UpgradeRequired, "", upgrade},
		{handshake.ErrVersion, problem.UpgradeRequired, "", version},
		{handshake.ErrMalformed, problem.InvalidRequest, "", nil},
		{handshake.ErrSubprotocol, problem.InvalidRequest, "", nil},
		{errHost, problem.HostNotAllowed, "host", nil},
		{errOrigin, problem.OriginNotAllowed, "origin", nil},
		{errRate, problem.RateLimited, "rate_limited", nil},
		{errCrowd, problem.Unavailable, "unauthenticated", comeAgain},
		{errCrowdAddress, problem.Unavailable, "unauthenticated_per_address", comeAgain},
		{handshake.ErrQuery, problem.InvalidRequest, "", nil},
		{handshake.ErrAuthorization, problem.InvalidRequest, "", nil},
		{handshake.ErrCookie, problem.InvalidRequest, "", nil},
		{handshake.ErrCredentialInURL, problem.CredentialInURL, "", nil},
		{handshake.ErrTwoCredentials, problem.InvalidRequest, "", nil},
		{handshake.ErrNoCredential, problem.MissingCredential, "", nil},
		{handshake.ErrClosedDoor, problem.MissingCredential, "", nil},
		{errMessage, problem.InvalidRequest, "first_message", nil},
		{errNoHijack, problem.Internal, "no_hijack", nil},
		{errStopping, problem.Unavailable, "stopping", comeAgain},

		{ticket.ErrSpent, problem.InvalidTicket, "", wrongTicket},
		{ticket.ErrNotFound, problem.InvalidTicket, "", wrongTicket},
		{ticket.ErrExpired, problem.InvalidTicket, "", wrongTicket},
		{ticket.ErrRevoked, problem.InvalidTicket, "", wrongTicket},
		{ticket.ErrFenced, problem.InvalidTicket, "", wrongTicket},
		{ticket.ErrMalformedToken, problem.InvalidTicket, "", wrongTicket},
		{ticket.ErrWrongAudience, problem.InvalidTicket, "", wrongTicket},
		{ticket.ErrWrongOrigin, problem.InvalidTicket, "", wrongTicket},
		{ticket.ErrCorrupt, problem.InvalidTicket, "", wrongTicket},
		{ticket.ErrFull, problem.Unavailable, "", comeAgain},
		{ticket.ErrUnavailable, problem.Unavailable, "", comeAgain},
		{ticket.ErrInvalidRequest, problem.InvalidRequest, "", nil},
		{ticket.ErrInvalidBearer, problem.InvalidToken, "", wrongBearer},
		{ticket.ErrShortLived, problem.InvalidToken, "", wrongBearer},
		{ticket.ErrInsufficientScope, problem.InsufficientScope, "", []string{"WWW-Authenticate", challengeScope}},
		{ticket.ErrExists, problem.Internal, "", nil},
		// The peer has left, and nobody reads this.
		{context.Canceled, problem.Unavailable, "", comeAgain},
		{relay.ErrUpstream, problem.UpstreamFailed, "upstream_failed", nil},
	}
}

// refusalOf finds the row of err. An error that has none is our own fault.
func refusalOf(err error) refusal {
	for _, row := range refusals() {
		if errors.Is(err, row.err) {
			if row.reason == "" {
				row.reason = ticket.Reason(err)
			}
			return row
		}
	}
	return refusal{problem: problem.Internal, reason: ticket.Reason(err)}
}

// closeFrame is the one that says what a problem says.
type closeFrame struct {
	problem problem.Problem
	code    uint16
	text    string
}

// failed closes the connection of a peer that has not shown who it is.
const failed = "Authentication failed"

// closeFrames are for refusals that come when the handshake is complete. What is
// wrong with the handshake, the Host or the Origin has no row: it always gets
// its answer before.
func closeFrames() []closeFrame {
	return []closeFrame{
		{problem.MissingCredential, 4001, failed},
		{problem.InvalidTicket, 4001, failed},
		{problem.InvalidToken, 4001, failed},
		{problem.InvalidRequest, 1008, "policy"},
		{problem.CredentialInURL, 1008, "policy"},
		{problem.InsufficientScope, 1008, "policy"},
		{problem.RateLimited, 1013, "overload"},
		{problem.Unavailable, 1013, "overload"},
		{problem.UpstreamFailed, 1014, "upstream failed"},
		{problem.Internal, 1011, "server error"},
	}
}

// endingOf finds the close frame for err. A bearer that is past its time has
// one of its own: its owner gets a fresh one and need not sign in.
func endingOf(err error) (*ending, bool) {
	row := refusalOf(err)
	if row.reason == reasonOutlived {
		return &ending{code: 4008, text: "the bearer's lifetime ended"}, true
	}
	for _, c := range closeFrames() {
		if c.problem == row.problem {
			return &ending{code: c.code, text: c.text}, true
		}
	}
	return nil, false
}

// rateError is an errRate that says when to come again.
type rateError struct{ after time.Duration }

func (e *rateError) Error() string { return errRate.Error() }
func (e *rateError) Unwrap() error { return errRate }

// seconds rounds up to the whole seconds of Retry-After, at least one.
func (e *rateError) seconds() string {
	return strconv.FormatInt(int64(max(1, (e.after+time.Second-1)/time.Second)), 10)
}

// verdict names in words for the log what became of a handshake.
func verdict(err error) (outcome, reason string) {
	if err == nil {
		return outcomeConnected, "ok"
	}
	if end, ok := errors.AsType[*ending](err); ok {
		return outcomeRefused, end.reason
	}
	row := refusalOf(err)
	if row.problem.Status >= http.StatusInternalServerError {
		return outcomeError, row.reason
	}
	return outcomeRefused, row.reason
}

// refuse answers with the row of err and returns its outcome and reason.
func (h *Handler) refuse(w http.ResponseWriter, err error) (outcome, reason string) {
	row := refusalOf(err)
	header := w.Header()
	for i := 0; i+1 < len(row.header); i += 2 {
		header.Set(row.header[i], row.header[i+1])
	}
	if rate, ok := errors.AsType[*rateError](err); ok {
		header.Set("Retry-After", rate.seconds())
	}
	if row.problem == problem.MissingCredential {
		header["Www-Authenticate"] = h.challenges()
	}
	problem.Write(w, row.problem)
	return verdict(err)
}

// challenges name the credentials that a header could bring. The Ticket one
// stands there even with that door closed: a 401 has to hold one (RFC 9110
// 15.5.2), and a ticket is what the other doors want, too.
func (h *Handler) challenges() []string {
	if h.doors.Bearers && slices.Contains(h.doors.Open, DoorHeader) {
		return []string{challengeTicket, challengeBearer}
	}
	return []string{challengeTicket}
}
