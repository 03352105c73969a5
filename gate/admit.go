package gate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wsticket/internal/accesslog"
	"wsticket/ticket"
)

// admitTimeout bounds redemption and authentication. Their own time-outs are
// shorter; this one is for implementations that have none.
const admitTimeout = 5 * time.Second

// Admit redeems the ticket, or verifies the bearer or session, and returns the
// grant. After it a ticket is spent, whatever the result, so nothing that can
// be checked before may refuse the handshake after it. A result that does not
// come in 5 s is [ticket.ErrUnavailable]. Whose credential is good may be beyond
// Options.HandshakeLimit: that is a [*LimitError].
func (g *Gate) Admit(ctx context.Context, c Candidate) (ticket.Grant, error) {
	start := g.o.Now()
	ctx, cancel := context.WithTimeout(ctx, admitTimeout)
	defer cancel()
	grant, err := g.admit(ctx, c)
	if errors.Is(err, context.DeadlineExceeded) {
		// Nothing is known about the ticket then.
		err = fmt.Errorf("%w: %w", ticket.ErrUnavailable, err)
	}
	if err == nil {
		err = g.limitHandshake(grant.Identity)
	}
	if err == nil && c.credential.kind != kindTicket {
		err = g.admitted(ctx, grant, c.Presentation, start)
	}
	if err != nil && (c.credential.kind != kindTicket || errors.Is(err, ErrLimited)) {
		g.Refused(ctx, ticket.Event{
			Action: ticket.ActionAuthenticate, TicketID: grant.ID, Identity: grant.Identity, Presentation: c.Presentation,
		}, err)
	}
	if grant.ID != "" {
		note := accesslog.NoteOf(ctx)
		note.TicketID, note.Issuer, note.Subject = string(grant.ID), grant.Identity.Issuer, grant.Identity.Subject
	}
	if err != nil {
		return ticket.Grant{}, err
	}
	return grant, nil
}

// admitted emits the event of an admission by a bearer or a session, after the Keeper, if
// there is one, has stored it. That of a ticket is its redemption.
func (g *Gate) admitted(ctx context.Context, grant ticket.Grant, p ticket.Presentation, start time.Time) error {
	e := ticket.Event{
		Kind: ticket.EventAdmit, Action: ticket.ActionAuthenticate, At: start, Duration: g.o.Now().Sub(start),
		Request: ticket.RequestOf(ctx), TicketID: grant.ID, Identity: grant.Identity, Presentation: p, Reason: ticket.Reason(nil),
	}
	if err := e.Keep(ctx, g.o.Keeper); err != nil {
		return fmt.Errorf("admit: %w", err)
	}
	g.o.Events.Emit(ctx, e)
	return nil
}

// limitHandshake counts a handshake of a user with Options.HandshakeLimit.
func (g *Gate) limitHandshake(who ticket.Identity) error {
	return LimitedBy("limits.handshakes_per_subject", Limit(g.o.HandshakeLimit, who.Issuer+"\x00"+who.Subject))
}

func (g *Gate) admit(ctx context.Context, c Candidate) (ticket.Grant, error) {
	if c.credential.kind == kindTicket {
		return g.Redeem(ctx, c.token, c.Presentation)
	}
	return g.authenticate(ctx, c)
}

// Redeem spends a ticket that was presented in another way than by a handshake.
func (g *Gate) Redeem(ctx context.Context, token ticket.Token, p ticket.Presentation) (ticket.Grant, error) {
	grant, err := g.o.Redeemer.Redeem(ctx, token, p)
	if err != nil {
		return ticket.Grant{}, fmt.Errorf("redeem: %w", err)
	}
	return grant, nil
}

// authenticate makes a grant from a bearer or a session.
func (g *Gate) authenticate(ctx context.Context, c Candidate) (ticket.Grant, error) {
	verify := g.AuthenticateBearer
	if c.credential.kind == kindSession {
		verify = g.AuthenticateSession
	}
	if request := ticket.RequestOf(ctx); !request.ClientIP.IsValid() {
		request.ClientIP = c.Presentation.ClientIP
		ctx = ticket.WithRequest(ctx, request)
	}
	identity, err := verify(ctx, ticket.NewBearer(c.credential.text))
	if err != nil {
		return ticket.Grant{}, fmt.Errorf("authenticate: %w", err)
	}
	if err := g.permit(identity, c.Presentation.Audience); err != nil {
		return ticket.Grant{}, fmt.Errorf("authenticate: %w", err)
	}
	return ticket.GrantOf(identity, c.Presentation.Audience, g.o.Now())
}
