package memstore_test

import (
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"wsticket/store/internal/fixture"
	"wsticket/store/memstore"
	"wsticket/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	storetest.Run(t, subject)
	storetest.RunNotes(t, subject)
	storetest.RunOnce(t, subject)
}

func subject(tb testing.TB) storetest.Subject {
	c := &clock{}
	return storetest.Subject{
		Store:     newStore(tb, memstore.Options{Retention: fixture.Retention, Now: c.now}),
		Retention: fixture.Retention,
		Advance:   c.advance,
	}
}

// clock is a clock that a test moves.
type clock struct{ past atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC).Add(time.Duration(c.past.Load()))
}

func (c *clock) advance(d time.Duration) { c.past.Add(int64(d)) }

func newStore(tb testing.TB, o memstore.Options) *memstore.Store {
	tb.Helper()
	s, err := memstore.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return s
}
