package ws

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"wsticket/gate"
	"wsticket/internal/stack"
	"wsticket/ticket"
)

// renewalTimeout bounds a renewal: fetching keys, and the look at what is revoked.
const renewalTimeout = 10 * time.Second

// taker takes a text message of a client, unless it is for the application. send sends
// the client an answer.
type taker func(send func(text []byte), text []byte) bool

// renewals takes the auth messages of one connection, which renew it.
type renewals struct {
	h            *Handler
	ctx          context.Context
	id           ticket.ID
	subject      string
	presentation ticket.Presentation
	busy         atomic.Bool
}

// takesRenewals returns what takes the auth messages of a connection, nil if all
// messages are the application's: its client has not sent a first message.
func (h *Handler) takesRenewals(s *handshake) taker {
	if s.candidate.Presentation.Door != ticket.DoorFirstMessage {
		return nil
	}
	request := ticket.RequestOf(s.ctx)
	request.UserAgent = "" // which takes memory for as long as the connection lives
	r := &renewals{h: h, ctx: ticket.WithRequest(context.Background(), request), id: s.grant.ID, subject: s.grant.Identity.Subject, presentation: s.candidate.Presentation}
	return r.take
}

// take is a [taker]. Only one renewal runs at a time.
func (r *renewals) take(send func(text []byte), text []byte) bool {
	// Parsing every message of the application would be slow.
	if !bytes.Contains(text, []byte(`"auth"`)) {
		return false
	}
	token, isAuth, err := authToken(text)
	if err != nil || !isAuth {
		return false
	}
	if !r.busy.CompareAndSwap(false, true) {
		send(authFail(refusals.Of(gate.ErrLimited).Code))
		return true
	}
	go func() { // ends within renewalTimeout
		answer := r.renew(token)
		r.busy.Store(false)
		send(answer)
	}()
	return true
}

// renew renews the connection and returns the answer for the client. It runs in a
// goroutine of its own, where a panic would end the process.
func (r *renewals) renew(token string) (answer []byte) {
	defer func() {
		// Only the type, as in [Handler.run].
		if value := recover(); value != nil {
			r.h.o.Logger.ErrorContext(r.ctx, "renewal panicked", "request_id", ticket.RequestOf(r.ctx).ID,
				"ticket_id", r.id, "type", fmt.Sprintf("%T", value), "stack", stack.Frames())
			answer = authFail(codeInternal)
		}
	}()
	ctx, cancel := context.WithTimeout(r.ctx, renewalTimeout)
	defer cancel()
	who, err := r.authenticate(ctx, token)
	if err != nil {
		r.h.gate().Refused(ctx, ticket.Event{Action: ticket.ActionRenew, TicketID: r.id, Presentation: r.presentation}, err)
		return authFail(refusals.Of(err).Code)
	}
	until, err := r.h.o.Live.Renew(ctx, r.id, who)
	if err != nil {
		return authFail(refusals.Of(err).Code)
	}
	return greet("auth_ok", ticket.Grant{ID: r.id, Identity: ticket.Identity{Subject: r.subject}, ConnectionExpiresAt: until})
}

// authenticate verifies a bearer, within the limit of the client's address.
func (r *renewals) authenticate(ctx context.Context, token string) (ticket.Identity, error) {
	g := r.h.gate()
	if err := g.LimitAddress(r.presentation.ClientIP); err != nil {
		return ticket.Identity{}, err
	}
	return g.AuthenticateMessage(ctx, token)
}
