package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"wsticket/ticket"
)

// renewTimeout bounds the question to the other processes.
const renewTimeout = 2 * time.Second

// olderBearer is an [ticket.ErrInvalidBearer] that was issued before the one that the
// connection has.
type olderBearer struct{}

func (olderBearer) Error() string  { return "bearer is older than that of the connection" }
func (olderBearer) Reason() string { return "bearer_older" }
func (olderBearer) Unwrap() error  { return ticket.ErrInvalidBearer }

var errOlder = ticket.WithDetail(olderBearer{}, "bearer: issued before the one that the connection has; fetch a fresh one")

// Renew moves the deadline of a connection to the end of a fresh bearer of the same
// user, wherever the connection is, and returns the new deadline. The connection has
// the iat, jti, sid and scope of that bearer from then on; its claims stay those that
// the application was told.
//
// The error wraps [ticket.ErrNotFound] for connections that are unknown, somebody
// else's or closed, [ticket.ErrInvalidBearer] for a bearer that has expired, is
// revoked, or is older than the one that the connection has, and
// [ticket.ErrUnavailable] if it is not known whether the connection is renewed. With
// [ticket.ErrInsufficientScope] the bearer no longer has the scope of the connection, or
// may not have its audience: then the connection is ended, with [ticket.EndRecheck].
func (r *Registry) Renew(ctx context.Context, id ticket.ID, who ticket.Identity) (until time.Time, err error) {
	start := r.o.Now()
	if until, err = r.renewHere(ctx, id, who); errors.Is(err, ticket.ErrNotFound) {
		until, err = r.renewElsewhere(ctx, id, who)
	}
	e := ticket.Event{
		Kind: ticket.EventRenew, Action: ticket.ActionRenew, At: start, Duration: r.o.Now().Sub(start),
		Request: ticket.RequestOf(ctx), TicketID: id, Identity: who, Reason: ticket.Reason(err), Attrs: ticket.AttrsOf(err), Err: err,
	}
	if err != nil {
		e.Kind = ticket.EventRefuse
		r.o.Events.Emit(ctx, e)
		return time.Time{}, fmt.Errorf("renew: %w", err)
	}
	e.Attrs = []slog.Attr{slog.Time("connection_expires_at", until)}
	r.o.Events.Emit(ctx, e)
	return until, nil
}

// renewHere is Renew for a connection of this process.
func (r *Registry) renewHere(ctx context.Context, id ticket.ID, who ticket.Identity) (time.Time, error) {
	c, grant, err := r.replaceGrant(id, func(had ticket.Grant) (ticket.Grant, error) { return r.renewed(had, who) })
	if errors.Is(err, ticket.ErrInsufficientScope) {
		c.End(ticket.EndRecheck)
	}
	if err != nil {
		return time.Time{}, err
	}
	r.keepSession(c, who.Cookies)
	// A revocation that came before the connection had the new bearer has not found it.
	err = r.Check(ctx, grant)
	if errors.Is(err, ticket.ErrBearerRevoked) {
		c.End(endingOf(err))
	}
	if err == nil {
		c.renewed(grant)
	}
	return grant.ConnectionExpiresAt, err
}

// renewed tells an Ender that others have to hear of a renewal.
func (c *Connection) renewed(g ticket.Grant) {
	c.mu.Lock()
	e, ok := c.ender.(renewedEnder)
	c.mu.Unlock()
	if ok {
		e.Renewed(g)
	}
}

// endingOf returns how the revocation ends connections that [Registry.Check] has found.
func endingOf(err error) ticket.Ending {
	for _, attr := range ticket.AttrsOf(err) {
		if attr.Key == actionKey {
			return ticket.RevocationAction(attr.Value.String()).Ending()
		}
	}
	return ticket.EndRevoked
}

