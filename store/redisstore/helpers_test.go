package redisstore_test

import (
	"cmp"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"wsticket/internal/testenv"
	"wsticket/store/internal/fixture"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

func TestMain(m *testing.M) {
	redisstore.QuietLogger(slog.New(slog.DiscardHandler)) // Many tests cause failures.
	goleak.VerifyTestMain(m)
}

// patience is the time-out of stores in tests that are not about it: on a busy machine
// even one caller may wait for longer than the default.
const patience = 10 * time.Second

// openHasty is openStore with the default time-out, for tests with a server that does
// not answer.
func openHasty(tb testing.TB, url string) *redisstore.Store {
	tb.Helper()
	return openWith(tb, url, redisstore.Options{Timeout: redisstore.DefaultTimeout})
}

// openStore opens a store that the test closes.
func openStore(tb testing.TB, url string) *redisstore.Store {
	tb.Helper()
	return openWith(tb, url, redisstore.Options{})
}

// openWith is openStore with options, of which it sets the retention, and the
// time-out if there is none.
func openWith(tb testing.TB, url string, o redisstore.Options) *redisstore.Store {
	tb.Helper()
	o.Retention = fixture.Retention
	o.Timeout = cmp.Or(o.Timeout, patience)
	s, err := redisstore.Open(url, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { mustClose(tb, s) })
	return s
}

func mustClose(tb testing.TB, c io.Closer) {
	tb.Helper()
	if err := c.Close(); err != nil {
		tb.Errorf("close: %v", err)
	}
}

// plainClient is a client of the test's own, to see what the store has done.
func plainClient(tb testing.TB, s *testenv.RedisServer) *redis.Client {
	tb.Helper()
	c := redis.NewClient(&redis.Options{Addr: s.Addr()})
	tb.Cleanup(func() { mustClose(tb, c) })
	return c
}

// key is the key of a ticket with the default prefix.
func key(id ticket.ID) string { return redisstore.DefaultPrefix + string(id) }

// create creates a ticket under a new ID, for tests of whether that works.
func create(tb testing.TB, s ticket.Store) error {
	tb.Helper()
	return s.Create(tb.Context(), ticket.NewID(), fixture.Record(), fixture.Lifetime)
}

func wantKind(tb testing.TB, what string, err error, want redisstore.OutageKind) {
	tb.Helper()
	fixture.WantErr(tb, what, err, ticket.ErrUnavailable)
	outage, ok := errors.AsType[*redisstore.OutageError](err)
	if !ok {
		tb.Errorf("%s: got %v, want an *OutageError", what, err)
		return
	}
	if outage.Kind() != want {
		tb.Errorf("%s: got kind %q, want %q", what, outage.Kind(), want)
	}
}
