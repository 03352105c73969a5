package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/testenv"
	"wsticket/store"
	"wsticket/store/storetest"
	"wsticket/ticket"
)

// openPipelined opens a store that puts every command into a pipeline.
func openPipelined(tb testing.TB, url string) *store.Redis {
	tb.Helper()
	s := openRedis(tb, url)
	store.UsePipeline(s, 1, nil)
	return s
}

func TestRedisPipelined(t *testing.T) {
	server := testenv.Redis(t)
	client := plainClient(t, server)
	storetest.Run(t, func(tb testing.TB) storetest.Subject {
		tb.Cleanup(func() { wantAllKeysToEnd(tb, client) })
		return storetest.Subject{
			Store:     openPipelined(tb, server.URL()),
			Twin:      openRedis(tb, server.URL()),
			Retention: retention,
			Advance:   func(d time.Duration) { age(tb, client, d) },
		}
	})
}

// A frozen server keeps nobody waiting, however many stand in the queue.
func TestRedisFrozenQueue(t *testing.T) {
	const callers = 256
	server := testenv.Redis(t)
	stores := map[string]*store.Redis{
		"pipelined": openPipelined(t, server.URL()), "as it comes": openRedis(t, server.URL()),
	}
	for name, s := range stores {
		t.Run(name, func(t *testing.T) {
			ids := make([]ticket.ID, callers)
			for i := range ids {
				ids[i] = mustCreate(t, s)
			}
			server.Freeze()
			wantAnswersInTime(t, callers, func(i int) error {
				if i%2 == 0 {
					return s.Create(t.Context(), ticket.NewID(), record("grant"), lifetime)
				}
				_, err := s.Consume(t.Context(), ids[i], redeemed("a"), retry)
				return err
			})
			server.Thaw()
			mustWorkAgain(t, s)
			// What was asked may have happened meanwhile. Nobody was let in, and
			// whoever comes now is let in once.
			for i := 1; i < callers; i += 2 {
				first, err := s.Consume(t.Context(), ids[i], redeemed("b"), retry)
				if err == nil && first.Mark.State != ticket.Pending {
					t.Errorf("consume: got the record of a ticket that is %s", first.Mark.State)
				}
				_, err = s.Consume(t.Context(), ids[i], redeemed("c"), retry)
				wantErr(t, "consume again", err, ticket.ErrSpent)
			}
		})
	}
}

// wantAnswersInTime lets callers meet a server that does not answer.
func wantAnswersInTime(t *testing.T, callers int, ask func(i int) error) {
	t.Helper()
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			start := time.Now()
			err := ask(i)
			if took := time.Since(start); took > answerWithin {
				t.Errorf("answered after %v, want at most %v", took, answerWithin)
			}
			wantKind(t, "ask", err, store.OutageTimeout)
		})
	}
	all.Wait()
}

// The queue has an end. Whoever comes after it is refused, and does not wait.
func TestRedisQueueIsFull(t *testing.T) {
	const places = 8
	server := testenv.Redis(t)
	s := openRedis(t, server.URL())
	id := mustCreate(t, s)
	store.UsePipeline(s, 1, &redis.AutoPipelineOptions{MaxQueuedCommands: places})
	mustConsume(t, s, id)
	server.Freeze()
	kinds := make(chan store.OutageKind, 4*places)
	var all sync.WaitGroup
	for range cap(kinds) {
		all.Go(func() {
			_, err := s.Consume(t.Context(), id, redeemed("b"), retry)
			outage, _ := errors.AsType[*store.OutageError](err)
			kinds <- outage.Kind()
		})
	}
	all.Wait()
	close(kinds)
	got := make(map[store.OutageKind]int)
	for kind := range kinds {
		got[kind]++
	}
	if got[store.OutageTimeout] != places || got[store.OutagePool] != 3*places {
		t.Errorf("got %v, want %d timeouts and %d without a place", got, places, 3*places)
	}
	server.Thaw()
	mustWorkAgain(t, s)
}

// A caller who gives up is answered at once. Its command may have run or not,
// and those of the others in the same batch are not touched by it.
func TestRedisGivesUpInPipeline(t *testing.T) {
	const callers = 32
	server := testenv.Redis(t)
	s := openPipelined(t, server.URL())
	ids := make([]ticket.ID, callers)
	for i := range ids {
		ids[i] = mustCreate(t, s)
	}
	mustConsume(t, s, mustCreate(t, s))
	server.Freeze()
	ctx, giveUp := context.WithCancel(t.Context())
	var patient, impatient sync.WaitGroup
	for i, id := range ids {
		if i%2 == 0 {
			impatient.Go(func() {
				_, err := s.Consume(ctx, id, redeemed("a"), retry)
				wantKind(t, "impatient", err, store.OutageCanceled)
				wantErr(t, "impatient", err, context.Canceled)
			})
			continue
		}
		patient.Go(func() { consumed(t, s, id) })
	}
	giveUp()
	impatient.Wait()
	server.Thaw()
	patient.Wait()
	for i := 0; i < callers; i += 2 {
		if _, err := s.Consume(t.Context(), ids[i], redeemed("a"), retry); err != nil {
			t.Errorf("the same attempt: got %v, want the record, first or again", err)
		}
		wantRefused(t, s, ids[i], ticket.ErrSpent)
	}
}

