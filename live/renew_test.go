package live_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/live"
	"wsticket/ticket"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// bearerOf returns a bearer of Alice that was issued at a minute and lives for an hour.
func bearerOf(minute int) ticket.Identity {
	who := test.Alice()
	who.IssuedAt = noon.Add(time.Duration(minute) * time.Minute)
	who.ExpiresAt = who.IssuedAt.Add(time.Hour)
	who.Scope, who.SessionID, who.TokenID = "chat.read chat.write", "s", "j"
	return who
}

// renewing is a registry at half past noon with audiences.
func renewing(t *testing.T) *bench {
	t.Helper()
	return newBench(t, live.Options{
		Now:       func() time.Time { return noon.Add(30 * time.Minute) },
		Audiences: ticket.Audiences{{Name: "chat", Scopes: []string{"chat.read"}}, {Name: "feed"}},
	})
}

// opened opens a connection with a bearer of noon and a ticket of a scope.
func (b *bench) opened(t *testing.T, id ticket.ID, scope string) *peer {
	t.Helper()
	p := &peer{polite: true}
	p.Connection = &live.Connection{
		Grant: ticket.Grant{
			ID: id, Identity: bearerOf(0), Audience: "chat", Scope: scope, Origin: "https://app.example.com",
			ConnectionExpiresAt: bearerOf(0).ExpiresAt,
		},
		Presentation: ticket.Presentation{Door: ticket.DoorQuery},
	}
	leave, _ := b.Enter()
	defer leave()
	if err := b.Add(t.Context(), p.Connection); err != nil {
		t.Fatal(err)
	}
	p.Began(t.Context())
	p.Attach(p)
	return p
}

// TestRenew: what a fresh bearer has to be, and what becomes of the connection.
func TestRenew(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule   string
		bearer func(*ticket.Identity)
		reason string
		ended  []ticket.Ending
	}{
		{"a later one", func(*ticket.Identity) {}, "ok", nil},
		{"of the same second", func(who *ticket.Identity) { who.IssuedAt = noon }, "ok", nil},
		{"with another jti and sid", func(who *ticket.Identity) { who.TokenID, who.SessionID = "j2", "s2" }, "ok", nil},
		{"with a wider scope", func(who *ticket.Identity) { who.Scope += " admin" }, "ok", nil},
		{"that ends earlier than the last one", func(who *ticket.Identity) { who.ExpiresAt = noon.Add(31 * time.Minute) }, "ok", nil},
		{"of another subject", func(who *ticket.Identity) { who.Subject = "bob" }, "not_found", nil},
		{"of another issuer", func(who *ticket.Identity) { who.Issuer += "/other" }, "not_found", nil},
		{"older than the last one", func(who *ticket.Identity) { who.IssuedAt = noon.Add(-time.Second) }, "bearer_older", nil},
		{"without iat", func(who *ticket.Identity) { who.IssuedAt = time.Time{} }, "bearer_older", nil},
		{"that has expired", func(who *ticket.Identity) { who.ExpiresAt = noon.Add(30 * time.Minute) }, "bearer_expired", nil},
		{"without an end", func(who *ticket.Identity) { who.ExpiresAt = time.Time{} }, "bearer_expired", nil},
		{"without the scope of the ticket", func(who *ticket.Identity) { who.Scope = "chat.read" }, "insufficient_scope", []ticket.Ending{ticket.EndRecheck}},
		{"without the scope of the audience", func(who *ticket.Identity) { who.Scope = "chat.write" }, "insufficient_scope", []ticket.Ending{ticket.EndRecheck}},
	} {
		b := renewing(t)
		p := b.opened(t, "one", "chat.read chat.write")
		fresh := bearerOf(20)
		row.bearer(&fresh)
		until, err := b.Renew(ticket.WithRequest(t.Context(), ticket.RequestInfo{ID: "renewal"}), "one", fresh)
		if got := ticket.Reason(err); got != row.reason {
			t.Errorf("%s: got %v, want %s", row.rule, err, row.reason)
		}
		want := time.Time{}
		if row.reason == "ok" {
			want = fresh.ExpiresAt
		}
		if !until.Equal(want) {
			t.Errorf("%s: got until %s, want %s", row.rule, until, want)
		}
		if got := p.endings(); !slices.Equal(got, row.ended) {
			t.Errorf("%s: ended with %v, want %v", row.rule, got, row.ended)
		}
		kind := ticket.EventRenew
		if err != nil {
			kind = ticket.EventRefuse
		}
		e, ok := b.events.Find(test.Kind(kind))
		if !ok || e.Action != ticket.ActionRenew || e.TicketID != "one" || e.Reason != row.reason || e.Request.ID != "renewal" || e.Identity.Subject != fresh.Subject {
			t.Errorf("%s: got event %+v, want %s of the renewal", row.rule, e, kind)
		}
		p.leave(1000)
	}
}

