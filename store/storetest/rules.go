package storetest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"wsticket/store/internal/fixture"
	"wsticket/ticket"
)

func createTwice(tb testing.TB, s Subject) {
	id := fixture.Create(tb, s.Store)
	other := fixture.Record()
	other.Payload = []byte("somebody else")
	fixture.WantErr(tb, "create twice", s.Store.Create(tb.Context(), id, other, fixture.Lifetime), ticket.ErrExists)
	fixture.ConsumeAs(tb, s.Store, id, fixture.Redeemed("a"))
	fixture.WantErr(tb, "create a spent one", s.Store.Create(tb.Context(), id, other, fixture.Lifetime), ticket.ErrExists)
	fixture.WantRefused(tb, s.Store, id, ticket.ErrSpent)
}

func createNonsense(tb testing.TB, s Subject) {
	rows := []struct {
		rule     string
		id       ticket.ID
		lifetime time.Duration
	}{
		{"no ID", "", fixture.Lifetime},
		{"no lifetime", "idididididididididid22", 0},
		{"a lifetime of the past", "idididididididididid22", -time.Second},
		{"less than the millisecond to which stores count", "idididididididididid22", 999 * time.Microsecond},
	}
	for _, row := range rows {
		err := s.Store.Create(tb.Context(), row.id, fixture.Record(), row.lifetime)
		fixture.WantErr(tb, row.rule, err, ticket.ErrInvalidRequest)
		_, err = s.Store.Lookup(tb.Context(), row.id)
		fixture.WantErr(tb, row.rule+": lookup", err, ticket.ErrNotFound)
	}
}

func consumeUnknown(tb testing.TB, s Subject) {
	fixture.Create(tb, s.Store)
	fixture.WantRefused(tb, s.Store, ticket.NewID(), ticket.ErrNotFound)
	_, err := s.Store.Lookup(tb.Context(), ticket.NewID())
	fixture.WantErr(tb, "lookup", err, ticket.ErrNotFound)
}

func consumeExpired(tb testing.TB, s Subject) {
	early, late := fixture.Create(tb, s.Store), fixture.Create(tb, s.Store)
	s.Advance(fixture.Lifetime - margin)
	fixture.ConsumeAs(tb, s.Store, early, fixture.Redeemed("a"))
	s.Advance(margin)
	for range 2 {
		fixture.WantRefused(tb, s.Store, late, ticket.ErrExpired)
	}
	wantRefusedAs(tb, "revoke", s.Store, late, ticket.Mark{State: ticket.Revoked, At: fixture.IssuedAt()}, 0, ticket.ErrExpired)
	fixture.WantErr(tb, "settle", s.Store.Settle(tb.Context(), late, fixture.Redeemed("a")), ticket.ErrNotFound)
}

func expiredIsKept(tb testing.TB, s Subject) {
	id := fixture.Create(tb, s.Store)
	if fixture.Lookup(tb, s.Store, id).Expired {
		tb.Error("expired: got it while the ticket is live")
	}
	s.Advance(fixture.Lifetime)
	for range 2 {
		entry := fixture.Lookup(tb, s.Store, id)
		fixture.WantRecord(tb, "expired", entry.Record, fixture.Record())
		fixture.WantMark(tb, "expired", entry.Mark, ticket.Mark{State: ticket.Pending})
		if !entry.Expired {
			tb.Error("expired: got a live entry")
		}
		fixture.WantRefused(tb, s.Store, id, ticket.ErrExpired) // which does not lengthen its life
	}
	s.Advance(s.Retention - margin)
	fixture.WantRefused(tb, s.Store, id, ticket.ErrExpired)
	s.Advance(margin)
	fixture.WantRefused(tb, s.Store, id, ticket.ErrNotFound)
	_, err := s.Store.Lookup(tb.Context(), id)
	fixture.WantErr(tb, "lookup", err, ticket.ErrNotFound)
}

func createAfterExpiry(tb testing.TB, s Subject) {
	id := fixture.Create(tb, s.Store)
	s.Advance(fixture.Lifetime)
	fixture.WantErr(tb, "create while it is kept", s.Store.Create(tb.Context(), id, fixture.Record(), fixture.Lifetime), ticket.ErrExists)
	s.Advance(s.Retention)
	if err := s.Store.Create(tb.Context(), id, fixture.Record(), fixture.Lifetime); err != nil {
		tb.Fatalf("create: %v", err)
	}
	fixture.ConsumeAs(tb, s.Store, id, fixture.Redeemed("a"))
}

func lookup(tb testing.TB, s Subject) {
	id := fixture.Create(tb, s.Store)
	for range 2 {
		fixture.WantMark(tb, "live", fixture.Lookup(tb, s.Store, id).Mark, ticket.Mark{State: ticket.Pending})
	}
	fixture.ConsumeAs(tb, s.Store, id, fixture.Redeemed("a"))
	for range 2 {
		fixture.WantMark(tb, "spent", fixture.Lookup(tb, s.Store, id).Mark, fixture.Redeemed("a"))
	}
	fixture.WantRefused(tb, s.Store, id, ticket.ErrSpent)
}

