package storetest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"wsticket/ticket"
)

func createTwice(tb testing.TB, s Subject) {
	id := mustCreate(tb, s.Store)
	other := record()
	other.Payload = []byte("somebody else")
	wantErr(tb, "create twice", s.Store.Create(tb.Context(), id, other, lifetime), ticket.ErrExists)
	mustConsume(tb, s.Store, id, redeemed("a"))
	wantErr(tb, "create a spent one", s.Store.Create(tb.Context(), id, other, lifetime), ticket.ErrExists)
	wantRefused(tb, s.Store, id, ticket.ErrSpent)
}

func createNonsense(tb testing.TB, s Subject) {
	rows := []struct {
		rule     string
		id       ticket.ID
		lifetime time.Duration
	}{
		{"no ID", "", lifetime},
		{"no lifetime", "idididididididididid22", 0},
		{"a lifetime of the past", "idididididididididid22", -time.Second},
		{"less than the millisecond to which stores count", "idididididididididid22", 999 * time.Microsecond},
	}
	for _, row := range rows {
		err := s.Store.Create(tb.Context(), row.id, record(), row.lifetime)
		wantErr(tb, row.rule, err, ticket.ErrInvalidRequest)
		_, err = s.Store.Lookup(tb.Context(), row.id)
		wantErr(tb, row.rule+": lookup", err, ticket.ErrNotFound)
	}
}

func consumeUnknown(tb testing.TB, s Subject) {
	mustCreate(tb, s.Store)
	wantRefused(tb, s.Store, ticket.NewID(), ticket.ErrNotFound)
	_, err := s.Store.Lookup(tb.Context(), ticket.NewID())
	wantErr(tb, "lookup", err, ticket.ErrNotFound)
}

func consumeExpired(tb testing.TB, s Subject) {
	early, late := mustCreate(tb, s.Store), mustCreate(tb, s.Store)
	s.Advance(lifetime - margin)
	mustConsume(tb, s.Store, early, redeemed("a"))
	s.Advance(margin)
	wantRefused(tb, s.Store, late, ticket.ErrNotFound)
	_, err := s.Store.Lookup(tb.Context(), late)
	wantErr(tb, "lookup", err, ticket.ErrNotFound)
}

func createAfterExpiry(tb testing.TB, s Subject) {
	id := mustCreate(tb, s.Store)
	s.Advance(lifetime)
	if err := s.Store.Create(tb.Context(), id, record(), lifetime); err != nil {
		tb.Fatalf("create: %v", err)
	}
	mustConsume(tb, s.Store, id, redeemed("a"))
}

func lookup(tb testing.TB, s Subject) {
	id := mustCreate(tb, s.Store)
	for range 2 {
		wantMark(tb, "live", mustLookup(tb, s.Store, id).Mark, ticket.Mark{State: ticket.Pending})
	}
	mustConsume(tb, s.Store, id, redeemed("a"))
	for range 2 {
		wantMark(tb, "spent", mustLookup(tb, s.Store, id).Mark, redeemed("a"))
	}
	wantRefused(tb, s.Store, id, ticket.ErrSpent)
}

func retention(tb testing.TB, s Subject) {
	id := mustCreate(tb, s.Store)
	s.Advance(lifetime - margin)
	mustConsume(tb, s.Store, id, redeemed("a"))
	s.Advance(s.Retention - margin)
	wantMark(tb, "kept", mustLookup(tb, s.Store, id).Mark, redeemed("a"))
	wantRefused(tb, s.Store, id, ticket.ErrSpent)
	s.Advance(margin)
	_, err := s.Store.Lookup(tb.Context(), id)
	wantErr(tb, "lookup", err, ticket.ErrNotFound)
	wantRefused(tb, s.Store, id, ticket.ErrNotFound)
}

func markComesBack(tb testing.TB, s Subject) {
	at := issuedAt().Add(time.Millisecond)
	rows := []ticket.Mark{
		{State: ticket.Redeemed, At: at},
		{State: ticket.Redeemed, At: at.Add(time.Millisecond), Attempt: "k"},
		{State: ticket.Redeemed, At: at, Attempt: strings.Repeat("\x00\xff", ticket.MaxAttempt/2)},
		{State: ticket.Refused, At: at, Attempt: "a", Reason: "wrong_origin"},
		{State: ticket.Revoked, At: at},
		{State: ticket.Revoked, At: time.UnixMilli(-1)},
	}
	for _, want := range rows {
		id := mustCreate(tb, s.Store)
		mustConsume(tb, s.Store, id, want)
		wantMark(tb, "lookup", mustLookup(tb, s.Store, id).Mark, want)
	}
}

func firstMarkStays(tb testing.TB, s Subject) {
	id := mustCreate(tb, s.Store)
	mustConsume(tb, s.Store, id, redeemed("first"))
	for range 2 {
		_, err := s.Store.Consume(tb.Context(), id, redeemed("second"), retry)
		wantErr(tb, "consume", err, ticket.ErrSpent)
		wantSpentBy(tb, err, "first")
	}
	wantMark(tb, "lookup", mustLookup(tb, s.Store, id).Mark, redeemed("first"))
}

func revoked(tb testing.TB, s Subject) {
	id := mustCreate(tb, s.Store)
	mustConsume(tb, s.Store, id, ticket.Mark{State: ticket.Revoked, At: issuedAt()})
	wantRefused(tb, s.Store, id, ticket.ErrRevoked)
}

