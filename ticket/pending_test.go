package ticket_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/store/memstore"
	"wsticket/ticket"
)

// A subject has as many pending tickets as it may have: one that is redeemed, revoked
// or over no longer counts, and other subjects have their own.
func TestMaxPending(t *testing.T) {
	t.Parallel()
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	var mu sync.Mutex
	now := time.Now()
	var events test.Events
	s, err := ticket.New(ticket.Options{Store: store, MaxPending: 2, Events: events.Record, Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}})
	if err != nil {
		t.Fatal(err)
	}
	alice, bob := test.Alice(), test.Alice()
	bob.Subject = "bob"
	issue := func(who ticket.Identity) (ticket.Ticket, error) {
		return s.Issue(t.Context(), ticket.Request{Identity: who})
	}
	want := func(rule string, who ticket.Identity) ticket.Ticket {
		t.Helper()
		issued, err := issue(who)
		if err != nil {
			t.Fatalf("%s: %v, want a ticket", rule, err)
		}
		return issued
	}
	full := func(rule string) {
		t.Helper()
		if _, err := issue(alice); !errors.Is(err, ticket.ErrTooManyTickets) {
			t.Errorf("%s: got %v, want ErrTooManyTickets", rule, err)
		}
	}
	first, second := want("the first", alice), want("the second", alice)
	full("the third")
	if !events.Has(ticket.Event{Kind: ticket.EventLimit, Reason: "too_many_tickets"}) {
		t.Error("there is no event of the limit")
	}
	want("somebody else's", bob)
	for range 2 { // The second time it is spent, which frees no other one.
		_, _ = s.Redeem(t.Context(), first.Token, ticket.Presentation{})
	}
	want("after one is redeemed", alice)
	full("and one more")
	if err := s.Revoke(t.Context(), second.ID, alice); err != nil {
		t.Fatal(err)
	}
	want("after one is revoked", alice)
	full("and one more")
	mu.Lock()
	now = now.Add(ticket.DefaultTTL)
	mu.Unlock()
	want("after all have expired", alice)
	want("after all have expired", alice)
	full("and one more")
}

// away is a store that takes nothing.
type away struct{ ticket.Store }

func (away) Create(context.Context, ticket.ID, ticket.Record, time.Duration) error {
	return ticket.ErrUnavailable
}

// What was not stored does not count.
func TestMaxPendingOutage(t *testing.T) {
	t.Parallel()
	s, err := ticket.New(ticket.Options{Store: away{}, MaxPending: 1})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := s.Issue(t.Context(), ticket.Request{Identity: test.Alice()}); !errors.Is(err, ticket.ErrUnavailable) {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
	}
}

func TestMaxPendingFault(t *testing.T) {
	t.Parallel()
	if _, err := ticket.New(ticket.Options{MaxPending: -1}); err == nil {
		t.Error("a negative number is accepted")
	}
}
