package live_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wsticket/internal/test"
	"wsticket/live"
	"wsticket/ticket"
)

var sealKeys = [][]byte{[]byte("0123456789abcdef0123456789abcdef")}

// issuers are those of the tests.
func issuers() []live.Issuer {
	return []live.Issuer{{Name: test.Issuer, Leeway: 5 * time.Second, MaxLifetime: time.Hour}}
}

// join starts a process that reads the stream until the test ends.
func join(ctx context.Context, t *testing.T, stream ticket.Stream, edit func(*live.Options)) *bench {
	t.Helper()
	o := live.Options{Issuers: issuers(), Stream: stream, SealKeys: sealKeys, DrainWindow: -1}
	if edit != nil {
		edit(&o)
	}
	b := newBench(t, o)
	if err := b.Sync(ctx); err != nil {
		t.Fatalf("Sync: %v", err)
	}
	go b.Follow(ctx) // ends with ctx
	return b
}

// of returns the grant of a bearer of a user that was issued at a time.
func of(subject string, issued time.Time) ticket.Grant {
	return ticket.Grant{
		ID: ticket.NewID(), Audience: "default",
		Identity: ticket.Identity{Issuer: test.Issuer, Subject: subject, SessionID: "s-" + subject, TokenID: "j-" + subject, IssuedAt: issued},
	}
}

// connect opens a connection of a grant.
func (b *bench) connect(t *testing.T, g ticket.Grant) *peer {
	t.Helper()
	p := &peer{polite: true, Connection: &live.Connection{Grant: g}}
	if err := b.Add(t.Context(), p.Connection); err != nil {
		t.Fatalf("Add: %v", err)
	}
	p.Attach(p)
	return p
}

func isRevoked(err error) bool { return errors.Is(err, ticket.ErrBearerRevoked) }

// Each way to name something reaches what it names, and nothing else.
func TestRevocationsBySelector(t *testing.T) {
	t.Parallel()
	old := time.Now().Add(-time.Minute)
	alice, bob := of("alice", old), of("bob", old)
	other := alice
	other.ID, other.Identity.Issuer = ticket.NewID(), "https://other.example.com"
	late, unknown := of("alice", time.Now().Add(time.Minute)), of("alice", time.Time{})
	for name, row := range map[string]struct {
		selector ticket.Selector
		hits     []ticket.Grant
		misses   []ticket.Grant
	}{
		"user":    {ticket.Selector{Issuer: test.Issuer, Subject: "alice"}, []ticket.Grant{alice, unknown}, []ticket.Grant{bob, other, late}},
		"session": {ticket.Selector{SessionID: "s-alice"}, []ticket.Grant{alice, unknown}, []ticket.Grant{bob, other, late}},
		"bearer":  {ticket.Selector{TokenID: "j-alice"}, []ticket.Grant{alice, unknown}, []ticket.Grant{bob, other, late}},
		"issuer":  {ticket.Selector{Issuer: test.Issuer}, []ticket.Grant{alice, bob, unknown}, []ticket.Grant{other, late}},
		"ticket":  {ticket.Selector{TicketID: late.ID}, []ticket.Grant{late}, []ticket.Grant{alice, bob, other}},
	} {
		for action, code := range map[ticket.RevocationAction]uint16{ticket.RevokeEnd: 4003, ticket.RevokeRecheck: 4008} {
			b := newBench(t, live.Options{Issuers: issuers()})
			peers := map[ticket.ID]*peer{}
			for _, g := range append(row.hits, row.misses...) {
				peers[g.ID] = b.connect(t, g)
			}
			if err := b.Revoke(t.Context(), ticket.Revocation{Selector: row.selector, Action: action}); err != nil {
				t.Fatalf("%s: Revoke: %v", name, err)
			}
			for _, g := range row.hits {
				if ended := peers[g.ID].endings(); len(ended) != 1 || ended[0].Code != code || !strings.HasPrefix(ended[0].Reason, "wsticket:") {
					t.Errorf("%s, %s: ended with %v, want %d once", name, action, ended, code)
				}
				if err := b.Check(t.Context(), g); !isRevoked(err) {
					t.Errorf("%s: Check = %v, want %v", name, err, ticket.ErrBearerRevoked)
				}
				if err := b.Add(t.Context(), &live.Connection{Grant: g}); !isRevoked(err) {
					t.Errorf("%s: Add = %v, want %v", name, err, ticket.ErrBearerRevoked)
				}
			}
			for _, g := range row.misses {
				if ended := peers[g.ID].endings(); len(ended) != 0 {
					t.Errorf("%s: another one is ended with %v", name, ended)
				}
				if err := b.Check(t.Context(), g); err != nil {
					t.Errorf("%s: Check of another one = %v, want nil", name, err)
				}
				peers[g.ID].leave(1000)
			}
			if got := b.RevocationStats(); got.Active != 1 || got.Ended[action] != len(row.hits) {
				t.Errorf("%s: stats %+v, want %d ended", name, got, len(row.hits))
			}
			if err := b.Shutdown(t.Context()); err != nil {
				t.Errorf("%s: Shutdown: %v: a refused connection is still counted", name, err)
			}
		}
	}
}