func retention(tb testing.TB, s Subject) {
	id := fixture.Create(tb, s.Store)
	s.Advance(fixture.Lifetime - margin)
	fixture.ConsumeAs(tb, s.Store, id, fixture.Redeemed("a"))
	s.Advance(s.Retention - margin)
	fixture.WantMark(tb, "kept", fixture.Lookup(tb, s.Store, id).Mark, fixture.Redeemed("a"))
	fixture.WantRefused(tb, s.Store, id, ticket.ErrSpent)
	s.Advance(2 * margin) // with what was left of the lifetime
	_, err := s.Store.Lookup(tb.Context(), id)
	fixture.WantErr(tb, "lookup", err, ticket.ErrNotFound)
	fixture.WantRefused(tb, s.Store, id, ticket.ErrNotFound)
}

func markComesBack(tb testing.TB, s Subject) {
	at := fixture.IssuedAt().Add(time.Millisecond)
	rows := []ticket.Mark{
		{State: ticket.Redeemed, At: at},
		{State: ticket.Redeemed, At: at.Add(time.Millisecond), Attempt: "k"},
		{State: ticket.Redeemed, At: at, Attempt: strings.Repeat("\x00\xff", ticket.MaxAttempt/2)},
		{State: ticket.Refused, At: at, Attempt: "a", Reason: "wrong_origin"},
		{State: ticket.Revoked, At: at},
		{State: ticket.Revoked, At: time.UnixMilli(-1)},
	}
	for _, want := range rows {
		id := fixture.Create(tb, s.Store)
		fixture.ConsumeAs(tb, s.Store, id, want)
		fixture.WantMark(tb, "lookup", fixture.Lookup(tb, s.Store, id).Mark, want)
	}
}

func firstMarkStays(tb testing.TB, s Subject) {
	id := fixture.Create(tb, s.Store)
	fixture.ConsumeAs(tb, s.Store, id, fixture.Redeemed("first"))
	for range 2 {
		_, err := s.Store.Consume(tb.Context(), id, fixture.Redeemed("second"), fixture.Retry)
		fixture.WantErr(tb, "consume", err, ticket.ErrSpent)
		wantSpentBy(tb, err, "first")
	}
	fixture.WantMark(tb, "lookup", fixture.Lookup(tb, s.Store, id).Mark, fixture.Redeemed("first"))
}

func revoked(tb testing.TB, s Subject) {
	id := fixture.Create(tb, s.Store)
	fixture.ConsumeAs(tb, s.Store, id, ticket.Mark{State: ticket.Revoked, At: fixture.IssuedAt()})
	fixture.WantRefused(tb, s.Store, id, ticket.ErrRevoked)
}

func markNonsense(tb testing.TB, s Subject) {
	live, spent := fixture.Create(tb, s.Store), fixture.Create(tb, s.Store)
	fixture.ConsumeAs(tb, s.Store, spent, fixture.Redeemed("a"))
	rows := []ticket.Mark{
		{},
		{State: ticket.Pending, At: fixture.IssuedAt()},
		{State: "enchanted", At: fixture.IssuedAt()},
		{State: ticket.Redeemed, At: fixture.IssuedAt(), Attempt: strings.Repeat("a", ticket.MaxAttempt+1)},
	}
	for _, mark := range rows {
		wantRefusedAs(tb, "consume", s.Store, live, mark, fixture.Retry, ticket.ErrInvalidRequest)
		fixture.WantErr(tb, "settle", s.Store.Settle(tb.Context(), spent, mark), ticket.ErrInvalidRequest)
	}
	fixture.WantMark(tb, "lookup", fixture.Lookup(tb, s.Store, spent).Mark, fixture.Redeemed("a"))
	fixture.ConsumeAs(tb, s.Store, live, fixture.Redeemed("a"))
}

func recordComesBack(tb testing.TB, s Subject) {
	large := fixture.Record()
	large.Payload = []byte(strings.Repeat("0123456789abcde\x00", 4<<10))
	rows := []ticket.Record{
		{},
		fixture.Record(),
		{IssuedAt: fixture.IssuedAt(), ExpiresAt: fixture.IssuedAt().Add(time.Millisecond), Payload: []byte{0}},
		large,
	}
	for _, want := range rows {
		id := ticket.NewID()
		if err := s.Store.Create(tb.Context(), id, want, fixture.Lifetime); err != nil {
			tb.Fatalf("create: %v", err)
		}
		fixture.WantRecord(tb, "lookup live", fixture.Lookup(tb, s.Store, id).Record, want)
		entry, err := s.Store.Consume(tb.Context(), id, fixture.Redeemed("a"), fixture.Retry)
		if err != nil {
			tb.Fatalf("consume: %v", err)
		}
		fixture.WantRecord(tb, "consume", entry.Record, want)
		fixture.WantRecord(tb, "lookup spent", fixture.Lookup(tb, s.Store, id).Record, want)
	}
}

