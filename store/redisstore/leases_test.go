package redisstore_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/store/internal/fixture"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

func openLeases(tb testing.TB, url string) *redisstore.Leases {
	tb.Helper()
	return openWith(tb, url, redisstore.Options{}).Leases()
}

// take takes a place, and returns its name, which is empty if there is none, and whom
// it has displaced.
func take(tb testing.TB, l *redisstore.Leases, key, id string, limit int, displace bool) (string, []string) {
	tb.Helper()
	place, displaced, err := l.Take(tb.Context(), key, id, limit, displace)
	if err != nil {
		tb.Fatalf("take: %v", err)
	}
	return place, displaced
}

func TestLeases(t *testing.T) {
	t.Parallel()
	onEachTopology(t, testLeases)
}

func testLeases(t *testing.T, url string) {
	t.Helper()
	a, b := openLeases(t, url), openLeases(t, url)
	one, _ := take(t, a, "alice", "1", 2, false)
	two, _ := take(t, b, "alice", "2", 2, false)
	if one == "" || two == "" || !strings.HasSuffix(two, " 2") {
		t.Fatalf("the places are %q and %q", one, two)
	}
	if full, _ := take(t, b, "alice", "3", 2, false); full != "" {
		t.Errorf("a third place of two: %q", full)
	}
	if other, _ := take(t, b, "bob", "3", 2, false); other == "" {
		t.Error("no place for another subject")
	}
	again, _ := take(t, a, "alice", "2", 2, false)
	if again == "" || again == two {
		t.Errorf("the same ID: got %q, want another place than %q", again, two)
	}
	if _, displaced := take(t, a, "alice", "4", 2, true); !slices.Equal(displaced, []string{"1"}) {
		t.Errorf("displaced %q, want the oldest", displaced)
	}
	if _, displaced := take(t, b, "alice", "5", 1, true); !slices.Equal(displaced, []string{"2", "4"}) {
		t.Errorf("displaced %q with a smaller limit, want both", displaced)
	}
	// Those that made room are gone already, and a released place is free.
	five, _ := take(t, b, "alice", "5", 1, false)
	if err := a.Release(t.Context(), []string{"alice", "alice", "bob"}, []string{one, five, "unknown"}); err != nil {
		t.Fatal(err)
	}
	if six, displaced := take(t, a, "alice", "6", 1, true); six == "" || len(displaced) > 0 {
		t.Errorf("after the release: %q, displaced %q", six, displaced)
	}
}

// What is kept stays, also if the server has lost it, what is not lapses, and nothing
// stays in Redis for ever.
func TestLeasesLapse(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	s := openWith(t, server.URL(), redisstore.Options{})
	dead, alive := redisstore.ShortLeases(s, time.Millisecond), s.Leases()
	take(t, dead, "alice", "1", 1, false)
	kept := ""
	test.Wait(t, "the place of the dead process to lapse", func() bool {
		kept, _ = take(t, alive, "alice", "2", 1, false)
		return kept != ""
	})
	server.MustAsk("flushall")
	if err := alive.Keep(t.Context(), []string{"alice"}, []string{kept}); err != nil {
		t.Fatal(err)
	}
	if place, _ := take(t, alive, "alice", "3", 1, false); place != "" {
		t.Errorf("a second place of one, after the server has lost the first: %q", place)
	}
	if left, _ := server.MustAsk("pttl", "wst:{live}:c:alice").(int64); left <= 0 || left > time.Minute.Milliseconds() {
		t.Errorf("the key ends in %d ms, want at most a minute", left)
	}
}

func TestLeasesOutage(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	l := openLeases(t, server.URL())
	server.Kill()
	_, _, taken := l.Take(t.Context(), "alice", "1", 1, false)
	for _, err := range []error{
		taken, l.Keep(t.Context(), []string{"alice"}, []string{"x"}), l.Release(t.Context(), []string{"alice"}, []string{"x"}),
	} {
		fixture.WantErr(t, "killed", err, ticket.ErrUnavailable)
		if _, ok := errors.AsType[*redisstore.OutageError](err); !ok {
			t.Errorf("got %v, want an *OutageError", err)
		}
	}
}