// What cannot be meant is refused, says what to change, and does nothing.
func TestRevocationsThatAreRefused(t *testing.T) {
	t.Parallel()
	now := time.Now()
	two := append(issuers(), live.Issuer{Name: "https://two.example.com", MaxLifetime: time.Minute})
	alice := ticket.Selector{Issuer: test.Issuer, Subject: "alice"}
	for rule, row := range map[string]struct {
		v      ticket.Revocation
		member string
	}{
		"in the future":          {ticket.Revocation{Selector: alice, Before: now.Add(time.Minute), Action: ticket.RevokeEnd}, "before"},
		"older than any bearer":  {ticket.Revocation{Selector: alice, Before: now.Add(-61 * time.Minute), Action: ticket.RevokeEnd}, "before"},
		"older than any of two":  {ticket.Revocation{Selector: ticket.Selector{Issuer: two[1].Name, Subject: "a"}, Before: now.Add(-2 * time.Minute), Action: ticket.RevokeEnd}, "before"},
		"no issuer of two":       {ticket.Revocation{Selector: ticket.Selector{Subject: "alice"}, Action: ticket.RevokeEnd}, "iss"},
		"another issuer":         {ticket.Revocation{Selector: ticket.Selector{Issuer: "https://evil.example.com", Subject: "alice"}, Action: ticket.RevokeEnd}, "iss"},
		"nothing at all":         {ticket.Revocation{Action: ticket.RevokeEnd}, "iss"},
		"a user and a session":   {ticket.Revocation{Selector: ticket.Selector{Issuer: test.Issuer, Subject: "a", SessionID: "s"}, Action: ticket.RevokeEnd}, "sub"},
		"an issuer and a ticket": {ticket.Revocation{Selector: ticket.Selector{Issuer: test.Issuer, TicketID: ticket.NewID()}, Action: ticket.RevokeEnd}, "iss"},
		"too large":              {ticket.Revocation{Selector: ticket.Selector{Issuer: test.Issuer, SessionID: strings.Repeat("s", 1025)}, Action: ticket.RevokeEnd}, "sid"},
		"a line break":           {ticket.Revocation{Selector: ticket.Selector{Issuer: test.Issuer, TokenID: "a\nb"}, Action: ticket.RevokeEnd}, "jti"},
		"more than one fault":    {ticket.Revocation{Selector: ticket.Selector{Issuer: test.Issuer, Subject: "a\nb", SessionID: "a\nb", TokenID: "a\nb"}, Action: ticket.RevokeEnd}, "sub"},
		"no action":              {ticket.Revocation{Selector: alice}, "action"},
		"an invented action":     {ticket.Revocation{Selector: alice, Action: "kill"}, "action"},
		"to replace a user":      {ticket.Revocation{Selector: alice, Action: ticket.RevokeReplace}, "action"},
		"a long reason":          {ticket.Revocation{Selector: alice, Action: ticket.RevokeEnd, Reason: strings.Repeat("r", 201)}, "reason"},
	} {
		b := newBench(t, live.Options{Issuers: two})
		good := ticket.Revocation{Selector: ticket.Selector{Issuer: test.Issuer, Subject: "bob"}, Action: ticket.RevokeEnd}
		err := b.Revoke(t.Context(), good, row.v)
		if !errors.Is(err, ticket.ErrInvalidRequest) || !strings.HasPrefix(ticket.DetailOf(err), row.member+": ") {
			t.Errorf("%s: Revoke = %v (%s), want a fault of %s", rule, err, ticket.DetailOf(err), row.member)
		}
		if got := b.RevocationStats().Active; got != 0 {
			t.Errorf("%s: %d are active, want none: one of them is wrong", rule, got)
		}
		if b.events.Count(ticket.EventRevoke) != 0 || !b.events.Has(ticket.Event{Kind: ticket.EventRefuse, Action: ticket.ActionRevocation}) {
			t.Errorf("%s: events %+v, want that it is refused", rule, b.events.All())
		}
	}
}