// TestRenewKeepsWhatTheApplicationKnows: claims, scope, audience and origin stay, and
// everything by which a revocation finds the connection is the fresh bearer's.
func TestRenewKeepsWhatTheApplicationKnows(t *testing.T) {
	t.Parallel()
	b := renewing(t)
	p := b.opened(t, "one", "chat.read")
	fresh := bearerOf(20)
	fresh.TokenID, fresh.SessionID, fresh.Claims = "j2", "s2", map[string]any{"email": "new@example.com"}
	if _, err := b.Renew(t.Context(), "one", fresh); err != nil {
		t.Fatal(err)
	}
	g, old := p.Grant, bearerOf(0)
	if g.ID != "one" || g.Scope != "chat.read" || g.Audience != "chat" || g.Origin != "https://app.example.com" || len(g.Identity.Claims) != len(old.Claims) || g.Identity.Claims["email"] == "new@example.com" {
		t.Errorf("got %+v, want what the application was told", g)
	}
	if g.Identity.TokenID != "j2" || g.Identity.SessionID != "s2" || !g.Identity.IssuedAt.Equal(fresh.IssuedAt) || !g.ConnectionExpiresAt.Equal(fresh.ExpiresAt) {
		t.Errorf("got %+v, want the fresh bearer's iat, jti, sid and end", g)
	}
	for _, row := range []struct {
		rule   string
		before ticket.Revocation
		ended  int
	}{
		{"its first jti", ticket.Revocation{Selector: ticket.Selector{Issuer: old.Issuer, TokenID: "j"}, Before: noon.Add(30 * time.Minute)}, 0},
		{"its first sid", ticket.Revocation{Selector: ticket.Selector{Issuer: old.Issuer, SessionID: "s"}, Before: noon.Add(30 * time.Minute)}, 0},
		{"the user, before the renewal", ticket.Revocation{Selector: ticket.Selector{Issuer: old.Issuer, Subject: old.Subject}, Before: noon.Add(10 * time.Minute)}, 0},
		{"its jti", ticket.Revocation{Selector: ticket.Selector{Issuer: old.Issuer, TokenID: "j2"}, Before: noon.Add(30 * time.Minute)}, 1},
	} {
		row.before.Action, row.before.At, row.before.ExpiresAt = ticket.RevokeEnd, noon.Add(30*time.Minute), noon.Add(2*time.Hour)
		if err := b.Revoke(t.Context(), row.before); err != nil {
			t.Fatalf("%s: %v", row.rule, err)
		}
		if got := len(p.endings()); got != row.ended {
			t.Errorf("%s: ended %d times, want %d", row.rule, got, row.ended)
		}
	}
}

// TestRenewNothing: connections that are unknown, closing or closed are not renewed.
func TestRenewNothing(t *testing.T) {
	t.Parallel()
	b := renewing(t)
	closing, closed := b.opened(t, "closing", ""), b.opened(t, "closed", "")
	closing.polite = false
	closing.Connection.End(ticket.EndExpired)
	closed.leave(1000)
	for _, id := range []ticket.ID{"unknown", "closing", "closed"} {
		if _, err := b.Renew(t.Context(), id, bearerOf(20)); !errors.Is(err, ticket.ErrNotFound) {
			t.Errorf("%s: got %v, want ErrNotFound", id, err)
		}
	}
	closing.leave(1006)
}

// TestRenewRevoked: a revocation of the fresh bearer ends the connection in both
// orders, however the two calls interleave.
func TestRenewRevoked(t *testing.T) {
	t.Parallel()
	fresh := bearerOf(20)
	fresh.TokenID = "j2"
	revocation := ticket.Revocation{
		Selector: ticket.Selector{Issuer: fresh.Issuer, TokenID: "j2"}, Before: noon.Add(30 * time.Minute), Action: ticket.RevokeRecheck,
		At: noon.Add(30 * time.Minute), ExpiresAt: noon.Add(2 * time.Hour),
	}
	for range 500 {
		b := renewing(t)
		p := b.opened(t, "one", "")
		var both sync.WaitGroup
		both.Go(func() { _, _ = b.Renew(context.Background(), "one", fresh) })
		both.Go(func() { _ = b.Revoke(context.Background(), revocation) })
		both.Wait()
		// If the revocation was there first, the renewal may have been refused before.
		_, err := b.Renew(t.Context(), "one", fresh)
		if got := p.endings(); len(got) == 0 || got[0] != ticket.EndRecheck {
			t.Fatalf("ended with %v (then %v), want EndRecheck", got, err)
		}
		p.leave(1000)
	}
}

// TestRenewTogether: of renewals at once the latest bearer stays.
func TestRenewTogether(t *testing.T) {
	t.Parallel()
	b := renewing(t)
	p := b.opened(t, "one", "")
	var all sync.WaitGroup
	for minute := range 30 {
		all.Go(func() {
			if _, err := b.Renew(context.Background(), "one", bearerOf(minute)); err != nil && ticket.Reason(err) != "bearer_older" {
				t.Errorf("minute %d: %v", minute, err)
			}
		})
	}
	all.Wait()
	if got := p.Grant.ConnectionExpiresAt; !got.Equal(bearerOf(29).ExpiresAt) {
		t.Errorf("got until %s, want the end of the latest bearer", got)
	}
	p.leave(1000)
}
