package storetest

import (
	"errors"
	"fmt"
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
			rec, err := store.Consume(tb.Context(), id, redeemed(fmt.Sprint(i)))
			if err == nil {
				wantRecord(tb, "winner", rec, record())
				return nil
			}
			wantNone(tb, "loser", rec)
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

func oneCreator(tb testing.TB, s Subject) {
	id := ticket.NewID()
	errs := atOnce(callers, func(int) error {
		return s.Store.Create(tb.Context(), id, record(), lifetime)
	})
	wantOneNil(tb, errs, ticket.ErrExists)
	mustConsume(tb, s.Store, id, redeemed("a"))
}
