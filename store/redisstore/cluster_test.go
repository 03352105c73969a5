package redisstore_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/store/internal/fixture"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

func TestCluster(t *testing.T) {
	t.Parallel()
	c := testenv.Cluster(t)
	conform(t, c.URL(), c.Servers()...)
}

// A ticket whose slot moves to another node is refused there, and a spent one
// stays refused: during the move, after it, and for a client that does not know
// of it yet.
func TestClusterMigration(t *testing.T) {
	t.Parallel()
	c := testenv.Cluster(t)
	s, late := openStore(t, c.URL()), openStore(t, c.URL())
	fixture.Consume(t, late, fixture.Create(t, late)) // It knows the slots now.
	live, spent := fixture.Create(t, s), fixture.Create(t, s)
	fixture.Consume(t, s, spent)
	home := c.MasterOf(key(live))
	for _, id := range []ticket.ID{live, spent} {
		m := c.StartMigration(key(id))
		m.MoveKeys()
		wantVoid(t, "on the way", s, id)
		m.Finish()
		wantVoid(t, "moved", s, id)
		wantVoid(t, "moved, and the client is late", late, id)
	}
	// A refusal by one node does not spoil what the client knows of the others: new
	// tickets are accepted on all of them.
	for range 16 {
		fixture.Consume(t, late, fixture.Create(t, s))
	}

	// It is accepted again where it was created, once the slot is back: no other node
	// has accepted it.
	for c.MasterOf(key(live)) != home {
		c.MigrateSlot(key(live))
	}
	fixture.Consume(t, s, live)
	fixture.WantRefused(t, late, live, ticket.ErrSpent)
}

// wantVoid checks that the ticket is refused.
func wantVoid(t *testing.T, when string, s *redisstore.Store, id ticket.ID) {
	t.Helper()
	entry, err := s.Consume(t.Context(), id, fixture.Redeemed("b"), fixture.Retry)
	if !errors.Is(err, ticket.ErrFenced) && !errors.Is(err, ticket.ErrSpent) {
		t.Errorf("%s: got %v, want ErrFenced or ErrSpent", when, err)
	}
	if entry.Record.Payload != nil {
		t.Errorf("%s: got payload %q with the error", when, entry.Record.Payload)
	}
}

// Several processes present a ticket all the time while its slot moves around the
// cluster.
func TestClusterMigrationRace(t *testing.T) {
	t.Parallel()
	const tickets, processes = 6, 4
	c := testenv.Cluster(t)
	stores := make([]*redisstore.Store, processes)
	for i := range stores {
		stores[i] = openStore(t, c.URL())
	}
	sum, attempts := 0, new(atomic.Int64)
	for range tickets {
		id := fixture.Create(t, stores[0])
		var admitted atomic.Int64
		var all sync.WaitGroup
		m := c.StartMigration(key(id))
		stop := make(chan struct{})
		for _, s := range stores {
			all.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					attempt := fmt.Sprint(attempts.Add(1))
					if _, err := s.Consume(t.Context(), id, fixture.Redeemed(attempt), fixture.Retry); err == nil {
						admitted.Add(1)
					}
				}
			})
		}
		m.MoveKeys()
		m.Finish()
		for range len(c.Servers()) - 1 {
			c.MigrateSlot(key(id))
		}
		close(stop)
		all.Wait()
		if n := admitted.Load(); n > 1 {
			t.Errorf("admitted %d times, want at most once", n)
		}
		sum += int(admitted.Load())
	}
	t.Logf("%d tickets, their slots moved around the cluster, presented %d times: %d admitted", tickets, attempts.Load(), sum)
}

// The slots of a frozen or a killed node are unavailable, and all others stay
// available.
func TestClusterMasterKilled(t *testing.T) {
	t.Parallel()
	c := testenv.Cluster(t)
	s := openHasty(t, c.URL())
	ids := make([]ticket.ID, 60)
	for i := range ids {
		ids[i] = fixture.Create(t, s)
	}
	dead := c.MasterOf(key(ids[0]))
	dead.Freeze()
	start := time.Now()
	fixture.WantRefused(t, s, ids[0], ticket.ErrUnavailable)
	if took := time.Since(start); took > answerWithin {
		t.Errorf("frozen: answered after %v, want at most %v", took, answerWithin)
	}
	dead.Kill()
	lost := 0
	for _, id := range ids {
		if c.MasterOf(key(id)) != dead {
			fixture.Consume(t, s, id)
			fixture.WantRefused(t, s, id, ticket.ErrSpent)
			continue
		}
		lost++
		for what, err := range fixture.Operations(t, t.Context(), s, id) {
			if what != "create" { // Its ID may be on another node.
				fixture.WantErr(t, what, err, ticket.ErrUnavailable)
			}
		}
	}
	t.Logf("of %d tickets %d were on the dead master", len(ids), lost)
	dead.Restart()
	test.Wait(t, "a new ticket on the master that is back", func() bool {
		id := ticket.NewID()
		return c.MasterOf(key(id)) == dead && s.Create(t.Context(), id, fixture.Record(), fixture.Lifetime) == nil
	})
	fixture.WantRefused(t, s, ids[0], ticket.ErrNotFound)
}
