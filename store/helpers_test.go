package store_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/testenv"
	"wsticket/store"
	"wsticket/ticket"
)

const (
	lifetime  = 30 * time.Second
	retention = time.Minute
	retry     = 2 * time.Second
	// patience is a time-out for tests that are not about it: a hundred callers
	// on a busy machine may all wait for longer than the default.
	patience = 10 * time.Second
)

func record(payload string) ticket.Record {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	return ticket.Record{IssuedAt: at, ExpiresAt: at.Add(lifetime), Owner: ticket.Owner{1}, Payload: []byte(payload)}
}

func redeemed(attempt string) ticket.Mark {
	return ticket.Mark{State: ticket.Redeemed, At: time.Date(2026, 11, 23, 10, 0, 1, 0, time.UTC), Attempt: attempt}
}

// clock is a clock that a test moves.
type clock struct{ past atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC).Add(time.Duration(c.past.Load()))
}

func (c *clock) advance(d time.Duration) { c.past.Add(int64(d)) }

func newMemory(tb testing.TB, o store.MemoryOptions) *store.Memory {
	tb.Helper()
	m, err := store.NewMemory(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { closeStore(tb, m) })
	return m
}

// openRedis opens a store that the test closes.
func openRedis(tb testing.TB, url string) *store.Redis {
	tb.Helper()
	r, err := store.OpenRedis(url, store.RedisOptions{Retention: retention})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { closeStore(tb, r) })
	return r
}

func closeStore(tb testing.TB, s interface{ Close() error }) {
	tb.Helper()
	if err := s.Close(); err != nil {
		tb.Errorf("close: %v", err)
	}
}

// plainClient is a client of the test's own, to look behind the store.
func plainClient(tb testing.TB, s *testenv.RedisServer) *redis.Client {
	tb.Helper()
	c := redis.NewClient(&redis.Options{Addr: s.Addr()})
	tb.Cleanup(func() { closeStore(tb, c) })
	return c
}

func mustCreate(tb testing.TB, s ticket.Store) ticket.ID {
	tb.Helper()
	id := ticket.NewID()
	if err := s.Create(tb.Context(), id, record("grant"), lifetime); err != nil {
		tb.Fatalf("create: %v", err)
	}
	return id
}

func mustConsume(tb testing.TB, s ticket.Store, id ticket.ID) {
	tb.Helper()
	if !consumed(tb, s, id) {
		tb.FailNow()
	}
}

// consumed is mustConsume for goroutines other than the test's own.
func consumed(tb testing.TB, s ticket.Store, id ticket.ID) bool {
	tb.Helper()
	entry, err := s.Consume(tb.Context(), id, redeemed("a"), retry)
	if err != nil || string(entry.Record.Payload) != "grant" || entry.Mark.State != ticket.Pending {
		tb.Errorf("consume: got %q, %q, %v; want the record, pending until then", entry.Record.Payload, entry.Mark.State, err)
		return false
	}
	return true
}

// wantRefused checks that Consume gives the error and no record.
func wantRefused(tb testing.TB, s ticket.Store, id ticket.ID, want error) {
	tb.Helper()
	entry, err := s.Consume(tb.Context(), id, redeemed("b"), retry)
	wantErr(tb, "consume", err, want)
	if entry.Record.Payload != nil {
		tb.Errorf("consume: got payload %q with the error", entry.Record.Payload)
	}
}

func wantErr(tb testing.TB, what string, got, want error) {
	tb.Helper()
	if !errors.Is(got, want) {
		tb.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func wantKind(tb testing.TB, what string, err error, want store.OutageKind) {
	tb.Helper()
	wantErr(tb, what, err, ticket.ErrUnavailable)
	outage, ok := errors.AsType[*store.OutageError](err)
	if !ok {
		tb.Errorf("%s: got %v, want an *OutageError", what, err)
		return
	}
	if outage.Kind() != want {
		tb.Errorf("%s: got kind %q, want %q", what, outage.Kind(), want)
	}
}
