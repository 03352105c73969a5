package redisstore_test

import (
	"fmt"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/store/internal/fixture"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// twin is the key that a service with plain GETDEL would keep for a ticket.
func twin(id ticket.ID) string { return "getdel:" + string(id) }

// created creates tickets and their twins, and waits until the replica has them.
func created(t *testing.T, s *redisstore.Store, primary, replica *testenv.RedisServer, n int) []ticket.ID {
	t.Helper()
	ids := make([]ticket.ID, n)
	for i := range ids {
		ids[i] = fixture.Create(t, s)
		primary.MustAsk("set", twin(ids[i]), "grant", "px", fmt.Sprint(fixture.Lifetime.Milliseconds()))
	}
	last := key(ids[n-1])
	test.Wait(t, "the replica has them", func() bool {
		return replica.MustAsk("exists", last, twin(ids[n-1])) == int64(2)
	})
	return ids
}

// admitted counts the tickets that a store accepts, and the errors by their
// reason.
func admitted(t *testing.T, s *redisstore.Store, ids []ticket.ID) (n int, errs map[string]int) {
	t.Helper()
	errs = make(map[string]int)
	for _, id := range ids {
		_, err := s.Consume(t.Context(), id, fixture.Redeemed("again"), fixture.Retry)
		if err == nil {
			n++
			continue
		}
		errs[ticket.Reason(err)]++
	}
	return n, errs
}

// plainly counts the tickets that GETDEL would accept.
func plainly(s *testenv.RedisServer, ids []ticket.ID) (n int) {
	for _, id := range ids {
		if s.MustAsk("getdel", twin(id)) != nil {
			n++
		}
	}
	return n
}

// The primary dies before its replica has received that 200 tickets are spent,
// and Sentinel promotes the replica.
func TestFailoverBringsNothingBack(t *testing.T) {
	t.Parallel()
	const spent, unused = 200, 100
	servers := testenv.Sentinel(t)
	old, replica := servers.Servers()[0], servers.Servers()[1]
	s := openStore(t, servers.URL())
	ids := created(t, s, old, replica, spent+unused)
	servers.CutReplication()
	for _, id := range ids[:spent] {
		fixture.Consume(t, s, id)
		if old.MustAsk("getdel", twin(id)) == nil {
			t.Fatal("the twin is not there")
		}
	}

	servers.KillPrimary()
	fixture.WantErr(t, "without a primary", create(t, s), ticket.ErrUnavailable)
	start := time.Now()
	promoted := servers.AwaitFailover(t.Context())
	var fresh ticket.ID
	test.Wait(t, "a new ticket", func() bool {
		fresh = ticket.NewID()
		return s.Create(t.Context(), fresh, fixture.Record(), fixture.Lifetime) == nil
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
	fixture.Consume(t, s, fresh)
	fixture.WantRefused(t, s, fresh, ticket.ErrSpent)
	fixture.Consume(t, s, fixture.Create(t, s))
}