func TestPrepareFillsIn(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 12, 0, 0, 123456789, time.UTC)
	b := newBench(t, live.Options{Issuers: issuers(), Now: func() time.Time { return now }})
	v, err := b.Prepare(ticket.Revocation{Selector: ticket.Selector{Subject: "alice"}, Action: ticket.RevokeEnd})
	if err != nil {
		t.Fatal(err)
	}
	ms := now.Truncate(time.Millisecond)
	if v.Issuer != test.Issuer || v.ID == "" || !v.At.Equal(ms) || !v.Before.Equal(ms.Add(5*time.Second)) || v.ExpiresAt.Before(v.Before.Add(time.Hour)) {
		t.Errorf("prepared %+v, want the issuer, an ID, now, 5 s later, and more than an hour later", v)
	}
	if again, err := b.Prepare(v); err != nil || again != v {
		t.Errorf("prepared again %+v, %v, want the same", again, err)
	}
	any := newBench(t, live.Options{})
	if v, err = any.Prepare(ticket.Revocation{Selector: ticket.Selector{Issuer: "https://any.example.com"}, Action: ticket.RevokeEnd}); err != nil || v.ExpiresAt.Sub(v.At) < 24*time.Hour {
		t.Errorf("without issuers: %+v, %v, want a day", v, err)
	}
}

// Ten thousand identical ones take one place, and all of them expire.
func TestRevocationsTakeLittleRoomAndExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, live.Options{Issuers: issuers()})
		alice := of("alice", time.Now())
		for range 10_000 {
			if err := b.Revoke(t.Context(), ticket.Revocation{Selector: ticket.Selector{Subject: "alice"}, Action: ticket.RevokeEnd}); err != nil {
				t.Fatal(err)
			}
		}
		// With another action, and one that says less.
		for _, v := range []ticket.Revocation{
			{Selector: ticket.Selector{Subject: "alice"}, Action: ticket.RevokeRecheck},
			{Selector: ticket.Selector{Subject: "alice"}, Action: ticket.RevokeEnd, Before: time.Now().Add(-time.Minute)},
		} {
			if err := b.Revoke(t.Context(), v); err != nil {
				t.Fatal(err)
			}
		}
		if got := b.RevocationStats().Active; got != 1 {
			t.Errorf("%d entries, want 1", got)
		}
		err := b.Check(t.Context(), alice)
		if !isRevoked(err) || !strings.Contains(fmt.Sprint(ticket.AttrsOf(err)), "action=end") {
			t.Errorf("Check = %v %v, want that the strongest action counts", err, ticket.AttrsOf(err))
		}
		<-time.After(30 * time.Minute)
		if err := b.Revoke(t.Context(), ticket.Revocation{Selector: ticket.Selector{Subject: "alice"}, Action: ticket.RevokeEnd}); err != nil {
			t.Fatal(err)
		}
		<-time.After(40 * time.Minute)
		if got := b.RevocationStats().Active; got != 1 {
			t.Errorf("%d entries after the first has expired, want the second", got)
		}
		<-time.After(time.Hour)
		if got := b.RevocationStats().Active; got != 0 {
			t.Errorf("%d entries at the end, want none", got)
		}
	})
}

// The set has a bound. What does not fit ends what is open, and the caller is told.
func TestRevocationsAreBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t, live.Options{Issuers: issuers(), MaxRevocations: 2})
	revoke := func(subject string) error {
		return b.Revoke(t.Context(), ticket.Revocation{Selector: ticket.Selector{Subject: subject}, Action: ticket.RevokeEnd})
	}
	carol := b.connect(t, of("carol", time.Now()))
	for _, row := range []struct {
		subject string
		want    error
	}{{"alice", nil}, {"bob", nil}, {"carol", ticket.ErrFull}, {"alice", nil}} {
		if err := revoke(row.subject); !errors.Is(err, row.want) {
			t.Errorf("%s: Revoke = %v, want %v", row.subject, err, row.want)
		}
	}
	if len(carol.endings()) != 1 {
		t.Error("the connection of the third one is open, want that it is ended")
	}
}

// The event names who was revoked, and the log line does not.
func TestRevocationIsAnEvent(t *testing.T) {
	t.Parallel()
	b := newBench(t, live.Options{Issuers: issuers()})
	var log strings.Builder
	sink := ticket.LogSink(slog.New(slog.NewTextHandler(&log, nil)))
	ctx := ticket.WithRequest(t.Context(), ticket.RequestInfo{ID: "r-1", Caller: "key:ops"})
	if err := b.Revoke(ctx, ticket.Revocation{Selector: ticket.Selector{Subject: "alice"}, Action: ticket.RevokeEnd, Source: "api", Reason: "disabled\u202e"}); err != nil {
		t.Fatal(err)
	}
	e := b.events.All()[0]
	if e.Kind != ticket.EventRevoke || e.Revocation == nil || e.Identity.Subject != "alice" || e.Request.Caller != "key:ops" {
		t.Fatalf("event %+v, want the revocation", e)
	}
	sink(t.Context(), e)
	line := log.String()
	if strings.Contains(line, "alice") || strings.Contains(line, "\u202e") {
		t.Errorf("the line names a user, or has a character that hides others: %s", line)
	}
	for _, part := range []string{"msg=revocation", "by=sub", "action=end", "source=api", "why=disabled", "caller=key:ops", "revocation=" + e.Revocation.ID} {
		if !strings.Contains(line, part) {
			t.Errorf("%q is not in the line %s", part, line)
		}
	}
}
