package ticket

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"
)

// EventKind names what happened.
type EventKind string

// The kinds of an [Event].
const (
	// EventIssue: a ticket was issued.
	EventIssue EventKind = "issue"
	// EventRedeem: a ticket was redeemed. Retried reports whether the same
	// attempt had redeemed it before.
	EventRedeem EventKind = "redeem"
	// EventRefuse: something was refused; Action names what.
	EventRefuse EventKind = "refuse"
	// EventReplay: a ticket was presented that another attempt had spent. Err
	// holds a [*SpentError].
	EventReplay EventKind = "replay"
	// EventTripwire: a ticket was replayed whose connection is live. The presentation
	// is that of the replay; Attrs name who has opened the connection.
	EventTripwire EventKind = "tripwire"
	// EventRecheck: the session of a live connection was looked at again. Outcome says
	// what became of the connection.
	EventRecheck EventKind = "recheck"
	// EventFence: a ticket was refused because it is from before a failover of
	// the store.
	EventFence EventKind = "fence"
	// EventRevoke: a pending ticket was revoked by its owner, or with
	// [ActionRevocation] something was revoked for everybody; Revocation says what.
	EventRevoke EventKind = "revoke"
	// EventAdmit: a bearer or session opened a handshake by itself, without a ticket. It
	// comes before the answer, and after it an EventConnect if the WebSocket is ours.
	EventAdmit EventKind = "admit"
	// EventConnect: a WebSocket was opened.
	EventConnect EventKind = "connect"
	// EventRenew: its deadline was moved to the end of a fresh bearer, which is in
	// Identity. Request is that of the renewal, if it came by one of its own.
	EventRenew EventKind = "renew"
	// EventDisconnect: it is closed. Closed says how.
	EventDisconnect EventKind = "disconnect"
	// EventLimit: a request or handshake was refused because of a limit.
	EventLimit EventKind = "limit"
	// EventRequest: an HTTP request was answered, a handshake included. HTTP
	// says how. This is the line of an access log.
	EventRequest EventKind = "request"
	// EventLost is in the audit trail alone: so many events before it were lost, because
	// the trail could not take them, or the database has lost what it had taken. No sink
	// gets it.
	EventLost EventKind = "lost"
)

// Action names what was requested, or what was refused.
type Action string

// The actions of an [Event].
const (
	ActionIssue  Action = "issue"
	ActionRedeem Action = "redeem"
	ActionRevoke Action = "revoke"
	// ActionRevocation is a [Revocation].
	ActionRevocation Action = "revocation"
	// ActionRenew is the renewal of a connection.
	ActionRenew Action = "renew"
	// ActionAuthenticate is the verification of a bearer or a session.
	ActionAuthenticate Action = "authenticate"
	// ActionHandshake is a WebSocket handshake as a whole.
	ActionHandshake Action = "handshake"
)

// Event is one thing that happened. It holds no secret: neither a token nor a
// bearer, nor anything else of a request that was not checked.
type Event struct {
	Kind   EventKind
	Action Action
	// At is when it began, and Duration how long it took. For an
	// EventDisconnect, Duration is how long the connection lasted.
	At       time.Time
	Duration time.Duration
	// Request is the request that it is part of.
	Request RequestInfo
	// TicketID is that of the ticket or of the connection, empty if neither
	// is known.
	TicketID ID
	// Identity is zero if nobody was identified.
	Identity Identity
	// Presentation is where and how a credential was presented. Of an
	// EventIssue it has the audience and the origin that the ticket is bound to.
	Presentation Presentation
	// Retried: see [EventRedeem].
	Retried bool
	// Issue is the span that the ticket of an EventRedeem was issued in, zero if it
	// is not known.
	Issue SpanRef
	// AfterUpgrade reports whether a handshake was refused after its 101. Its
	// EventRequest was emitted before, with the status 101.
	AfterUpgrade bool
	// Kept reports whether a [Keeper] has stored the event, so that a sink that keeps
	// events does not do it again.
	Kept bool
	// Outcome is one word for the result of a request or a handshake, such as
	// "issued", "connected" or "refused".
	Outcome string
	// Reason is "ok", or a word of [Reason].
	Reason string
	// Attrs say more about Reason: the values that did not fit. They are safe
	// to log; see [WithAttrs].
	Attrs []slog.Attr
	// Err is the cause of a refusal, for [errors.Is] and [errors.AsType]. Do not
	// write its text anywhere: it may quote what a client has sent.
	Err error
	// Revocation is that of an ActionRevocation, and nil otherwise.
	Revocation *Revocation
	// Closed is for [EventDisconnect], and HTTP for [EventRequest].
	Closed Closed
	HTTP   HTTPAnswer
}

