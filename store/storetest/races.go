package storetest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"wsticket/ticket"
)

func oneWinner(tb testing.TB, s Subject) { race(tb, s.Store, s.Store) }

func oneWinnerOfTwo(tb testing.TB, s Subject) {
	if s.Twin == nil {
		tb.Skip("no other process sees this store")
	}
	race(tb, s.Store, s.Twin)
}

// race lets many consume one ticket, half of them through each store, while
// others look at it. A store that lets two of them through sometimes is worse
// than one that always does, hence the rounds.
func race(tb testing.TB, a, b ticket.Store) {
	tb.Helper()
	const rounds = 10
	for range rounds {
		id := mustCreate(tb, a)
		errs := atOnce(callers, func(i int) error {
			store := a
			if i%2 == 1 {
				store = b
			}
			entry, err := store.Consume(tb.Context(), id, redeemed(fmt.Sprint(i)), retry)
			if err == nil {
				wantRecord(tb, "winner", entry.Record, record())
				return nil
			}
			wantNone(tb, "loser", entry)
			if entry, err := store.Lookup(tb.Context(), id); err != nil || entry.Mark.State != ticket.Redeemed {
				tb.Errorf("lookup after consume: got %v, %v; want redeemed", entry.Mark.State, err)
			}
			return err
		})
		wantOneNil(tb, errs, ticket.ErrSpent)
		wantSameWinner(tb, errs)
	}
}

// wantSameWinner checks that every loser was told of the one who won.
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

// wantSpentBy checks the mark in a loser's error. Nil is the winner's.
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
	wantMark(tb, "consume", spent.Mark, redeemed(attempt))
}

// oneAttempt lets ten attempts meet at one ticket, each of them ten times.
func oneAttempt(tb testing.TB, s Subject) {
	twin := s.Twin
	if twin == nil {
		twin = s.Store
	}
	const rounds, attempts = 10, 10
	for range rounds {
		id := mustCreate(tb, s.Store)
		var first, all [attempts]atomic.Int32
		errs := atOnce(callers, func(i int) error {
			name, store := i%attempts, s.Store
			if i%2 == i/attempts%2 { // each attempt comes to both
				store = twin
			}
			entry, err := store.Consume(tb.Context(), id, redeemed(fmt.Sprint(name)), retry)
			if err != nil {
				wantNone(tb, "loser", entry)
				return err
			}
			wantRecord(tb, "winner", entry.Record, record())
			all[name].Add(1)
			if entry.Mark.State == ticket.Pending {
				first[name].Add(1)
			} else {
				wantMark(tb, "winner once more", entry.Mark, redeemed(fmt.Sprint(name)))
			}
			return nil
		})
		wantOneAttempt(tb, first[:], all[:], callers/attempts)
		for _, err := range errs {
			if err != nil {
				wantErr(tb, "another attempt", err, ticket.ErrSpent)
			}
		}
	}
}

// wantOneAttempt checks that one attempt was first, once, and got the record
// each time it came, and that no other attempt got it at all.
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
		return s.Store.Create(tb.Context(), id, record(), lifetime)
	})
	wantOneNil(tb, errs, ticket.ErrExists)
	mustConsume(tb, s.Store, id, redeemed("a"))
}