// renewed returns the grant of a connection for a fresh bearer. Only its scope and
// its audience are compared: the application was told them.
func (r *Registry) renewed(had ticket.Grant, who ticket.Identity) (ticket.Grant, error) {
	switch old := had.Identity; {
	case who.Issuer != old.Issuer || who.Subject != old.Subject:
		return ticket.Grant{}, fmt.Errorf("another user's: %w", ticket.ErrNotFound)
	case who.IssuedAt.Before(old.IssuedAt):
		return ticket.Grant{}, ticket.WithAttrs(errOlder, slog.Time("iat", who.IssuedAt), slog.Time("had_iat", old.IssuedAt))
	}
	fresh, err := ticket.GrantOf(who, had.Audience, r.o.Now()) // which refuses what has no end
	if err != nil {
		return ticket.Grant{}, err
	}
	if err := r.permit(had, who); err != nil {
		return ticket.Grant{}, err
	}
	fresh.ID, fresh.Scope, fresh.Origin = had.ID, had.Scope, had.Origin
	fresh.Identity.Claims, fresh.Identity.Cookies = had.Identity.Claims, ticket.Bearer{}
	return fresh, nil
}

// permit returns nil if an identity may have what was granted.
func (r *Registry) permit(had ticket.Grant, who ticket.Identity) error {
	if audience, ok := r.settings.Load().audiences.Find(had.Audience); ok {
		if err := audience.Permit(who); err != nil {
			return err
		}
	}
	held := strings.Fields(who.Scope)
	for scope := range strings.FieldsSeq(had.Scope) {
		if !slices.Contains(held, scope) {
			err := ticket.WithAttrs(ticket.ErrInsufficientScope, slog.String("needs", scope), slog.String("scope", who.Scope))
			return ticket.WithDetail(err, "bearer: no longer has the scope of the connection")
		}
	}
	return nil
}

// renewal asks the process that has a connection to renew it.
type renewal struct {
	ID       ticket.ID       `json:"id"`
	Identity ticket.Identity `json:"identity"`
	// Cookies are the identity's, which does not encode them. The question is sealed.
	Cookies string `json:"cookies,omitempty"`
}

// renewedThere answers a renewal.
type renewedThere struct {
	Until time.Time `json:"until,omitzero"`
	// Reason is the word of the error, and Detail what the client is told.
	Reason string `json:"reason"`
	Detail string `json:"detail,omitempty"`
}

const askRenewal = "renew"

// actionKey is the attribute of an error of [Registry.Check] that has the action.
const actionKey = "action"

// renewElsewhere is Renew for a connection of another process.
func (r *Registry) renewElsewhere(ctx context.Context, id ticket.ID, who ticket.Identity) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, renewTimeout)
	defer cancel()
	who.Claims = nil // those of the connection stay
	all, err := r.ask(ctx, askRenewal, renewal{id, who, who.Cookies.Reveal()})
	if err != nil {
		return time.Time{}, err
	}
	err = ticket.ErrNotFound
	if len(all.Missing) > 0 { // one of them may have it
		err = ticket.WithAttrs(ticket.ErrUnavailable, slog.Any("missing", all.Missing))
	}
	for _, data := range all.By {
		var answer renewedThere
		if json.Unmarshal(data, &answer) == nil && answer.Reason != "" && answer.Reason != ticket.Reason(ticket.ErrNotFound) {
			return answer.Until, answer.err()
		}
	}
	return time.Time{}, err
}

// answerRenewal answers a renewal about a connection of this process.
func (r *Registry) answerRenewal(ctx context.Context, data json.RawMessage) any {
	var asked renewal
	if json.Unmarshal(data, &asked) != nil {
		return nil
	}
	if asked.Cookies != "" {
		asked.Identity.Cookies = ticket.NewBearer(asked.Cookies)
	}
	until, err := r.renewHere(ctx, asked.ID, asked.Identity)
	return renewedThere{until, ticket.Reason(err), ticket.DetailOf(err)}
}

// err returns the error that the other process had.
func (a renewedThere) err() error {
	if a.Reason == ticket.Reason(nil) {
		return nil
	}
	_, expired := ticket.GrantOf(ticket.Identity{}, "", time.Now())
	for _, err := range []error{errOlder, expired, ticket.ErrBearerRevoked, ticket.ErrInsufficientScope} {
		if ticket.Reason(err) == a.Reason {
			return ticket.WithDetail(err, a.Detail)
		}
	}
	return fmt.Errorf("in another process: %w", ticket.ErrUnavailable)
}