// Closed is how a connection ended.
type Closed struct {
	// Code is that of the first Close frame, 1005 if that had none, and 1006 if
	// there was no Close frame (RFC 6455 7.1.5).
	Code uint16
	// By is who sent that frame, or else ended the connection: see [ByClient].
	By string
	// Fault is one word for the rule of RFC 6455 that a frame has broken, if
	// that is why wsticket has closed the connection. FaultBy is who sent the
	// frame: [ByClient] or [ByUpstream]. Otherwise both are empty.
	Fault, FaultBy string
	// Relayed reports whether the traffic was counted, which it is of relayed
	// connections.
	Relayed                  bool
	FromClient, FromUpstream Traffic
}

// The values of Closed.By.
const (
	ByClient   = "client"
	ByUpstream = "upstream" // the application: in this process, or relayed to
	ByServer   = "relay"    // wsticket itself
)

// Traffic is what went in one direction: whole messages, and bytes with the
// headers of their frames.
type Traffic struct{ Messages, Bytes uint64 }

// HTTPAnswer has what may be logged of a request and its answer.
type HTTPAnswer struct {
	// Method is "OTHER" if it is none of the methods of net/http.
	Method string
	// Path has no query, and "[redacted]" for a part that could be a
	// credential. Route is the pattern that matched, empty if none did.
	Path, Route string
	// Scheme is "http", or "https" if it came to this process by TLS.
	Scheme string
	// Status is 101 for an upgraded request, and 0 if the handler was
	// aborted before it answered.
	Status int
}

// Sink takes events: a log, metrics, an audit trail. It is called by many
// goroutines at once and must not block. The nil Sink drops them.
type Sink func(ctx context.Context, e Event)

// Keeper stores an event before it returns, for admissions that must not happen
// unrecorded. An error, which wraps [ErrUnavailable], is a refusal. Methods are safe for
// concurrent use.
type Keeper interface {
	Keep(ctx context.Context, e Event) error
}

// Keep stores the event with k before it is emitted, and notes that in e.Kept. Without a
// Keeper it does nothing. The error wraps [ErrUnavailable], whatever that of the Keeper is.
func (e *Event) Keep(ctx context.Context, k Keeper) error {
	if k == nil {
		return nil
	}
	kept := *e
	kept.Identity.Cookies = Bearer{}
	err := k.Keep(ctx, kept)
	if err != nil && !errors.Is(err, ErrUnavailable) {
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	e.Kept = err == nil
	return err
}

// Emit hands e to the sink, if there is one.
func (s Sink) Emit(ctx context.Context, e Event) {
	if s != nil {
		e.Identity.Cookies = Bearer{}
		s(ctx, e)
	}
}

// RequestInfo names a request in events.
type RequestInfo struct {
	// ID is the X-Request-Id of its answer.
	ID string
	// Caller is the configured name of the program that sent it, such as
	// "key:chat". Empty if it has none.
	Caller string
	// ClientIP is the client's address, zero if it is unknown.
	ClientIP netip.Addr
	// Route is the pattern that the path of the request has matched, empty if none did.
	Route string
	// UserAgent is its User-Agent header, cut to 256 bytes and otherwise as it came. A
	// connection does not keep it, so that an [EventConnect] and what follows has none.
	UserAgent string
	// TraceID is the trace that it is part of (W3C Trace Context), 32 hex digits: that
	// of its traceparent header, or a new one. Empty where the caller has sent none and
	// nobody here records spans.
	TraceID string
	// SpanID is that of the request itself, 16 hex digits, empty where nobody here
	// records spans.
	SpanID string
	// Sampled reports whether the request is recorded: here if it has a SpanID, else by
	// its caller.
	Sampled bool
}

type requestKey struct{}

// requestContext takes one allocation where context.WithValue takes two.
type requestContext struct {
	context.Context
	request RequestInfo
}

// Value implements [context.Context].
func (c *requestContext) Value(key any) any {
	if key == (requestKey{}) {
		return &c.request
	}
	return c.Context.Value(key)
}

// WithRequest returns a context whose events are part of a request.
func WithRequest(ctx context.Context, r RequestInfo) context.Context {
	return &requestContext{ctx, r}
}

// RequestOf returns what [WithRequest] noted, the zero value if there is
// nothing.
func RequestOf(ctx context.Context) RequestInfo {
	if r, ok := ctx.Value(requestKey{}).(*RequestInfo); ok {
		return *r
	}
	return RequestInfo{}
}
