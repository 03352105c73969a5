package ticket_test

import (
	"errors"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/ticket"
)

func TestIntrospectChangesNothing(t *testing.T) {
	const app = "https://app.example.com"
	b := newBench(t, ticket.Options{Audiences: ticket.Audiences{{Name: "chat"}, {Name: "feed"}}})
	issued := b.mustIssue(t, ticket.Request{Identity: test.Alice(), Audience: "feed", Origin: app})
	before := len(b.events.All())
	for range 3 {
		grant, err := b.Introspect(t.Context(), issued.Token)
		if err != nil || grant.ID != issued.ID || grant.Audience != "feed" || grant.Origin != app || grant.Identity.Subject != "alice" {
			t.Errorf("Introspect = %+v, %v, want the grant", grant, err)
		}
	}
	if len(b.events.All()) != before {
		t.Errorf("got %d events, want none", len(b.events.All())-before)
	}
	if _, err := b.Redeem(t.Context(), issued.Token, ticket.Presentation{Audience: "feed", Origin: app}); err != nil {
		t.Errorf("Redeem after it = %v, want the grant", err)
	}
}

func TestIntrospectSaysWhatRedeemWould(t *testing.T) {
	b := newBench(t, ticket.Options{})
	other := mustNew(t, ticket.Options{Store: b.store})
	for _, row := range []struct {
		rule string
		do   func(ticket.Ticket)
		want error
	}{
		{"redeemed", func(i ticket.Ticket) { _, _ = b.Redeem(t.Context(), i.Token, ticket.Presentation{}) }, ticket.ErrSpent},
		{"refused", func(i ticket.Ticket) {
			_, _ = b.Redeem(t.Context(), i.Token, ticket.Presentation{Audience: "other"})
		}, ticket.ErrSpent},
		{"revoked", func(i ticket.Ticket) { _ = b.Revoke(t.Context(), i.ID, test.Alice()) }, ticket.ErrRevoked},
		{"past its time by our clock", func(i ticket.Ticket) { b.advance(i.Lifetime) }, ticket.ErrExpired},
	} {
		issued := b.mustIssue(t, ticket.Request{Identity: test.Alice()})
		row.do(issued)
		if grant, err := b.Introspect(t.Context(), issued.Token); !errors.Is(err, row.want) || grant.ID != "" {
			t.Errorf("%s: Introspect = %+v, %v, want %v", row.rule, grant, err, row.want)
		}
		b.offset.Store(0)
	}
	issued := b.mustIssue(t, ticket.Request{Identity: test.Alice()})
	if _, err := other.Introspect(t.Context(), issued.Token); !errors.Is(err, ticket.ErrCorrupt) {
		t.Errorf("under another seal key: %v, want ErrCorrupt", err)
	}
	unknown, err := ticket.ParseToken("wst1_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh81JhHht")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Introspect(t.Context(), unknown); !errors.Is(err, ticket.ErrNotFound) {
		t.Errorf("unknown: %v, want ErrNotFound", err)
	}
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Introspect(t.Context(), issued.Token); err == nil {
		t.Error("a store that is closed: got a grant, want an error")
	}
}

func TestGrantOfABearer(t *testing.T) {
	who := test.Alice()
	grant, err := ticket.GrantOf(who, "chat", who.ExpiresAt.Add(-time.Millisecond))
	if err != nil || grant.ID == "" || grant.Identity.Subject != "alice" || grant.Audience != "chat" ||
		grant.Scope != who.Scope || grant.Origin != "" || !grant.ConnectionExpiresAt.Equal(who.ExpiresAt) {
		t.Errorf("GrantOf = %+v, %v", grant, err)
	}
	if grant, err := ticket.GrantOf(who, "chat", who.ExpiresAt); !errors.Is(err, ticket.ErrInvalidBearer) || ticket.Reason(err) != "bearer_expired" || grant.ID != "" {
		t.Errorf("at its end: GrantOf = %+v, %v, want ErrInvalidBearer", grant, err)
	}
}