// Each master of a cluster has a pipeline of its own: one that does not answer
// holds up nobody whose slot another one has.
func TestRedisClusterPipelined(t *testing.T) {
	t.Parallel()
	const callers = 96
	c := testenv.Cluster(t)
	s := openPipelined(t, c.URL())
	ids := make([]ticket.ID, callers)
	for i := range ids {
		ids[i] = mustCreate(t, s)
	}
	frozen := c.MasterOf(store.DefaultPrefix + string(ids[0]))
	silent := make(map[ticket.ID]bool)
	for _, id := range ids {
		silent[id] = c.MasterOf(store.DefaultPrefix+string(id)) == frozen
	}
	frozen.Freeze()
	var all sync.WaitGroup
	for _, id := range ids {
		all.Go(func() {
			_, err := s.Consume(t.Context(), id, redeemed("a"), retry)
			if silent[id] {
				wantKind(t, "consume at the frozen master", err, store.OutageTimeout)
			} else if err != nil { // it has waited for the frozen one
				t.Errorf("consume at another master: %v", err)
			}
		})
	}
	all.Wait()
	frozen.Thaw()
	for _, id := range ids {
		if !silent[id] {
			wantRefused(t, s, id, ticket.ErrSpent)
		}
	}
}

// Where the client does not know yet who has a slot, its commands are sent on,
// and what they create is good there.
func TestRedisClusterCreatesWhileSlotMoves(t *testing.T) {
	t.Parallel()
	c := testenv.Cluster(t)
	for way, from := range map[string]int64{"one by one": -1, "in a pipeline": 1} {
		s := openRedis(t, c.URL())
		store.UsePipeline(s, from, nil)
		n := 0
		// create makes a ticket whose slot is always the same.
		create := func(when string) ticket.ID {
			n++
			id := ticket.ID(fmt.Sprintf("{slot}%s%d", way, n))
			if err := s.Create(t.Context(), id, record("grant"), lifetime); err != nil {
				t.Errorf("%s, %s: create: %v", way, when, err)
			}
			return id
		}
		good := func(when string) {
			if id := create(when); !consumed(t, s, id) {
				t.Errorf("%s, %s: the ticket is not good", way, when)
			}
		}
		good("before")
		for range 4 {
			m := c.StartMigration(store.DefaultPrefix + "{slot}")
			good("on the move")
			m.MoveKeys()
			good("almost there")
			m.Finish()
			good("moved")
			good("and known")
		}
	}
}

// A server that forgets its scripts in the middle of a batch is taught again,
// and no command runs twice.
func TestRedisForgetsScriptsInPipeline(t *testing.T) {
	const callers, rounds = 64, 5
	server := testenv.Redis(t)
	s := openPipelined(t, server.URL())
	for range rounds {
		ids := make([]ticket.ID, callers)
		for i := range ids {
			ids[i] = mustCreate(t, s)
		}
		server.MustAsk("script", "flush")
		var all sync.WaitGroup
		for _, id := range ids {
			all.Go(func() {
				consumed(t, s, id)
				wantRefused(t, s, id, ticket.ErrSpent)
			})
		}
		all.Wait()
	}
}

// Close ends the pipeline too. Whoever is in it gets an answer.
func TestRedisCloseEndsPipeline(t *testing.T) {
	server := testenv.Redis(t)
	s, err := store.OpenRedis(server.URL(), store.RedisOptions{Retention: retention})
	if err != nil {
		t.Fatal(err)
	}
	store.UsePipeline(s, 1, nil)
	mustConsume(t, s, mustCreate(t, s))
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for {
				err := s.Create(t.Context(), ticket.NewID(), record("grant"), lifetime)
				if err == nil {
					continue
				}
				// Which kind it is depends on how far a command has come.
				if _, ok := errors.AsType[*store.OutageError](err); !ok {
					t.Errorf("create on a store that closes: got %v", err)
				}
				return
			}
		})
	}
	closeStore(t, s)
	all.Wait()
	wantKind(t, "create", s.Create(t.Context(), ticket.NewID(), record("grant"), lifetime), store.OutagePool)
	wantKind(t, "ping", s.Ping(t.Context()), store.OutagePool)
}

// A store may be closed while the server does not answer. Its pipeline ends
// with the time-outs of what is under way.
func TestRedisCloseWhileFrozen(t *testing.T) {
	server := testenv.Redis(t)
	s := openPipelined(t, server.URL())
	mustConsume(t, s, mustCreate(t, s))
	server.Freeze()
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			err := s.Create(t.Context(), ticket.NewID(), record("grant"), lifetime)
			wantErr(t, "create", err, ticket.ErrUnavailable)
		})
	}
	all.Wait()
	start := time.Now()
	closeStore(t, s)
	if took := time.Since(start); took > 2*store.DefaultTimeout+answerWithin {
		t.Errorf("close: took %v", took)
	}
}
