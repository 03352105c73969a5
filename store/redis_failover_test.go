package store_test

import (
	"fmt"
	"testing"
	"time"

	"wsticket/internal/testenv"
	"wsticket/store"
	"wsticket/ticket"
)

// twin is the key that a service with plain GETDEL would keep for a ticket.
func twin(id ticket.ID) string { return "getdel:" + string(id) }

// created are tickets with their twins, of which the replica knows.
func created(t *testing.T, s *store.Redis, primary, replica *testenv.RedisServer, n int) []ticket.ID {
	t.Helper()
	ids := make([]ticket.ID, n)
	for i := range ids {
		ids[i] = mustCreate(t, s)
		primary.MustAsk("set", twin(ids[i]), "grant", "px", fmt.Sprint(lifetime.Milliseconds()))
	}
	last := store.DefaultPrefix + string(ids[n-1])
	eventually(t, 10*time.Second, "the replica has them", func() bool {
		return replica.MustAsk("exists", last, twin(ids[n-1])) == int64(2)
	})
	return ids
}

// admitted counts the tickets that a store lets in, and the errors by what a
// caller can tell.
func admitted(t *testing.T, s *store.Redis, ids []ticket.ID) (n int, errs map[string]int) {
	t.Helper()
	errs = make(map[string]int)
	for _, id := range ids {
		_, err := s.Consume(t.Context(), id, redeemed("again"), retry)
		if err == nil {
			n++
			continue
		}
		errs[ticket.Reason(err)]++
	}
	return n, errs
}

// plainly counts what GETDEL would let in.
func plainly(s *testenv.RedisServer, ids []ticket.ID) (n int) {
	for _, id := range ids {
		if s.MustAsk("getdel", twin(id)) != nil {
			n++
		}
	}
	return n
}

// The primary dies before its replica has heard that 200 tickets are spent,
// and Sentinel promotes the replica.
func TestRedisFailoverBringsNothingBack(t *testing.T) {
	t.Parallel()
	const spent, unused = 200, 100
	servers := testenv.Sentinel(t)
	old, replica := servers.Servers()[0], servers.Servers()[1]
	s := openRedis(t, servers.URL())
	ids := created(t, s, old, replica, spent+unused)
	servers.CutReplication()
	for _, id := range ids[:spent] {
		mustConsume(t, s, id)
		if old.MustAsk("getdel", twin(id)) == nil {
			t.Fatal("the twin is not there")
		}
	}

	servers.KillPrimary()
	wantErr(t, "without a primary", s.Create(t.Context(), ticket.NewID(), record("grant"), lifetime), ticket.ErrUnavailable)
	start := time.Now()
	promoted := servers.AwaitFailover(t.Context())
	var fresh ticket.ID
	eventually(t, 10*time.Second, "a new ticket", func() bool {
		fresh = ticket.NewID()
		return s.Create(t.Context(), fresh, record("grant"), lifetime) == nil
	})
	took := time.Since(start).Round(100 * time.Millisecond)

	second, errs := admitted(t, s, ids[:spent])
	t.Logf("failover took %v: of %d spent tickets %d were admitted again (%v); with plain GETDEL %d",
		took, spent, second, errs, plainly(promoted, ids[:spent]))
	if second != 0 || errs["fenced"] != spent {
		t.Errorf("spent before the failover: %d admitted, errors %v; want %d fenced", second, errs, spent)
	}
	if n, errs := admitted(t, s, ids[spent:]); n != 0 || errs["fenced"] != unused {
		t.Errorf("unused before the failover: %d admitted, errors %v; want %d fenced", n, errs, unused)
	}
	mustConsume(t, s, fresh)
	wantRefused(t, s, fresh, ticket.ErrSpent)
	mustConsume(t, s, mustCreate(t, s))
}