func payloadIsNoAlias(tb testing.TB, s Subject) {
	id, rec := ticket.NewID(), fixture.Record()
	if err := s.Store.Create(tb.Context(), id, rec, fixture.Lifetime); err != nil {
		tb.Fatalf("create: %v", err)
	}
	scribble := func(b []byte) { copy(b, slices.Repeat([]byte{'x'}, len(b))) }
	scribble(rec.Payload)
	fixture.WantRecord(tb, "after create", fixture.Lookup(tb, s.Store, id).Record, fixture.Record())
	scribble(fixture.Lookup(tb, s.Store, id).Record.Payload)
	for _, what := range []string{"after lookup", "after consume"} {
		got, err := s.Store.Consume(tb.Context(), id, fixture.Redeemed("a"), fixture.Retry)
		if err != nil {
			tb.Fatalf("consume: %v", err)
		}
		fixture.WantRecord(tb, what, got.Record, fixture.Record())
		scribble(got.Record.Payload)
	}
	fixture.WantRecord(tb, "after consume again", fixture.Lookup(tb, s.Store, id).Record, fixture.Record())
}

func settle(tb testing.TB, s Subject) {
	id := fixture.Create(tb, s.Store)
	fixture.ConsumeAs(tb, s.Store, id, fixture.Redeemed("a long name of an attempt"))
	rows := []ticket.Mark{
		{State: ticket.Refused, At: fixture.IssuedAt().Add(2 * time.Second), Attempt: "a", Reason: "wrong_origin"},
		{State: ticket.Refused, At: fixture.IssuedAt(), Attempt: strings.Repeat("b", ticket.MaxAttempt), Reason: "expired"},
		{State: ticket.Redeemed, At: fixture.IssuedAt()},
	}
	for _, want := range rows {
		if err := s.Store.Settle(tb.Context(), id, want); err != nil {
			tb.Fatalf("settle: %v", err)
		}
		entry := fixture.Lookup(tb, s.Store, id)
		fixture.WantMark(tb, "lookup", entry.Mark, want)
		fixture.WantRecord(tb, "lookup", entry.Record, fixture.Record())
		fixture.WantRefused(tb, s.Store, id, ticket.ErrSpent)
	}
}

func settleLive(tb testing.TB, s Subject) {
	id := fixture.Create(tb, s.Store)
	fixture.WantErr(tb, "live", s.Store.Settle(tb.Context(), id, fixture.Redeemed("a")), ticket.ErrNotFound)
	fixture.ConsumeAs(tb, s.Store, id, fixture.Redeemed("b"))
	absent := ticket.NewID()
	fixture.WantErr(tb, "absent", s.Store.Settle(tb.Context(), absent, fixture.Redeemed("a")), ticket.ErrNotFound)
	_, err := s.Store.Lookup(tb.Context(), absent)
	fixture.WantErr(tb, "lookup", err, ticket.ErrNotFound)
}

func settleKeepsRetention(tb testing.TB, s Subject) {
	id := fixture.Create(tb, s.Store)
	fixture.ConsumeAs(tb, s.Store, id, fixture.Redeemed("a"))
	s.Advance(s.Retention - margin)
	if err := s.Store.Settle(tb.Context(), id, fixture.Redeemed("b")); err != nil {
		tb.Fatalf("settle: %v", err)
	}
	s.Advance(fixture.Lifetime + margin)
	_, err := s.Store.Lookup(tb.Context(), id)
	fixture.WantErr(tb, "lookup", err, ticket.ErrNotFound)
}

func canceled(tb testing.TB, s Subject) {
	id := fixture.Create(tb, s.Store)
	ctx, cancel := context.WithCancel(tb.Context())
	cancel()
	spent, err := s.Store.Consume(ctx, id, fixture.Redeemed("a"), fixture.Retry)
	fixture.WantNone(tb, "consume", spent)
	entry, lookupErr := s.Store.Lookup(ctx, id)
	fixture.WantNone(tb, "lookup", entry)
	errs := map[string]error{
		"create":  s.Store.Create(ctx, ticket.NewID(), fixture.Record(), fixture.Lifetime),
		"consume": err,
		"settle":  s.Store.Settle(ctx, id, fixture.Redeemed("a")),
		"lookup":  lookupErr,
	}
	for what, err := range errs {
		fixture.WantErr(tb, what, err, ticket.ErrUnavailable)
		fixture.WantErr(tb, what, err, context.Canceled)
	}
}
