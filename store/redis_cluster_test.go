package store_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wsticket/internal/testenv"
	"wsticket/store"
	"wsticket/ticket"
)

func TestRedisCluster(t *testing.T) {
	t.Parallel()
	c := testenv.Cluster(t)
	conform(t, c.URL(), c.Servers()...)
}

// key is what a store without a prefix of its own calls a ticket.
func key(id ticket.ID) string { return store.DefaultPrefix + string(id) }

// A ticket whose slot moves to another master is void there, and what was
// spent stays refused: in the middle of the move, after it, and for a client
// that has not heard of it.
func TestRedisClusterMigration(t *testing.T) {
	t.Parallel()
	c := testenv.Cluster(t)
	s, late := openRedis(t, c.URL()), openRedis(t, c.URL())
	mustConsume(t, late, mustCreate(t, late)) // it knows who has the slots now
	live, spent := mustCreate(t, s), mustCreate(t, s)
	mustConsume(t, s, spent)
	home := c.MasterOf(key(live))
	for _, id := range []ticket.ID{live, spent} {
		m := c.StartMigration(key(id))
		m.MoveKeys()
		wantVoid(t, "on the way", s, id)
		m.Finish()
		wantVoid(t, "moved", s, id)
		wantVoid(t, "moved, and the client is late", late, id)
	}
	// Whoever was refused by one master has learnt nothing false of another:
	// new tickets are good, on all of them.
	for range 16 {
		mustConsume(t, late, mustCreate(t, s))
	}

	// It is good again where it was created, if the slot comes back: nobody
	// got it elsewhere.
	for c.MasterOf(key(live)) != home {
		c.MigrateSlot(key(live))
	}
	mustConsume(t, s, live)
	wantRefused(t, late, live, ticket.ErrSpent)
}

// wantVoid checks that nobody gets the ticket.
func wantVoid(t *testing.T, when string, s *store.Redis, id ticket.ID) {
	t.Helper()
	entry, err := s.Consume(t.Context(), id, redeemed("b"), retry)
	if !errors.Is(err, ticket.ErrFenced) && !errors.Is(err, ticket.ErrSpent) {
		t.Errorf("%s: got %v, want ErrFenced or ErrSpent", when, err)
	}
	if entry.Record.Payload != nil {
		t.Errorf("%s: got payload %q with the error", when, entry.Record.Payload)
	}
}

// While its slot moves around the whole cluster, a ticket is presented again
// and again by several processes.
func TestRedisClusterMigrationRace(t *testing.T) {
	t.Parallel()
	const tickets, processes = 6, 4
	c := testenv.Cluster(t)
	stores := make([]*store.Redis, processes)
	for i := range stores {
		stores[i] = openRedis(t, c.URL())
	}
	sum, attempts := 0, new(atomic.Int64)
	for range tickets {
		id := mustCreate(t, stores[0])
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
					if _, err := s.Consume(t.Context(), id, redeemed(attempt), retry); err == nil {
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

// The slots of a frozen master, and of a dead one, are unavailable, and all
// other ones go on.
func TestRedisClusterMasterKilled(t *testing.T) {
	t.Parallel()
	c := testenv.Cluster(t)
	s := openRedis(t, c.URL())
	ids := make([]ticket.ID, 60)
	for i := range ids {
		ids[i] = mustCreate(t, s)
	}
	dead := c.MasterOf(key(ids[0]))
	dead.Freeze()
	start := time.Now()
	wantRefused(t, s, ids[0], ticket.ErrUnavailable)
	if took := time.Since(start); took > answerWithin {
		t.Errorf("frozen: answered after %v, want at most %v", took, answerWithin)
	}
	dead.Kill()
	lost := 0
	for _, id := range ids {
		if c.MasterOf(key(id)) != dead {
			mustConsume(t, s, id)
			wantRefused(t, s, id, ticket.ErrSpent)
			continue
		}
		lost++
		for what, err := range operations(t, t.Context(), s, id) {
			if what != "create" { // of an ID that may be anywhere
				wantErr(t, what, err, ticket.ErrUnavailable)
			}
		}
	}
	t.Logf("of %d tickets %d were on the dead master", len(ids), lost)
	dead.Restart()
	eventually(t, 10*time.Second, "a new ticket on the master that is back", func() bool {
		id := ticket.NewID()
		return c.MasterOf(key(id)) == dead && s.Create(t.Context(), id, record("grant"), lifetime) == nil
	})
	wantRefused(t, s, ids[0], ticket.ErrNotFound)
}
