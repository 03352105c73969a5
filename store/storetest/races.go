package storetest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"wsticket/store/internal/fixture"
	"wsticket/ticket"
)

func oneWinner(tb testing.TB, s Subject) { race(tb, s.Store, s.Store) }

func oneWinnerOfTwo(tb testing.TB, s Subject) {
	if s.Twin == nil {
		tb.Skip("no other process sees this store")
	}
	race(tb, s.Store, s.Twin)
}

// race lets many callers consume one ticket, half of them through each store,
// while others look it up. It does so in rounds, to find a store that lets two
// of them through only sometimes.
func race(tb testing.TB, a, b ticket.Store) {
	tb.Helper()
	const rounds = 10
	for range rounds {
		id := fixture.Create(tb, a)
		errs := atOnce(callers, func(i int) error {
			store := a
			if i%2 == 1 {
				store = b
			}
			entry, err := store.Consume(tb.Context(), id, fixture.Redeemed(fmt.Sprint(i)), fixture.Retry)
			if err == nil {
				fixture.WantRecord(tb, "winner", entry.Record, fixture.Record())
				return nil
			}
			fixture.WantNone(tb, "loser", entry)
			if entry, err := store.Lookup(tb.Context(), id); err != nil || entry.Mark.State != ticket.Redeemed {
				tb.Errorf("lookup after consume: got %v, %v; want redeemed", entry.Mark.State, err)
			}
			return err
		})
		wantOneNil(tb, errs, ticket.ErrSpent)
		wantSameWinner(tb, errs)
	}
}

// wantSameWinner checks that the error of each loser names the winner.
func wantSameWinner(tb testing.TB, errs []error) {
	tb.Helper()
	for i, err := range errs {
		if err == nil {
			for _, other := range errs {
				wantSpentBy(tb, other, fmt.Sprint(i))
			}
		}
	}
}

// wantSpentBy checks the mark in a loser's error. The winner's error is nil.
func wantSpentBy(tb testing.TB, err error, attempt string) {
	tb.Helper()
	if err == nil {
		return
	}
	spent, ok := errors.AsType[*ticket.SpentError](err)
	if !ok {
		tb.Errorf("consume: got %v, want a *SpentError", err)
		return
	}
	fixture.WantMark(tb, "consume", spent.Mark, fixture.Redeemed(attempt))
}

// oneAttempt lets ten attempts meet at one ticket, each of them ten times.
func oneAttempt(tb testing.TB, s Subject) {
	twin := s.Twin
	if twin == nil {
		twin = s.Store
	}
	const rounds, attempts = 10, 10
	for range rounds {
		id := fixture.Create(tb, s.Store)
		var first, all [attempts]atomic.Int32
		errs := atOnce(callers, func(i int) error {
			name, store := i%attempts, s.Store
			if i%2 == i/attempts%2 { // each attempt uses both
				store = twin
			}
			entry, err := store.Consume(tb.Context(), id, fixture.Redeemed(fmt.Sprint(name)), fixture.Retry)
			if err != nil {
				fixture.WantNone(tb, "loser", entry)
				return err
			}
			fixture.WantRecord(tb, "winner", entry.Record, fixture.Record())
			all[name].Add(1)
			if entry.Mark.State == ticket.Pending {
				first[name].Add(1)
			} else {
				fixture.WantMark(tb, "winner again", entry.Mark, fixture.Redeemed(fmt.Sprint(name)))
			}
			return nil
		})
		wantOneAttempt(tb, first[:], all[:], callers/attempts)
		for _, err := range errs {
			if err != nil {
				fixture.WantErr(tb, "another attempt", err, ticket.ErrSpent)
			}
		}
	}
}

// wantOneAttempt checks that one attempt was the first, and got the record each
// time, and that no other attempt got it at all.
func wantOneAttempt(tb testing.TB, first, all []atomic.Int32, each int) {
	tb.Helper()
	winners := 0
	for name := range all {
		switch f, n := first[name].Load(), all[name].Load(); {
		case f == 1 && int(n) == each:
			winners++
		case f != 0 || n != 0:
			tb.Errorf("attempt %d: first %d times, got the record %d times; want 1 and %d, or none", name, f, n, each)
		}
	}
	if winners != 1 {
		tb.Errorf("attempts that got the record: got %d, want 1", winners)
	}
}

func oneCreator(tb testing.TB, s Subject) {
	id := ticket.NewID()
	errs := atOnce(callers, func(int) error {
		return s.Store.Create(tb.Context(), id, fixture.Record(), fixture.Lifetime)
	})
	wantOneNil(tb, errs, ticket.ErrExists)
	fixture.ConsumeAs(tb, s.Store, id, fixture.Redeemed("a"))
}
