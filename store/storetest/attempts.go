package storetest

import (
	"testing"
	"time"

	"wsticket/store/internal/fixture"
	"wsticket/ticket"
)

// justInTime leaves room for the part of a millisecond that a store may drop.
const justInTime = fixture.Retry - time.Millisecond

func sameAttempt(tb testing.TB, s Subject) {
	id, first := fixture.Create(tb, s.Store), fixture.Redeemed("a")
	fixture.ConsumeAs(tb, s.Store, id, first)
	for _, after := range []time.Duration{0, time.Millisecond, justInTime, fixture.Retry / 2, -time.Second} {
		mustRetry(tb, s.Store, id, later(first, after), first)
	}
	if s.Twin != nil {
		mustRetry(tb, s.Twin, id, later(first, justInTime), first)
	}
	fixture.WantMark(tb, "lookup", fixture.Lookup(tb, s.Store, id).Mark, first)
}

func sameAttemptTooLate(tb testing.TB, s Subject) {
	id, first := fixture.Create(tb, s.Store), fixture.Redeemed("a")
	fixture.ConsumeAs(tb, s.Store, id, first)
	mustRetry(tb, s.Store, id, later(first, justInTime), first)
	for _, after := range []time.Duration{fixture.Retry + time.Millisecond, 2 * fixture.Retry, time.Hour} {
		entry, err := s.Store.Consume(tb.Context(), id, later(first, after), fixture.Retry)
		fixture.WantErr(tb, "too late", err, ticket.ErrSpent)
		fixture.WantNone(tb, "too late", entry)
		wantSpentBy(tb, err, "a")
	}
}

func sameAttemptTooEarly(tb testing.TB, s Subject) {
	id, first := fixture.Create(tb, s.Store), fixture.Redeemed("a")
	fixture.ConsumeAs(tb, s.Store, id, first)
	for _, before := range []time.Duration{time.Second + time.Millisecond, fixture.Retry, time.Hour} {
		entry, err := s.Store.Consume(tb.Context(), id, later(first, -before), fixture.Retry)
		fixture.WantErr(tb, "too early", err, ticket.ErrSpent)
		fixture.WantNone(tb, "too early", entry)
		wantSpentBy(tb, err, "a")
	}
}

// foreignAttempt lists calls that are not a retry of the attempt that redeemed a
// ticket.
func foreignAttempt(tb testing.TB, s Subject) {
	a := fixture.Redeemed("a")
	rows := []struct {
		rule         string
		first, again ticket.Mark
		window       time.Duration
		want         error
	}{
		{"another attempt", a, fixture.Redeemed("b"), fixture.Retry, ticket.ErrSpent},
		{"one that only begins like it", fixture.Redeemed("ab"), a, fixture.Retry, ticket.ErrSpent},
		{"an attempt without a name", fixture.Redeemed(""), fixture.Redeemed(""), fixture.Retry, ticket.ErrSpent},
		{"no window", a, a, 0, ticket.ErrSpent},
		{"a negative window", a, a, -time.Second, ticket.ErrSpent},
		{"its owner, who revokes", a, as(ticket.Revoked, a), fixture.Retry, ticket.ErrSpent},
		{"who comes after a revocation", as(ticket.Revoked, a), a, fixture.Retry, ticket.ErrRevoked},
		{"who revokes once more", as(ticket.Revoked, a), as(ticket.Revoked, a), fixture.Retry, ticket.ErrRevoked},
		{"who was refused", as(ticket.Refused, a), a, fixture.Retry, ticket.ErrSpent},
	}
	for _, row := range rows {
		id := fixture.Create(tb, s.Store)
		fixture.ConsumeAs(tb, s.Store, id, row.first)
		wantRefusedAs(tb, row.rule, s.Store, id, row.again, row.window, row.want)
		fixture.WantMark(tb, row.rule, fixture.Lookup(tb, s.Store, id).Mark, row.first)
	}
}

// settledAttempt: after Settle the new mark decides about retries.
func settledAttempt(tb testing.TB, s Subject) {
	id, first := fixture.Create(tb, s.Store), fixture.Redeemed("a")
	fixture.ConsumeAs(tb, s.Store, id, first)
	if err := s.Store.Settle(tb.Context(), id, as(ticket.Refused, first)); err != nil {
		tb.Fatalf("settle: %v", err)
	}
	wantRefusedAs(tb, "a refused attempt", s.Store, id, first, fixture.Retry, ticket.ErrSpent)
}

func as(state ticket.State, mark ticket.Mark) ticket.Mark {
	mark.State = state
	return mark
}
