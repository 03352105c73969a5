package gate

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"wsticket/internal/problem"
	"wsticket/ticket"
)

// Advice is what a client does with a refusal. It depends on the problem code
// alone, because that is all that a client reads.
type Advice string

// What a client may do.
const (
	FixRequest  Advice = "stop: the program is wrong"
	FreshBearer Advice = "get a fresh bearer, then try once more"
	FreshTicket Advice = "get a new ticket, a few times"
	GiveUp      Advice = "stop: it is not permitted"
	BackOff     Advice = "try again after a pause that grows"
	Wait        Advice = "try again after the time of Retry-After"
	Forget      Advice = "stop: there is no such thing, or no longer"
)

// Outcomes of a refusal: whose fault it is.
const (
	OutcomeRefused  = "refused"
	OutcomeError    = "error"
	OutcomeCanceled = "canceled"
)

// Refusal is how an error is answered.
type Refusal struct {
	// Status, Code and Title are the problem (RFC 9457).
	Status      int
	Code, Title string
	// Detail says what is wrong with this request. It is empty for all that is
	// wrong with a ticket or a bearer.
	Detail string
	// Ending is the Close frame that says the same after a 101. It is zero if
	// such an error cannot occur after a 101.
	Ending ticket.Ending
	// Challenges are the values of WWW-Authenticate.
	Challenges []string
	// RetryAfter is Retry-After, rounded up to seconds; 0 for none.
	RetryAfter time.Duration
	// Header has further headers.
	Header map[string]string
	// Advice is what the client should do.
	Advice Advice
	// Outcome and Reason are words for logs and metrics.
	Outcome, Reason string
	// Attrs say more in logs: the values that did not fit. See
	// [ticket.WithAttrs].
	Attrs []slog.Attr
}

// Row is a line of a [Table]: how errors that wrap Err are answered.
type Row struct {
	Err     error
	Refusal Refusal
}

// Table says how errors are answered. The first row that matches counts.
type Table []Row

// Of returns how err is answered. An error without a row is a fault of ours.
func (t Table) Of(err error) Refusal {
	answer := internal
	for i := range t {
		if errors.Is(err, t[i].Err) {
			answer = t[i].Refusal
			break
		}
	}
	answer.Reason, answer.RetryAfter = ticket.Reason(err), retryAfter(err, answer.RetryAfter)
	answer.Attrs, answer.Detail = ticket.AttrsOf(err), ticket.DetailOf(err)
	if limited, ok := errors.AsType[*LimitError](err); ok {
		answer.Header = limited.header()
	}
	switch {
	case errors.Is(err, context.Canceled):
		answer.Outcome = OutcomeCanceled
	case answer.Status >= http.StatusInternalServerError:
		answer.Outcome = OutcomeError
	default:
		answer.Outcome = OutcomeRefused
	}
	if answer.Reason == reasonBearerExpired {
		answer.Ending = ticket.EndExpired
	}
	return answer
}

// reasonBearerExpired is the word for a bearer that was good once. Its owner
// gets a fresh one and need not sign in, so it has a close code of its own.
const reasonBearerExpired = "bearer_expired"

// Write answers a request with the refusal.
func (r Refusal) Write(w http.ResponseWriter) {
	h := w.Header()
	for name, value := range r.Header {
		if name == "Connection" {
			h.Add(name, value) // Behind the close of a request whose body nobody reads.
		} else {
			h.Set(name, value)
		}
	}
	if len(r.Challenges) > 0 {
		h["Www-Authenticate"] = r.Challenges
	}
	if r.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(seconds(r.RetryAfter), 10))
	}
	problem.Write(w, problem.Problem{Status: r.Status, Code: r.Code, Title: r.Title, Detail: r.Detail})
}

// NewRefusal returns the refusal for one of the codes in docs/protocol.md, with
// its status, title and advice. It panics if there is no such code.
func NewRefusal(code string) Refusal {
	for _, known := range codes {
		if known.problem.Code == code {
			return Refusal{
				Status: known.problem.Status, Code: code, Title: known.problem.Title,
				Ending: known.ending, Advice: known.advice,
			}
		}
	}
	panic("gate: no such problem code: " + code)
}

// Challenging returns r with other values of WWW-Authenticate.
func (r Refusal) Challenging(challenges ...string) Refusal {
	r.Challenges = challenges
	return r
}

// After returns r with another time to retry.
func (r Refusal) After(d time.Duration) Refusal {
	r.RetryAfter = d
	return r
}

// codes lists each problem with the ending that says the same, and the advice.
var codes = []struct {
	problem problem.Problem
	ending  ticket.Ending
	advice  Advice
}{
	{problem.InvalidRequest, ticket.EndPolicy, FixRequest},
	{problem.CredentialInURL, ticket.EndPolicy, FixRequest},
	{problem.MissingCredential, ticket.EndAuthFailed, FreshBearer},
	{problem.InvalidToken, ticket.EndAuthFailed, FreshBearer},
	{problem.InvalidTicket, ticket.EndAuthFailed, FreshTicket},
	{problem.InsufficientScope, ticket.EndPolicy, GiveUp},
	{problem.OriginNotAllowed, ticket.Ending{}, GiveUp},
	{problem.HostNotAllowed, ticket.Ending{}, FixRequest},
	{problem.NotFound, ticket.Ending{}, Forget},
	{problem.MethodNotAllowed, ticket.Ending{}, FixRequest},
	{problem.UpgradeRequired, ticket.Ending{}, FixRequest},
	{problem.TooLarge, ticket.Ending{}, FixRequest},
	{problem.UnsupportedMediaType, ticket.Ending{}, FixRequest},
	{problem.RateLimited, ticket.EndOverload, Wait},
	{problem.Unavailable, ticket.EndOverload, Wait},
	{problem.UpstreamFailed, ticket.EndUpstreamFailed, BackOff},
	{problem.Internal, ticket.EndInternal, BackOff},
}

// Refused completes e and emits it: something was refused because of err, which
// has a row in [Refusals].
func (g *Gate) Refused(ctx context.Context, e ticket.Event, err error) {
	e.Kind = ticket.EventRefuse
	if errors.Is(err, ErrLimited) || errors.Is(err, ticket.ErrTooManyConnections) {
		e.Kind = ticket.EventLimit
	}
	if e.Request == (ticket.RequestInfo{}) {
		e.Request = ticket.RequestOf(ctx)
	}
	answer := refusals.Of(err)
	e.At, e.Err = g.o.Now(), err
	e.Outcome, e.Reason, e.Attrs = answer.Outcome, answer.Reason, answer.Attrs
	g.o.Events.Emit(ctx, e)
}
