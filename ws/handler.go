package ws

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"wsticket/internal/accesslog"
	"wsticket/internal/handshake"
	"wsticket/internal/limit"
	"wsticket/internal/origin"
	"wsticket/internal/relay"
	"wsticket/ticket"
)

// The outcomes of a handshake in logs.
const (
	outcomeConnected = "connected"
	// outcomeAccepted: the peer has to show yet who it is.
	outcomeAccepted = "accepted"
	outcomeRefused  = "refused"
	outcomeError    = "error"
)

// admitTimeout bounds redemption and authentication. Their own time-outs are
// shorter; this one is for those that have none.
const admitTimeout = 5 * time.Second

// Handler is the WebSocket endpoint. It is safe for concurrent use.
type Handler struct {
	options Options
	origins *origin.List
	hosts   *origin.Hosts
	doors   handshake.Doors
	live    *live
	relay   *relay.Relay // nil where there is an Endpoint

	unauthenticated *unauthenticated
}

// admission is what the checks of a handshake have found out.
type admission struct {
	offered handshake.Offer
	// subprotocol is the one to answer, unless the application that is relayed
	// to chooses one.
	subprotocol string
	// upgradable tells that a 101 could be sent, whatever the credential is.
	upgradable   bool
	presentation ticket.Presentation
	door         Door
	// grant is still to come where the door is DoorFirstMessage.
	grant ticket.Grant
}

// ServeHTTP admits the handshake, runs the Endpoint, and returns when the
// connection is closed; or it refuses with a problem (RFC 9457). Where it
// relays to an upstream it returns when the tunnel stands.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	note := accesslog.NoteOf(r.Context())
	if !h.live.enter() {
		note.Outcome, note.Reason = h.refuse(w, errStopping)
		return
	}
	defer h.live.leave()
	admitted, err := h.admit(w, r, note)
	switch {
	case err != nil && !h.refuseByClose(w, r, admitted, err, note):
		note.Outcome, note.Reason = h.refuse(w, err)
	case err != nil:
	case admitted.door == DoorFirstMessage:
		h.awaitMessage(w, r, admitted, note)
	case h.relay != nil:
		h.relayTo(w, r, admitted, note)
	default:
		h.connect(w, r, admitted, note)
	}
}

// admit makes all checks, the cheap and harmless ones first, and spends the
// ticket last. Nothing after it may refuse: a ticket that is spent is not
// given back. Where it refuses, it tells how far the handshake had come.
func (h *Handler) admit(w http.ResponseWriter, r *http.Request, note *accesslog.Note) (a admission, err error) {
	if err := handshake.Check(r); err != nil {
		return a, err
	}
	if a.offered, err = handshake.ParseOffer(r.Header["Sec-Websocket-Protocol"]); err != nil {
		return a, err
	}
	if a.subprotocol, err = h.choose(a.offered); err != nil {
		return a, err
	}
	a.upgradable = canHijack(w)
	if a.presentation, err = h.presentation(r); err != nil {
		return a, err
	}
	c, err := h.credential(r, a.offered)
	a.door, a.presentation.Transport, note.Door = c.Door, string(c.Door), string(c.Door)
	switch {
	case err != nil:
		return a, err
	case c.Kind == handshake.Session && a.presentation.Origin == "":
		// A browser sends cookies unasked, and an Origin with each handshake.
		return a, errOrigin
	case !a.upgradable:
		return a, errNoHijack
	case c.Door == DoorFirstMessage:
		return a, nil
	}
	a.grant, err = h.grantInTime(r.Context(), c, a.presentation, note)
	return a, err
}

// choose chooses the subprotocol to answer.
func (h *Handler) choose(o handshake.Offer) (string, error) {
	if h.relay != nil {
		return o.Relayed()
	}
	return o.Choose(h.options.Subprotocols)
}

// presentation checks from where the handshake comes: Host, Origin and the
// rate of its address.
func (h *Handler) presentation(r *http.Request) (ticket.Presentation, error) {
	p := ticket.Presentation{
		Audience: h.options.Audience, ClientIP: h.options.ClientAddr(r), Attempt: attempt(r),
	}
	if len(h.options.Hosts) > 0 && !h.hosts.Allows(r.Host) {
		return p, errHost
	}
	var allowed bool
	if p.Origin, allowed = h.origins.Check(r, h.options.AllowMissingOrigin); !allowed {
		return p, errOrigin
	}
	if h.options.AddressLimit != nil {
		if after, ok := h.options.AddressLimit.Allow(limit.AddrKey(p.ClientIP)); !ok {
			return p, &rateError{after}
		}
	}
	return p, nil
}

// credential finds the one credential. Where there is none, and its door is
// open, that is the first message.
func (h *Handler) credential(r *http.Request, o handshake.Offer) (handshake.Credential, error) {
	c, err := h.doors.Credential(r.URL.RawQuery, r.Header, o)
	if errors.Is(err, handshake.ErrNoCredential) && slices.Contains(h.doors.Open, DoorFirstMessage) {
		return handshake.Credential{Door: DoorFirstMessage}, nil
	}
	return c, err
}

// grantInTime is grant, given up after admitTimeout. Who gives up waiting
// knows nothing about the ticket.
func (h *Handler) grantInTime(ctx context.Context, c handshake.Credential, p ticket.Presentation, note *accesslog.Note) (ticket.Grant, error) {
	ctx, cancel := context.WithTimeout(ctx, admitTimeout)
	defer cancel()
	grant, err := h.grant(ctx, c, p, note)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", ticket.ErrUnavailable, err)
	}
	return grant, err
}

// grant turns the credential into a grant, or spends it in vain.
func (h *Handler) grant(ctx context.Context, c handshake.Credential, p ticket.Presentation, note *accesslog.Note) (ticket.Grant, error) {
	if c.Kind != handshake.Ticket {
		grant, err := h.authenticate(ctx, c)
		note.TicketID = string(grant.ID)
		return grant, err
	}
	token, err := ticket.ParseToken(c.Text)
	if err != nil {
		return ticket.Grant{}, err
	}
	note.TicketID = string(token.ID())
	grant, err := h.options.Redeemer.Redeem(ctx, token, p)
	if err != nil {
		return ticket.Grant{}, fmt.Errorf("redeem: %w", err)
	}
	return grant, nil
}

// authenticate makes a grant of a bearer or a session.
func (h *Handler) authenticate(ctx context.Context, c handshake.Credential) (ticket.Grant, error) {
	who := h.options.Authenticator
	if c.Kind == handshake.Session {
		who = h.options.Sessions
	}
	identity, err := who.Authenticate(ctx, ticket.NewBearer(c.Text))
	if err != nil {
		return ticket.Grant{}, fmt.Errorf("authenticate: %w", err)
	}
	return ticket.GrantOf(identity, h.options.Audience, h.options.Now())
}

// attempt names this handshake.
func attempt(r *http.Request) string {
	// What has no port is no TCP peer and has no host to tell.
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return handshake.Attempt(r.Header.Get("Sec-WebSocket-Key"), host)
}
