package ws_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wsticket/gate"
	"wsticket/live"
	"wsticket/ticket"
)

// late revokes the user in the gap between the redemption and the 101.
type late struct {
	gate.Redeemer
	registry **live.Registry
}

func (l late) Redeem(ctx context.Context, token ticket.Token, p ticket.Presentation) (ticket.Grant, error) {
	grant, err := l.Redeemer.Redeem(ctx, token, p)
	if err == nil {
		err = (*l.registry).Revoke(ctx, ticket.Revocation{
			Selector: ticket.Selector{Issuer: grant.Identity.Issuer, Subject: grant.Identity.Subject}, Action: ticket.RevokeEnd,
		})
	}
	return grant, err
}

// A user who is revoked between the redemption and the 101 gets no 101, and the
// answer of an unknown ticket.
func TestRevokedBeforeTheUpgrade(t *testing.T) {
	var registry *live.Registry
	f := newFixture(t, func(s *setup) { s.gate.Redeemer = late{s.gate.Redeemer, &registry} })
	registry = f.live
	unknown := f.send(t, request("GET /ws?ticket="+wellFormed+" HTTP/1.1"))
	got := f.send(t, request("GET /ws?ticket="+f.issue(nil).Token.Reveal()+" HTTP/1.1"))
	if got.StatusCode != http.StatusUnauthorized || got.Header.Get("Www-Authenticate") != unknown.Header.Get("Www-Authenticate") || got.ContentLength != unknown.ContentLength {
		t.Errorf("status %d %v, want that of an unknown ticket: %d %v", got.StatusCode, got.Header, unknown.StatusCode, unknown.Header)
	}
	f.answered(t, "voided")
	if f.events.Has(ticket.Event{Kind: ticket.EventConnect}) {
		t.Error("somebody got in")
	}
}

// A revocation closes a connection that is open with the code of its action.
func TestRevokedWhileOpen(t *testing.T) {
	f := newFixture(t, nil)
	for action, code := range map[ticket.RevocationAction]websocket.StatusCode{ticket.RevokeEnd: 4003, ticket.RevokeRecheck: 4008} {
		made := f.issue(nil)
		conn, _, err := f.dial(t.Context(), "?ticket="+made.Token.Reveal(), websocket.DialOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := conn.Read(t.Context()); err != nil {
			t.Fatalf("the greeting: %v", err)
		}
		if err := f.live.Revoke(t.Context(), ticket.Revocation{Selector: ticket.Selector{TicketID: made.ID}, Action: action}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, _, err := conn.Read(ctx); websocket.CloseStatus(err) != code {
			t.Errorf("%s: closed with %v, want %d", action, err, code)
		}
		_ = conn.CloseNow()
	}
}
