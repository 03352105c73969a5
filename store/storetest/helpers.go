package storetest

import (
	"sync"
	"testing"
	"time"

	"wsticket/store/internal/fixture"
	"wsticket/ticket"
)

// callers is how many goroutines meet at one ticket.
const callers = 100

// margin is how far the cases stay away from the end of a lifetime, because the
// clock of a real server goes on while they run.
const margin = 4 * time.Second

// later is the mark of the same attempt d later.
func later(mark ticket.Mark, d time.Duration) ticket.Mark {
	mark.At = mark.At.Add(d)
	return mark
}

// mustRetry checks that a retry gets the record and the mark of its first time.
func mustRetry(tb testing.TB, s ticket.Store, id ticket.ID, again, first ticket.Mark) {
	tb.Helper()
	entry, err := s.Consume(tb.Context(), id, again, fixture.Retry)
	if err != nil {
		tb.Fatalf("retry: %v", err)
	}
	fixture.WantRecord(tb, "retry", entry.Record, fixture.Record())
	fixture.WantMark(tb, "retry", entry.Mark, first)
}

// wantRefusedAs checks that Consume returns the error and no entry.
func wantRefusedAs(tb testing.TB, who string, s ticket.Store, id ticket.ID, mark ticket.Mark, window time.Duration, want error) {
	tb.Helper()
	entry, err := s.Consume(tb.Context(), id, mark, window)
	fixture.WantErr(tb, who, err, want)
	fixture.WantNone(tb, who, entry)
}

// atOnce calls fn n times at the same time and returns what it returned.
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
		fixture.WantErr(tb, "all but one", err, rest)
	}
	if won != 1 {
		tb.Errorf("succeeded: got %d of %d, want 1", won, len(errs))
	}
}
