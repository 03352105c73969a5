package gate

import (
	"context"
	"net/http"
	"time"

	"wsticket/internal/accesslog"
	"wsticket/internal/unread"
	"wsticket/ticket"
)

// Observe is a middleware for the access log. It gives each request an ID,
// which the answer has as X-Request-Id, finds the client's address once, and
// emits a [ticket.EventRequest] when the request is answered or its connection
// is taken over. A request that came through Observe before passes unchanged,
// so that a handler that is mounted alone and one behind package api are
// reported in the same way, and once.
//
// A request whose body is not read is answered at once, and ends its connection:
// it does not wait for a body that never comes.
func (g *Gate) Observe(events ticket.Sink, now func() time.Time) func(http.Handler) http.Handler {
	report := accesslog.Middleware(now, func(ctx context.Context, e accesslog.Entry) { events.Emit(ctx, requestEvent(e)) })
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

func requestEvent(e accesslog.Entry) ticket.Event {
	return ticket.Event{
		Kind: ticket.EventRequest, At: e.Start, Duration: e.Took,
		Request:  ticket.RequestInfo{ID: e.RequestID, Caller: e.Caller, ClientIP: e.ClientIP},
		TicketID: ticket.ID(e.TicketID), Presentation: ticket.Presentation{Door: ticket.Door(e.Door)},
		Identity: ticket.Identity{Issuer: e.Issuer, Subject: e.Subject},
		Outcome:  e.Outcome, Reason: e.Reason, Attrs: e.Attrs,
		HTTP: ticket.HTTPAnswer{Method: e.Method, Path: e.Path, Route: e.Route, Status: e.Status},
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