func markNonsense(tb testing.TB, s Subject) {
	live, spent := mustCreate(tb, s.Store), mustCreate(tb, s.Store)
	mustConsume(tb, s.Store, spent, redeemed("a"))
	rows := []ticket.Mark{
		{},
		{State: ticket.Pending, At: issuedAt()},
		{State: "enchanted", At: issuedAt()},
		{State: ticket.Redeemed, At: issuedAt(), Attempt: strings.Repeat("a", ticket.MaxAttempt+1)},
	}
	for _, mark := range rows {
		wantRefusedAs(tb, "consume", s.Store, live, mark, retry, ticket.ErrInvalidRequest)
		wantErr(tb, "settle", s.Store.Settle(tb.Context(), spent, mark), ticket.ErrInvalidRequest)
	}
	wantMark(tb, "lookup", mustLookup(tb, s.Store, spent).Mark, redeemed("a"))
	mustConsume(tb, s.Store, live, redeemed("a"))
}

func recordComesBack(tb testing.TB, s Subject) {
	large := record()
	large.Payload = []byte(strings.Repeat("0123456789abcde\x00", 4<<10))
	rows := []ticket.Record{
		{},
		record(),
		{IssuedAt: issuedAt(), ExpiresAt: issuedAt().Add(time.Millisecond), Payload: []byte{0}},
		large,
	}
	for _, want := range rows {
		id := ticket.NewID()
		if err := s.Store.Create(tb.Context(), id, want, lifetime); err != nil {
			tb.Fatalf("create: %v", err)
		}
		wantRecord(tb, "lookup live", mustLookup(tb, s.Store, id).Record, want)
		entry, err := s.Store.Consume(tb.Context(), id, redeemed("a"), retry)
		if err != nil {
			tb.Fatalf("consume: %v", err)
		}
		wantRecord(tb, "consume", entry.Record, want)
		wantRecord(tb, "lookup spent", mustLookup(tb, s.Store, id).Record, want)
	}
}

func payloadIsNoAlias(tb testing.TB, s Subject) {
	id, rec := ticket.NewID(), record()
	if err := s.Store.Create(tb.Context(), id, rec, lifetime); err != nil {
		tb.Fatalf("create: %v", err)
	}
	scribble := func(b []byte) { copy(b, slices.Repeat([]byte{'x'}, len(b))) }
	scribble(rec.Payload)
	wantRecord(tb, "after create", mustLookup(tb, s.Store, id).Record, record())
	scribble(mustLookup(tb, s.Store, id).Record.Payload)
	for _, what := range []string{"after lookup", "after consume"} {
		got, err := s.Store.Consume(tb.Context(), id, redeemed("a"), retry)
		if err != nil {
			tb.Fatalf("consume: %v", err)
		}
		wantRecord(tb, what, got.Record, record())
		scribble(got.Record.Payload)
	}
	wantRecord(tb, "after consume again", mustLookup(tb, s.Store, id).Record, record())
}

func settle(tb testing.TB, s Subject) {
	id := mustCreate(tb, s.Store)
	mustConsume(tb, s.Store, id, redeemed("a long name of an attempt"))
	rows := []ticket.Mark{
		{State: ticket.Refused, At: issuedAt().Add(2 * time.Second), Attempt: "a", Reason: "wrong_origin"},
		{State: ticket.Refused, At: issuedAt(), Attempt: strings.Repeat("b", ticket.MaxAttempt), Reason: "expired"},
		{State: ticket.Redeemed, At: issuedAt()},
	}
	for _, want := range rows {
		if err := s.Store.Settle(tb.Context(), id, want); err != nil {
			tb.Fatalf("settle: %v", err)
		}
		entry := mustLookup(tb, s.Store, id)
		wantMark(tb, "lookup", entry.Mark, want)
		wantRecord(tb, "lookup", entry.Record, record())
		wantRefused(tb, s.Store, id, ticket.ErrSpent)
	}
}

func settleLive(tb testing.TB, s Subject) {
	id := mustCreate(tb, s.Store)
	wantErr(tb, "live", s.Store.Settle(tb.Context(), id, redeemed("a")), ticket.ErrNotFound)
	mustConsume(tb, s.Store, id, redeemed("b"))
	absent := ticket.NewID()
	wantErr(tb, "absent", s.Store.Settle(tb.Context(), absent, redeemed("a")), ticket.ErrNotFound)
	_, err := s.Store.Lookup(tb.Context(), absent)
	wantErr(tb, "lookup", err, ticket.ErrNotFound)
}

func settleKeepsRetention(tb testing.TB, s Subject) {
	id := mustCreate(tb, s.Store)
	mustConsume(tb, s.Store, id, redeemed("a"))
	s.Advance(s.Retention - margin)
	if err := s.Store.Settle(tb.Context(), id, redeemed("b")); err != nil {
		tb.Fatalf("settle: %v", err)
	}
	s.Advance(margin)
	_, err := s.Store.Lookup(tb.Context(), id)
	wantErr(tb, "lookup", err, ticket.ErrNotFound)
}

func canceled(tb testing.TB, s Subject) {
	id := mustCreate(tb, s.Store)
	ctx, cancel := context.WithCancel(tb.Context())
	cancel()
	spent, err := s.Store.Consume(ctx, id, redeemed("a"), retry)
	wantNone(tb, "consume", spent)
	entry, lookupErr := s.Store.Lookup(ctx, id)
	wantNone(tb, "lookup", entry)
	errs := map[string]error{
		"create":  s.Store.Create(ctx, ticket.NewID(), record(), lifetime),
		"consume": err,
		"settle":  s.Store.Settle(ctx, id, redeemed("a")),
		"lookup":  lookupErr,
	}
	for what, err := range errs {
		wantErr(tb, what, err, ticket.ErrUnavailable)
		wantErr(tb, what, err, context.Canceled)
	}
}
