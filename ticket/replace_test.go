package ticket_test

import (
	"bytes"
	"errors"
	"testing"

	"wsticket/internal/test"
	"wsticket/store/memstore"
	"wsticket/ticket"
)

// TestReplace: a Service with other seal keys goes on with the counts of the one before,
// and with its tickets as long as it has its key.
func TestReplace(t *testing.T) {
	t.Parallel()
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	old, next := bytes.Repeat([]byte{1}, ticket.SealKeyLen), bytes.Repeat([]byte{2}, ticket.SealKeyLen)
	var last *ticket.Service
	replace := func(most int, keys ...[]byte) {
		t.Helper()
		s, err := ticket.New(ticket.Options{Store: store, MaxPending: most, SealKeys: keys, Replaces: last})
		if err != nil {
			t.Fatal(err)
		}
		last = s
	}
	issue := func(rule string, want error) ticket.Ticket {
		t.Helper()
		issued, err := last.Issue(t.Context(), ticket.Request{Identity: test.Alice()})
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", rule, err, want)
		}
		return issued
	}
	redeem := func(rule string, issued ticket.Ticket, want error) {
		t.Helper()
		if _, err := last.Redeem(t.Context(), issued.Token, ticket.Presentation{}); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", rule, err, want)
		}
	}
	replace(2, old)
	first, second := issue("the first", nil), issue("the second", nil)
	replace(2, next, old)
	issue("the third, under another key", ticket.ErrTooManyTickets)
	if _, err := last.Lookup(t.Context(), first.ID, test.Alice()); err != nil {
		t.Errorf("the receipt of before: %v", err)
	}
	redeem("a ticket of before", first, nil)
	third := issue("in its place", nil)
	replace(1, next)
	issue("under a lower limit", ticket.ErrTooManyTickets)
	redeem("the new key alone", third, nil)
	redeem("the key that is gone", second, ticket.ErrCorrupt)
	replace(0, next)
	for range 5 {
		issue("without a limit", nil)
	}
	replace(1, next)
	issue("a limit again", nil)
	issue("which counts from now on", ticket.ErrTooManyTickets)
}
