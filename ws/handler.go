package ws

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	"wsticket/gate"
	"wsticket/internal/accesslog"
	"wsticket/internal/limit"
	"wsticket/internal/relay"
	"wsticket/internal/upgrade"
	"wsticket/live"
	"wsticket/ticket"
)

// The outcomes of a handshake that is not refused.
const (
	outcomeConnected = "connected"
	// outcomeAccepted: the 101 is sent, and the client has to authenticate.
	outcomeAccepted = "accepted"
)

// Handler is the WebSocket endpoint. It is safe for concurrent use.
type Handler struct {
	o               Options
	relay           *relay.Relay // nil if there is an Endpoint
	unauthenticated *limit.Places
	choose          func(gate.Offer) (subprotocol string, err error)
	entrance        atomic.Pointer[entrance]
}

// entrance is where handshakes come in.
type entrance struct {
	gate     *gate.Gate
	observed http.Handler // serve, behind the access log
}

// UseGate judges handshakes that come from now on by another gate, and what clients
// send on connections that are open. Handshakes that are under way stay with theirs until a first message comes.
// It has to have the doors and audiences of the one before.
func (h *Handler) UseGate(g *gate.Gate) {
	serve := func(w http.ResponseWriter, r *http.Request) { h.serve(g, w, r) }
	h.entrance.Store(&entrance{g, g.Observe(h.o.Events, h.o.Now)(http.HandlerFunc(serve))})
}

// gate returns the one that judges now.
func (h *Handler) gate() *gate.Gate { return h.entrance.Load().gate }

// BoundUnauthenticated changes [Options].Unauthenticated and
// UnauthenticatedPerAddress. Connections that wait already stay.
func (h *Handler) BoundUnauthenticated(all, perAddress int) {
	h.unauthenticated.Bound(all, perAddress)
}

// handshake is one that is under way.
type handshake struct {
	gate *gate.Gate
	w    http.ResponseWriter
	r    *http.Request
	ctx  context.Context // the request's, with its RequestInfo
	note *accesslog.Note

	candidate gate.Candidate
	// upgradable reports whether a 101 could be sent, apart from the
	// credential.
	upgradable bool
	grant      ticket.Grant // after Gate.Admit
}

// ServeHTTP admits the handshake, runs the Endpoint, and returns when the
// connection is closed; or it refuses the handshake with a problem (RFC 9457).
// If it relays to an Upstream, it returns when the tunnel is established.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.entrance.Load().observed.ServeHTTP(w, r)
}

func (h *Handler) serve(g *gate.Gate, w http.ResponseWriter, r *http.Request) {
	s := &handshake{gate: g, w: w, r: r, ctx: r.Context(), note: accesslog.NoteOf(r.Context())}
	leave, ok := h.o.Live.Enter()
	if !ok {
		h.refuse(s, errStopping)
		return
	}
	defer leave()
	err := h.admit(s)
	switch {
	case err != nil:
		h.refuseOrClose(s, err)
	case s.candidate.Presentation.Door == ticket.DoorFirstMessage:
		h.awaitMessage(s)
	case h.relay != nil:
		h.connectUpstream(s)
	default:
		h.connectEndpoint(s)
	}
}

// admit makes all checks, and redeems the ticket last. Everything that can be
// checked before must be checked before, because a spent ticket is not given
// back.
func (h *Handler) admit(s *handshake) (err error) {
	request := s.gate.Received(s.r)
	request.Audience, request.Choose, request.FirstMessage = h.o.Audience, h.choose, true
	trace := accesslog.TraceOf(s.ctx)
	s.ctx = ticket.WithRequest(s.ctx, ticket.RequestInfo{
		ID: accesslog.RequestID(s.ctx), Caller: ticket.RequestOf(s.ctx).Caller, ClientIP: request.ClientIP,
		TraceID: trace.TraceID, SpanID: trace.ID, Sampled: trace.Sampled(),
		Route: s.note.Route, UserAgent: accesslog.UserAgent(s.ctx),
	})
	s.candidate, err = s.gate.Check(s.ctx, request)
	s.upgradable = s.candidate.WellFormed && upgrade.Possible(s.w)
	switch {
	case err != nil:
		return err
	case !s.upgradable:
		return errNoHijack
	case s.candidate.Presentation.Door == ticket.DoorFirstMessage:
		return nil
	}
	s.grant, err = s.gate.Admit(s.ctx, s.candidate)
	return err
}

// earlySubprotocol is the one to answer before the application is asked: its
// own first one, else ours, else none.
func (h *Handler) earlySubprotocol(s *handshake) string {
	if own := s.candidate.Offer.Application(); h.relay != nil && len(own) > 0 {
		return own[0]
	}
	return s.candidate.Subprotocol
}

// register counts the connection that the grant opens, unless it was revoked
// meanwhile. Its 101 comes next.
func (h *Handler) register(s *handshake) (*live.Connection, error) {
	c := &live.Connection{Grant: s.grant, Presentation: s.candidate.Presentation, Request: live.RequestOf(s.ctx)}
	err := h.o.Live.Add(s.ctx, c)
	switch {
	case err == nil:
		s.grant.Identity.Cookies = ticket.Bearer{} // which the registry has, and an Endpoint must not
		return c, nil
	case errors.Is(err, ticket.ErrBearerRevoked) && s.candidate.TicketID() != "":
		// To whoever presents it, it looks like any other wrong ticket.
		return nil, ticket.WithAttrs(ticket.ErrVoided, ticket.AttrsOf(err)...)
	case errors.Is(err, ticket.ErrTooManyConnections):
		s.gate.Refused(s.ctx, ticket.Event{
			Action: ticket.ActionHandshake, TicketID: s.grant.ID, Identity: s.grant.Identity, Presentation: c.Presentation,
		}, err)
		return nil, err
	default:
		return nil, err
	}
}

// upgrade sends the 101. The entry of the access log, with the outcome, is
// written while the connection is taken over.
func (h *Handler) upgrade(s *handshake, outcome, reason, subprotocol string, header http.Header) (upgrade.Conn, error) {
	s.note.Outcome, s.note.Reason = outcome, reason
	if subprotocol != "" {
		s.w.Header().Set("Sec-WebSocket-Protocol", subprotocol)
	}
	conn, err := upgrade.Accept(s.w, s.r.Header.Get("Sec-WebSocket-Key"), header)
	switch {
	case errors.Is(err, upgrade.ErrHijack):
		h.refuse(s, errNoHijack)
	case err != nil:
		// The ticket stays spent: the client may have got the answer.
		h.settled(s, s.grant.ID, errLost)
	}
	return conn, err
}

// Shutdown stops the Handler; see [live.Registry.Shutdown].
func (h *Handler) Shutdown(ctx context.Context) error { return h.o.Live.Shutdown(ctx) }

// Stats are counts of a [Handler].
type Stats struct {
	// Unauthenticated connections there are now: those that wait for their
	// first message, or are being closed because of it.
	Unauthenticated int
	// FromClient and FromUpstream are what was relayed since the start.
	FromClient, FromUpstream ticket.Traffic
}

// Stats returns the counts. Those of open connections are in [live.Registry].
func (h *Handler) Stats() Stats {
	s := Stats{Unauthenticated: h.unauthenticated.Taken()}
	if h.relay != nil {
		relayed := h.relay.Stats()
		s.FromClient, s.FromUpstream = ticket.Traffic(relayed.FromClient), ticket.Traffic(relayed.FromUpstream)
	}
	return s
}
