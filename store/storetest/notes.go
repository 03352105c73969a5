package storetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"wsticket/store/internal/fixture"
	"wsticket/ticket"
)

// RunNotes runs the suite of [ticket.NoteStore], as [Run] does that of
// [ticket.Store]. The Subjects' stores must be of that kind.
func RunNotes(t *testing.T, fresh Factory) {
	for _, c := range []struct {
		name, rule string
		run        func(tb testing.TB, s Subject, notes ticket.NoteStore)
	}{
		{"note", "the last note comes back, to the millisecond", noteComesBack},
		{"note of nothing", "a ticket that is not there gets no note", noteOfNothing},
		{"note nonsense", "a note without a reason, or with a long one, is ErrInvalidRequest", noteNonsense},
		{"note apart", "a note changes neither record nor mark, and does not keep a ticket alive", noteApart},
		{"note canceled", "a cancelled context is ErrUnavailable", noteCanceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("the rule: %s", c.rule)
				}
			})
			s := fresh(t)
			notes, ok := s.Store.(ticket.NoteStore)
			if !ok {
				t.Fatalf("%T keeps no notes", s.Store)
			}
			c.run(t, s, notes)
		})
	}
}

func aNote() ticket.Note {
	return ticket.Note{Reason: "origin_not_allowed", At: fixture.IssuedAt().Truncate(time.Millisecond)}
}

// putNote keeps a note, which must come back.
func putNote(tb testing.TB, s ticket.NoteStore, id ticket.ID, n ticket.Note) {
	tb.Helper()
	if err := s.PutNote(tb.Context(), id, n); err != nil {
		tb.Fatalf("put note: %v", err)
	}
	got, err := s.NoteOf(tb.Context(), id)
	if err != nil || got != n {
		tb.Errorf("note: got %+v, %v, want %+v", got, err, n)
	}
}

func noteComesBack(tb testing.TB, s Subject, notes ticket.NoteStore) {
	live, spent := fixture.Create(tb, s.Store), fixture.Create(tb, s.Store)
	fixture.Consume(tb, s.Store, spent)
	for _, id := range []ticket.ID{live, spent} {
		_, err := notes.NoteOf(tb.Context(), id)
		fixture.WantErr(tb, "no note yet", err, ticket.ErrNotFound)
		putNote(tb, notes, id, aNote())
		putNote(tb, notes, id, ticket.Note{Reason: "spent", At: aNote().At.Add(time.Millisecond)})
	}
}

func noteOfNothing(tb testing.TB, s Subject, notes ticket.NoteStore) {
	late := fixture.Create(tb, s.Store)
	s.Advance(fixture.Lifetime)
	for _, id := range []ticket.ID{ticket.NewID(), late} {
		fixture.WantErr(tb, "put note", notes.PutNote(tb.Context(), id, aNote()), ticket.ErrNotFound)
		_, err := notes.NoteOf(tb.Context(), id)
		fixture.WantErr(tb, "note", err, ticket.ErrNotFound)
	}
}

func noteNonsense(tb testing.TB, s Subject, notes ticket.NoteStore) {
	id := fixture.Create(tb, s.Store)
	for _, reason := range []string{"", strings.Repeat("a", 1000)} {
		err := notes.PutNote(tb.Context(), id, ticket.Note{Reason: reason, At: aNote().At})
		fixture.WantErr(tb, "put note", err, ticket.ErrInvalidRequest)
	}
}

func noteApart(tb testing.TB, s Subject, notes ticket.NoteStore) {
	id, late := fixture.Create(tb, s.Store), fixture.Create(tb, s.Store)
	s.Advance(fixture.Lifetime - margin)
	putNote(tb, notes, id, aNote())
	putNote(tb, notes, late, aNote())
	fixture.WantRecord(tb, "live", fixture.Lookup(tb, s.Store, id).Record, fixture.Record())
	fixture.WantMark(tb, "live", fixture.Lookup(tb, s.Store, id).Mark, ticket.Mark{State: ticket.Pending})
	fixture.ConsumeAs(tb, s.Store, id, fixture.Redeemed("a"))
	putNote(tb, notes, id, aNote())
	fixture.WantMark(tb, "spent", fixture.Lookup(tb, s.Store, id).Mark, fixture.Redeemed("a"))
	fixture.WantRefused(tb, s.Store, id, ticket.ErrSpent)
	s.Advance(margin)
	fixture.WantRefused(tb, s.Store, late, ticket.ErrNotFound)
	s.Advance(s.Retention - margin)
	fixture.WantRefused(tb, s.Store, id, ticket.ErrNotFound)
}

func noteCanceled(tb testing.TB, s Subject, notes ticket.NoteStore) {
	id := fixture.Create(tb, s.Store)
	ctx, cancel := context.WithCancel(tb.Context())
	cancel()
	_, err := notes.NoteOf(ctx, id)
	for what, err := range map[string]error{"note": err, "put note": notes.PutNote(ctx, id, aNote())} {
		if !errors.Is(err, ticket.ErrUnavailable) {
			tb.Errorf("%s: got %v, want ErrUnavailable", what, err)
		}
	}
}
