package ws

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"wsticket/internal/accesslog"
	"wsticket/internal/handshake"
	"wsticket/internal/limit"
	"wsticket/internal/origin"
	"wsticket/ticket"
)

// The outcomes of a handshake in logs.
const (
	outcomeConnected = "connected"
	outcomeRefused   = "refused"
	outcomeError     = "error"
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
}

// admission is a handshake that has passed every check.
type admission struct {
	door        Door
	grant       ticket.Grant
	subprotocol string
}

// ServeHTTP admits the handshake, runs the Endpoint, and returns when the
// connection is closed; or it refuses with a problem (RFC 9457).
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	note := accesslog.NoteOf(r.Context())
	if !h.live.enter() {
		note.Outcome, note.Reason = h.refuse(w, errStopping)
		return
	}
	defer h.live.leave()
	admitted, err := h.admit(w, r, note)
	if err != nil {
		note.Outcome, note.Reason = h.refuse(w, err)
		return
	}
	h.connect(w, r, admitted, note)
}

// admit makes all checks, the cheap and harmless ones first, and spends the
// ticket last. Nothing after it may refuse: a ticket that is spent is not
// given back.
func (h *Handler) admit(w http.ResponseWriter, r *http.Request, note *accesslog.Note) (admission, error) {
	if err := handshake.Check(r); err != nil {
		return admission{}, err
	}
	offered, err := handshake.ParseOffer(r.Header["Sec-Websocket-Protocol"])
	if err != nil {
		return admission{}, err
	}
	subprotocol, err := offered.Choose(h.options.Subprotocols)
	if err != nil {
		return admission{}, err
	}
	p, err := h.presentation(r)
	if err != nil {
		return admission{}, err
	}
	c, err := h.doors.Credential(r.URL.RawQuery, r.Header, offered)
	note.Door, p.Transport = string(c.Door), string(c.Door)
	if err != nil {
		return admission{}, err
	}
	if !canHijack(w) {
		return admission{}, errNoHijack
	}
	ctx, cancel := context.WithTimeout(r.Context(), admitTimeout)
	defer cancel()
	grant, err := h.grant(ctx, c, p, note)
	// Who gives up waiting knows nothing about the ticket.
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", ticket.ErrUnavailable, err)
	}
	return admission{door: c.Door, grant: grant, subprotocol: subprotocol}, err
}

// presentation checks from where the handshake comes: Host, Origin and the
// rate of its address.
func (h *Handler) presentation(r *http.Request) (ticket.Presentation, error) {
	if len(h.options.Hosts) > 0 && !h.hosts.Allows(r.Host) {
		return ticket.Presentation{}, errHost
	}
	from, allowed := h.origins.Check(r, h.options.AllowMissingOrigin)
	if !allowed {
		return ticket.Presentation{}, errOrigin
	}
	addr := h.options.ClientAddr(r)
	if h.options.AddressLimit != nil {
		if after, ok := h.options.AddressLimit.Allow(limit.AddrKey(addr)); !ok {
			return ticket.Presentation{}, &rateError{after}
		}
	}
	return ticket.Presentation{
		Audience: h.options.Audience, Origin: from, ClientIP: addr, Attempt: attempt(r),
	}, nil
}

// grant turns the credential into a grant, or spends it in vain.
func (h *Handler) grant(ctx context.Context, c handshake.Credential, p ticket.Presentation, note *accesslog.Note) (ticket.Grant, error) {
	if c.Kind == handshake.Bearer {
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

// authenticate makes a grant of a bearer.
func (h *Handler) authenticate(ctx context.Context, c handshake.Credential) (ticket.Grant, error) {
	identity, err := h.options.Authenticator.Authenticate(ctx, ticket.NewBearer(c.Text))
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
