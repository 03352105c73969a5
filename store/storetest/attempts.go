package storetest

import (
	"testing"
	"time"

	"wsticket/ticket"
)

// justInTime leaves room for the part of a millisecond that a store drops.
const justInTime = retry - time.Millisecond

func sameAttempt(tb testing.TB, s Subject) {
	id, first := mustCreate(tb, s.Store), redeemed("a")
	mustConsume(tb, s.Store, id, first)
	for _, after := range []time.Duration{0, time.Millisecond, justInTime, retry / 2, -time.Second} {
		mustRetry(tb, s.Store, id, later(first, after), first)
	}
	if s.Twin != nil {
		mustRetry(tb, s.Twin, id, later(first, justInTime), first)
	}
	wantMark(tb, "lookup", mustLookup(tb, s.Store, id).Mark, first)
}

func sameAttemptTooLate(tb testing.TB, s Subject) {
	id, first := mustCreate(tb, s.Store), redeemed("a")
	mustConsume(tb, s.Store, id, first)
	mustRetry(tb, s.Store, id, later(first, justInTime), first)
	for _, after := range []time.Duration{retry + time.Millisecond, 2 * retry, time.Hour} {
		entry, err := s.Store.Consume(tb.Context(), id, later(first, after), retry)
		wantErr(tb, "too late", err, ticket.ErrSpent)
		wantNone(tb, "too late", entry)
		wantSpentBy(tb, err, "a")
	}
}

// foreignAttempt lists who is not the attempt that redeemed a ticket.
func foreignAttempt(tb testing.TB, s Subject) {
	a := redeemed("a")
	rows := []struct {
		rule         string
		first, again ticket.Mark
		window       time.Duration
		want         error
	}{
		{"another attempt", a, redeemed("b"), retry, ticket.ErrSpent},
		{"one that only begins like it", redeemed("ab"), a, retry, ticket.ErrSpent},
		{"an attempt without a name", redeemed(""), redeemed(""), retry, ticket.ErrSpent},
		{"no window", a, a, 0, ticket.ErrSpent},
		{"a window that has ended before it began", a, a, -time.Second, ticket.ErrSpent},
		{"its owner, who revokes", a, as(ticket.Revoked, a), retry, ticket.ErrSpent},
		{"who comes after a revocation", as(ticket.Revoked, a), a, retry, ticket.ErrRevoked},
		{"who revokes once more", as(ticket.Revoked, a), as(ticket.Revoked, a), retry, ticket.ErrRevoked},
		{"who was refused", as(ticket.Refused, a), a, retry, ticket.ErrSpent},
	}
	for _, row := range rows {
		id := mustCreate(tb, s.Store)
		mustConsume(tb, s.Store, id, row.first)
		wantRefusedAs(tb, row.rule, s.Store, id, row.again, row.window, row.want)
		wantMark(tb, row.rule, mustLookup(tb, s.Store, id).Mark, row.first)
	}
}

// settledAttempt: what became of a ticket later counts for its attempt too.
func settledAttempt(tb testing.TB, s Subject) {
	id, first := mustCreate(tb, s.Store), redeemed("a")
	mustConsume(tb, s.Store, id, first)
	if err := s.Store.Settle(tb.Context(), id, as(ticket.Refused, first)); err != nil {
		tb.Fatalf("settle: %v", err)
	}
	wantRefusedAs(tb, "a refused attempt", s.Store, id, first, retry, ticket.ErrSpent)
}

func as(state ticket.State, mark ticket.Mark) ticket.Mark {
	mark.State = state
	return mark
}
