package ticket_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/store/memstore"
	"wsticket/ticket"
)

func TestTheSameAttemptMayComeAgain(t *testing.T) {
	b := newBench(t, ticket.Options{RetryWindow: 2 * time.Second})
	issued := b.mustIssue(t, ticket.Request{Identity: test.Alice()})
	for n := range 3 {
		grant, err := b.Redeem(t.Context(), issued.Token, ticket.Presentation{Attempt: "a"})
		if err != nil || grant.Identity.Subject != "alice" || grant.ID != issued.ID {
			t.Fatalf("attempt %d = %+v, %v, want the same grant", n, grant, err)
		}
		if e := b.last(t); e.Kind != ticket.EventRedeem || e.Retried != (n > 0) {
			t.Errorf("attempt %d is the event %+v", n, e)
		}
	}
	for _, other := range []string{"b", "", "A"} {
		if _, err := b.Redeem(t.Context(), issued.Token, ticket.Presentation{Attempt: other}); !errors.Is(err, ticket.ErrSpent) {
			t.Errorf("attempt %q = %v, want ErrSpent", other, err)
		}
	}
	b.advance(2001 * time.Millisecond)
	if _, err := b.Redeem(t.Context(), issued.Token, ticket.Presentation{Attempt: "a"}); !errors.Is(err, ticket.ErrSpent) {
		t.Errorf("after the window = %v, want ErrSpent", err)
	}
}

func TestNoAttemptComesAgainWithoutAWindow(t *testing.T) {
	b := newBench(t, ticket.Options{})
	issued := b.mustIssue(t, ticket.Request{Identity: test.Alice()})
	if _, err := b.Redeem(t.Context(), issued.Token, ticket.Presentation{Attempt: "a"}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Redeem(t.Context(), issued.Token, ticket.Presentation{Attempt: "a"}); !errors.Is(err, ticket.ErrSpent) {
		t.Errorf("the same attempt = %v, want ErrSpent", err)
	}
}

func TestARetryIsJudgedLikeTheFirst(t *testing.T) {
	const app = "https://app.example.com"
	b := newBench(t, ticket.Options{RetryWindow: 2 * time.Second})
	issued := b.mustIssue(t, ticket.Request{Identity: test.Alice(), Origin: app})
	wrong := ticket.Presentation{Attempt: "a", Origin: "https://evil.example"}
	right := ticket.Presentation{Attempt: "a", Origin: app}
	if _, err := b.Redeem(t.Context(), issued.Token, wrong); !errors.Is(err, ticket.ErrWrongOrigin) {
		t.Fatalf("Redeem = %v, want ErrWrongOrigin", err)
	}
	if _, err := b.Redeem(t.Context(), issued.Token, right); !errors.Is(err, ticket.ErrSpent) {
		t.Errorf("the same attempt with another origin after a refusal = %v, want ErrSpent", err)
	}

	issued = b.mustIssue(t, ticket.Request{Identity: test.Alice(), Origin: app})
	if _, err := b.Redeem(t.Context(), issued.Token, right); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Redeem(t.Context(), issued.Token, wrong); !errors.Is(err, ticket.ErrSpent) {
		t.Errorf("a retry with another origin = %v, want ErrSpent", err)
	}
	if receipt, err := b.Lookup(t.Context(), issued.ID, test.Alice()); err != nil || receipt.State != ticket.Redeemed {
		t.Errorf("receipt = %+v, %v, want redeemed: the first attempt was admitted", receipt, err)
	}
}

// forgetful is a store that drops every Settle.
type forgetful struct{ ticket.Store }

func (forgetful) Settle(context.Context, ticket.ID, ticket.Mark) error { return ticket.ErrUnavailable }

// A client that presents a ticket several times at once under one attempt gains
// nothing over one presentation, not even before the first refusal is recorded.
func TestNobodyTriesOriginsOrAudiences(t *testing.T) {
	const app = "https://app.example.com"
	right := ticket.Presentation{Attempt: "a", Origin: app, Audience: "chat"}
	for rule, wrong := range map[string]ticket.Presentation{
		"another origin":   {Attempt: "a", Origin: "https://evil.example", Audience: "chat"},
		"no origin":        {Attempt: "a", Audience: "chat"},
		"another audience": {Attempt: "a", Origin: app, Audience: "feed"},
	} {
		memory, err := memstore.New(memstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = memory.Close() })
		b := newBench(t, ticket.Options{
			Store: forgetful{memory}, RetryWindow: 2 * time.Second, Audiences: ticket.Audiences{{Name: "chat"}, {Name: "feed"}},
		})
		issued := b.mustIssue(t, ticket.Request{Identity: test.Alice(), Origin: app})
		if _, err := b.Redeem(t.Context(), issued.Token, wrong); err == nil {
			t.Fatalf("%s: Redeem = nil, want a refusal", rule)
		}
		if _, err := b.Redeem(t.Context(), issued.Token, right); !errors.Is(err, ticket.ErrSpent) {
			t.Errorf("%s: the same attempt with the right one afterwards = %v, want ErrSpent", rule, err)
		}
	}
}

func TestARetryMayComeAfterTheTicketsEnd(t *testing.T) {
	b := newBench(t, ticket.Options{RetryWindow: 2 * time.Second})
	issued := b.mustIssue(t, ticket.Request{Identity: test.Alice()})
	b.advance(issued.Lifetime - time.Second)
	for range 2 {
		if _, err := b.Redeem(t.Context(), issued.Token, ticket.Presentation{Attempt: "a"}); err != nil {
			t.Errorf("Redeem = %v, want the grant: it was in time when it was first asked for", err)
		}
		b.advance(1500 * time.Millisecond)
	}
}

func TestRevokedStaysRevokedForEveryAttempt(t *testing.T) {
	b := newBench(t, ticket.Options{RetryWindow: 2 * time.Second})
	issued := b.mustIssue(t, ticket.Request{Identity: test.Alice()})
	if err := b.Revoke(t.Context(), issued.ID, test.Alice()); err != nil {
		t.Fatal(err)
	}
	for _, attempt := range []string{"", "a"} {
		if _, err := b.Redeem(t.Context(), issued.Token, ticket.Presentation{Attempt: attempt}); !errors.Is(err, ticket.ErrRevoked) {
			t.Errorf("attempt %q = %v, want ErrRevoked", attempt, err)
		}
	}
}
