package storetest

import (
	"bytes"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"wsticket/ticket"
)

// callers is how many goroutines meet at one ticket.
const callers = 100

// lifetime is that of a record where the case does not say otherwise. The
// cases stay margin away from its end, because a real server's clock goes on
// while they run.
const (
	lifetime = 30 * time.Second
	margin   = 4 * time.Second
)

// issuedAt has a part below the millisecond, which a store may drop.
func issuedAt() time.Time { return time.Date(2026, 11, 23, 10, 0, 0, 123_456_789, time.UTC) }

func record() ticket.Record {
	return ticket.Record{
		IssuedAt: issuedAt(), ExpiresAt: issuedAt().Add(lifetime),
		Owner:   ticket.Owner{0, 1, 2, 0xff, 15: 0xfe},
		Payload: []byte("\x00grant\r\n\xff\x80 of somebody"),
	}
}

// retry is the window within which an attempt may come again.
const retry = 2 * time.Second

func redeemed(attempt string) ticket.Mark {
	return ticket.Mark{State: ticket.Redeemed, At: issuedAt().Add(time.Second), Attempt: attempt}
}

// later is the mark of the same attempt that comes again after d.
func later(mark ticket.Mark, d time.Duration) ticket.Mark {
	mark.At = mark.At.Add(d)
	return mark
}

// mustCreate keeps record() under a new ID.
func mustCreate(tb testing.TB, s ticket.Store) ticket.ID {
	tb.Helper()
	id := ticket.NewID()
	if err := s.Create(tb.Context(), id, record(), lifetime); err != nil {
		tb.Fatalf("create: %v", err)
	}
	return id
}

// mustConsume spends the ticket and checks that it was record() until then.
func mustConsume(tb testing.TB, s ticket.Store, id ticket.ID, mark ticket.Mark) {
	tb.Helper()
	entry, err := s.Consume(tb.Context(), id, mark, retry)
	if err != nil {
		tb.Fatalf("consume: %v", err)
	}
	wantRecord(tb, "consume", entry.Record, record())
	wantMark(tb, "consume", entry.Mark, ticket.Mark{State: ticket.Pending})
}

// mustRetry lets an attempt come again and checks that it gets record() and
// the mark of its first time.
func mustRetry(tb testing.TB, s ticket.Store, id ticket.ID, again, first ticket.Mark) {
	tb.Helper()
	entry, err := s.Consume(tb.Context(), id, again, retry)
	if err != nil {
		tb.Fatalf("consume again: %v", err)
	}
	wantRecord(tb, "consume again", entry.Record, record())
	wantMark(tb, "consume again", entry.Mark, first)
}

func mustLookup(tb testing.TB, s ticket.Store, id ticket.ID) ticket.Entry {
	tb.Helper()
	entry, err := s.Lookup(tb.Context(), id)
	if err != nil {
		tb.Fatalf("lookup: %v", err)
	}
	return entry
}

func wantErr(tb testing.TB, what string, got, want error) {
	tb.Helper()
	if !errors.Is(got, want) {
		tb.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// wantRefused checks that Consume gave the error and nothing besides.
func wantRefused(tb testing.TB, s ticket.Store, id ticket.ID, want error) {
	tb.Helper()
	wantRefusedAs(tb, "somebody else", s, id, redeemed("late"), retry, want)
}

func wantRefusedAs(tb testing.TB, who string, s ticket.Store, id ticket.ID, mark ticket.Mark, window time.Duration, want error) {
	tb.Helper()
	entry, err := s.Consume(tb.Context(), id, mark, window)
	wantErr(tb, who, err, want)
	wantNone(tb, who, entry)
}

func wantNone(tb testing.TB, what string, got ticket.Entry) {
	tb.Helper()
	if !reflect.DeepEqual(got, ticket.Entry{}) {
		tb.Errorf("%s: got entry %+v with the error, want none", what, got)
	}
}

func wantRecord(tb testing.TB, what string, got, want ticket.Record) {
	tb.Helper()
	same := sameMilli(got.IssuedAt, want.IssuedAt) && sameMilli(got.ExpiresAt, want.ExpiresAt) &&
		got.Owner == want.Owner && bytes.Equal(got.Payload, want.Payload)
	if !same {
		tb.Errorf("%s: got %+v, want %+v", what, got, want)
	}
}

func wantMark(tb testing.TB, what string, got, want ticket.Mark) {
	tb.Helper()
	same := got.State == want.State && sameMilli(got.At, want.At) &&
		got.Attempt == want.Attempt && got.Reason == want.Reason
	if !same {
		tb.Errorf("%s: got mark %+v, want %+v", what, got, want)
	}
}

func sameMilli(a, b time.Time) bool { return a.UnixMilli() == b.UnixMilli() }

// atOnce runs fn n times at the same time and returns what each said.
func atOnce(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	begin := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-begin
			errs[i] = fn(i)
		})
	}
	close(begin)
	all.Wait()
	return errs
}

// wantOneNil checks that one call succeeded and all others wrap rest.
func wantOneNil(tb testing.TB, errs []error, rest error) {
	tb.Helper()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		wantErr(tb, "all but one", err, rest)
	}
	if won != 1 {
		tb.Errorf("succeeded: got %d of %d, want 1", won, len(errs))
	}
}
