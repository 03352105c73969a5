package ws

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"wsticket/internal/accesslog"
	"wsticket/internal/handshake"
	"wsticket/internal/limit"
	"wsticket/internal/problem"
	"wsticket/internal/token68"
	"wsticket/internal/wsframe"
	"wsticket/ticket"
)

// redeemGrace is how long a redemption may last beyond the time for the first
// message. With lingerTimeout after it, a connection that does not get in is
// gone 1.5 s after that time, whatever its peer and the store do.
const redeemGrace = 500 * time.Millisecond

// ticketStart begins the token of every ticket, which tells it from a bearer.
const ticketStart = "wst1_"

// awaitMessage completes the handshake, has the peer show who it is by its
// first message, and connects.
func (h *Handler) awaitMessage(w http.ResponseWriter, r *http.Request, a admission, note *accesslog.Note) {
	leave, err := h.unauthenticated.enter(limit.AddrKey(a.presentation.ClientIP))
	if err != nil {
		note.Outcome, note.Reason = h.refuse(w, err)
		return
	}
	defer leave()
	// The entry of the access log is written at the moment of the hijack.
	note.Outcome, note.Reason = outcomeAccepted, "pending"
	conn, buffered, err := upgrade(w, r, h.early(a))
	if err != nil {
		h.lost(r, a, note)
		return
	}
	handedOn := false
	defer func() {
		if !handedOn {
			_ = conn.Close()
		}
	}()
	// See attend about the request's context.
	ctx := context.WithoutCancel(r.Context())
	x := newExchange(conn, buffered.Reader, h.options.AuthTimeout)
	late := new(accesslog.Note)
	if a.grant, err = h.authenticateByMessage(ctx, x, a.presentation, late); err == nil {
		leave()
		err = x.welcome(a.grant)
	}
	id := ticket.ID(late.TicketID)
	if err != nil {
		h.settled(ctx, DoorFirstMessage, id, err)
		last, before := lastWords(err)
		last.end(conn, buffered.Reader, before)
		return
	}
	handedOn = h.handOn(ctx, r, id, opened{admission: a, conn: conn, buffered: buffered})
}

// handOn gives an opened connection to the application, and is false where it
// does not take it, or is done with it.
func (h *Handler) handOn(ctx context.Context, r *http.Request, id ticket.ID, o opened) bool {
	if o.conn.SetDeadline(time.Time{}) != nil {
		h.settled(ctx, DoorFirstMessage, id, errLeft)
		return false
	}
	if h.relay == nil {
		h.settled(ctx, DoorFirstMessage, id, nil)
		h.open(r, o)
		return false
	}
	err := h.relayOpened(r, o)
	h.settled(ctx, DoorFirstMessage, id, err)
	if err != nil {
		last, _ := lastWords(err)
		last.end(o.conn, o.buffered.Reader, nil)
	}
	return err == nil
}

// authenticateByMessage reads the first message and turns its token into a
// grant.
func (h *Handler) authenticateByMessage(ctx context.Context, x *exchange, p ticket.Presentation, note *accesslog.Note) (ticket.Grant, error) {
	token, err := h.awaitToken(x)
	if err != nil {
		return ticket.Grant{}, err
	}
	c := handshake.Credential{Door: DoorFirstMessage, Text: token}
	if h.doors.Bearers && !strings.HasPrefix(token, ticketStart) {
		c.Kind = handshake.Bearer
		// An Authenticator is asked about nothing that no header could hold.
		if !token68.Valid(token) {
			return ticket.Grant{}, ticket.ErrInvalidBearer
		}
	}
	ctx, cancel := context.WithDeadline(ctx, x.until.Add(redeemGrace))
	defer cancel()
	return h.grantInTime(ctx, c, p, note)
}

// awaitToken is x.token, unless the Handler stops.
func (h *Handler) awaitToken(x *exchange) (string, error) {
	woken := make(chan struct{})
	callOff := h.live.onStop(func() {
		_ = x.conn.SetReadDeadline(time.Unix(1, 0))
		close(woken)
	})
	token, err := x.token()
	if tooLate := callOff(); !tooLate {
		return token, err
	}
	// No deadline is changed any more when others are set.
	<-woken
	if err == nil || errors.Is(err, errAuthTimeout) {
		return "", errDraining
	}
	return "", err
}

// lastWords are what a peer gets that has not shown who it is. Where its
// message was read, an auth_fail that says why comes before the close frame,
// which then tells only whether it is the peer's fault or ours.
func lastWords(err error) (last *ending, before []byte) {
	if broken, ok := errors.AsType[*ending](err); ok {
		return broken, nil
	}
	p := refusalOf(err).problem
	last, ok := endingOf(err)
	if !ok || p.Status < http.StatusInternalServerError && p != problem.RateLimited {
		last = &ending{code: 4001, text: failed}
	}
	return last, wsframe.Append(nil, wsframe.Text, fail(p), nil)
}
