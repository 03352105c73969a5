package gate

import (
	"context"
	"net/http"
	"strings"
	"time"

	"wsticket/internal/accesslog"
	"wsticket/internal/traceparent"
	"wsticket/internal/unread"
	"wsticket/ticket"
)

// Observe is a middleware for the access log. It gives each request an ID,
// which the answer has as X-Request-Id: that of a trusted proxy, or a new one. It
// finds the client's address once, and emits a [ticket.EventRequest] when the
// request is answered or its connection is taken over. A request that came through
// Observe before passes unchanged, so that a handler that is mounted alone and one
// behind package api are reported in the same way, and once.
//
// A request whose body is not read is answered at once, and ends its connection:
// it does not wait for a body that never comes.
func (g *Gate) Observe(events ticket.Sink, now func() time.Time) func(http.Handler) http.Handler {
	report := accesslog.Middleware(now, func(ctx context.Context, e accesslog.Entry) { events.Emit(ctx, requestEvent(e)) }, g.given)
	return func(next http.Handler) http.Handler {
		observed := unread.Middleware(g.StoreClientAddr(report(next)))
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if accesslog.RequestID(r.Context()) != "" {
				next.ServeHTTP(w, r)
				return
			}
			observed.ServeHTTP(w, r)
		})
	}
}

// TrustCaller makes the X-Request-Id of r the ID of the request, if it can be kept, and
// has the request recorded as its traceparent says. It is for a peer that has proved
// after [Gate.Observe] that it is a proxy. The answer must not have begun.
func (g *Gate) TrustCaller(w http.ResponseWriter, r *http.Request) {
	accesslog.TrustTrace(r.Context())
	if id := requestIDOf(r.Header); id != "" {
		accesslog.KeepRequestID(w, r, id)
	}
}

// given returns the ID and the trace of a request that arrives. Anybody may say which
// trace it is part of, because that only ties lines of logs together. Whether it is
// recorded is for trusted proxies to say, else for [Options].Sample.
func (g *Gate) given(r *http.Request) accesslog.Given {
	given := accesslog.Given{RequestID: g.proxyRequestID(r)}
	if g.o.Sample == nil {
		given.Trace = traceparent.Pass(r.Header)
		return given
	}
	given.Trace = traceparent.Begin(r.Header, g.o.Sample)
	if g.Trusts(r) {
		given.Trace = given.Trace.Trusting()
	}
	return given
}

// proxyRequestID returns the ID that a trusted proxy has given to a request. That of
// anybody else is not kept: logs and answers would repeat what a stranger wants.
func (g *Gate) proxyRequestID(r *http.Request) string {
	if !g.Trusts(r) {
		return ""
	}
	return requestIDOf(r.Header)
}

const maxRequestID = 64

// requestIDOf returns the X-Request-Id of a request if it is a single short word, so
// that it cannot inject lines or fields into a log (ASVS 16.4.1), and no
// credential: some proxies pass on that of the client.
func requestIDOf(h http.Header) string {
	lines := h["X-Request-Id"]
	if len(lines) != 1 || len(lines[0]) > maxRequestID || strings.Trim(lines[0], requestIDChars) != "" || holdsCredential(lines[0]) {
		return ""
	}
	return lines[0]
}

const requestIDChars = "-._0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func requestEvent(e accesslog.Entry) ticket.Event {
	return ticket.Event{
		Kind: ticket.EventRequest, At: e.Start, Duration: e.Took,
		Request: ticket.RequestInfo{
			ID: e.RequestID, Caller: e.Caller, ClientIP: e.ClientIP, UserAgent: e.UserAgent,
			TraceID: e.Trace.TraceID, SpanID: e.Trace.ID, Sampled: e.Trace.Sampled(),
		},
		TicketID: ticket.ID(e.TicketID), Presentation: ticket.Presentation{Door: ticket.Door(e.Door)},
		Identity: ticket.Identity{Issuer: e.Issuer, Subject: e.Subject},
		Outcome:  e.Outcome, Reason: e.Reason, Attrs: e.Attrs,
		HTTP: ticket.HTTPAnswer{Method: e.Method, Path: e.Path, Route: e.Route, Scheme: e.Scheme, Status: e.Status},
	}
}

// Stats are counts of a [Gate].
type Stats struct {
	// UnreadableAddresses is how often a trusted proxy has reported a client by
	// something that is no address.
	UnreadableAddresses uint64
}

// Stats returns the counts since New.
func (g *Gate) Stats() Stats { return Stats{UnreadableAddresses: g.proxies.Unreadable()} }
