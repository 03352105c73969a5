package ticket_test

import (
	"testing"
	"testing/synctest"
	"time"

	"wsticket/internal/test"
	"wsticket/store/memstore"
	"wsticket/ticket"
)

// TestNotes: what the owner reads about presentations that changed nothing.
func TestNotes(t *testing.T) { synctest.Test(t, testNotes) }

func testNotes(t *testing.T) {
	b := newBench(t, ticket.Options{})
	foreign := ticket.ErrWrongOrigin
	wait := func(d time.Duration) { <-time.After(d) } // in the bubble
	for _, row := range []struct {
		rule   string
		happen func(made ticket.Ticket)
		state  ticket.State
		reason string
		at     time.Duration // after the issue; negative: none
	}{
		{"nothing", func(ticket.Ticket) {}, ticket.Pending, "", -1},
		{"refused before it was spent", func(made ticket.Ticket) {
			wait(time.Second)
			b.Note(t.Context(), made.Token, foreign)
		}, ticket.Pending, "wrong_origin", time.Second},
		{"redeemed after that", func(made ticket.Ticket) {
			b.Note(t.Context(), made.Token, foreign)
			wait(time.Second)
			mustRedeem(t, b, made)
		}, ticket.Redeemed, "", time.Second},
		{"redeemed in the same millisecond", func(made ticket.Ticket) {
			b.Note(t.Context(), made.Token, foreign)
			mustRedeem(t, b, made)
		}, ticket.Redeemed, "", 0},
		{"presented again", func(made ticket.Ticket) {
			mustRedeem(t, b, made)
			wait(time.Second)
			_, _ = b.Redeem(t.Context(), made.Token, ticket.Presentation{Attempt: "another"})
		}, ticket.Redeemed, "spent", 0},
		{"presented by nobody in time", func(ticket.Ticket) { wait(30 * time.Second) }, ticket.Refused, "expired", 30 * time.Second},
		{"presented by a foreign page, and expired then", func(made ticket.Ticket) {
			b.Note(t.Context(), made.Token, foreign)
			wait(time.Minute)
		}, ticket.Refused, "wrong_origin", 0},
		{"presented too late", func(made ticket.Ticket) {
			wait(time.Minute)
			if _, err := b.Redeem(t.Context(), made.Token, ticket.Presentation{}); ticket.Reason(err) != "expired" {
				t.Errorf("too late: got %v, want it expired", err)
			}
			if _, err := b.Introspect(t.Context(), made.Token); ticket.Reason(err) != "expired" {
				t.Errorf("introspection: got %v, want it expired", err)
			}
			if err := b.Revoke(t.Context(), made.ID, test.Alice()); ticket.Reason(err) != "not_found" {
				t.Errorf("revocation: got %v, want it not found", err)
			}
		}, ticket.Refused, "expired", 30 * time.Second},
		{"revoked, and presented then", func(made ticket.Ticket) {
			_ = b.Revoke(t.Context(), made.ID, test.Alice())
			wait(time.Second)
			_, _ = b.Redeem(t.Context(), made.Token, ticket.Presentation{})
			b.Note(t.Context(), made.Token, foreign)
		}, ticket.Revoked, "", 0},
	} {
		made := b.mustIssue(t, ticket.Request{Identity: test.Alice()})
		at := b.now()
		row.happen(made)
		got, err := b.Lookup(t.Context(), made.ID, test.Alice())
		if err != nil || got.State != row.state || got.Reason != row.reason {
			t.Errorf("%s: got %+v, %v, want %s %q", row.rule, got, err, row.state, row.reason)
		}
		var want time.Time
		if row.at >= 0 {
			want = at.Add(row.at)
		}
		if !got.At.Equal(want) {
			t.Errorf("%s: got the time %s, want %s", row.rule, got.At, want)
		}
		if _, err := b.Lookup(t.Context(), made.ID, test.Bob()); err == nil {
			t.Errorf("%s: somebody else reads it", row.rule)
		}
	}
}

func mustRedeem(t *testing.T, b *bench, made ticket.Ticket) {
	t.Helper()
	if _, err := b.Redeem(t.Context(), made.Token, ticket.Presentation{}); err != nil {
		t.Fatal(err)
	}
}

// TestNoteGivesNothing: a note neither spends a ticket nor gives it back.
func TestNoteGivesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, ticket.Options{})
	made := b.mustIssue(t, ticket.Request{Identity: test.Alice()})
	b.Note(t.Context(), made.Token, ticket.ErrWrongOrigin)
	mustRedeem(t, b, made)
	b.Note(t.Context(), made.Token, ticket.ErrWrongOrigin)
	if _, err := b.Redeem(t.Context(), made.Token, ticket.Presentation{}); ticket.Reason(err) != "spent" {
		t.Errorf("after a note: got %v, want it spent", err)
	}
}

// plainStore keeps no notes.
type plainStore struct{ ticket.Store }

func TestWithoutNotes(t *testing.T) {
	t.Parallel()
	memory, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = memory.Close() })
	b := newBench(t, ticket.Options{Store: plainStore{memory}})
	made := b.mustIssue(t, ticket.Request{Identity: test.Alice()})
	b.Note(t.Context(), made.Token, ticket.ErrWrongOrigin)
	got, err := b.Lookup(t.Context(), made.ID, test.Alice())
	if err != nil || got.State != ticket.Pending || got.Reason != "" {
		t.Errorf("got %+v, %v, want pending and nothing", got, err)
	}
}
