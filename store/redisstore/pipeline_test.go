package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/testenv"
	"wsticket/store/internal/fixture"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// pipelined makes a store put every command into a pipeline.
func pipelined(s *redisstore.Store) *redisstore.Store {
	redisstore.UsePipeline(s, 1, nil)
	return s
}

func TestConformancePipelined(t *testing.T) {
	server := testenv.Redis(t)
	conformWith(t, func(tb testing.TB, o redisstore.Options) (store, twin *redisstore.Store) {
		store, twin = openWith(tb, server.URL(), o), openWith(tb, server.URL(), o)
		return pipelined(store), twin
	}, server)
}

// With a frozen server no caller waits long, however many are in the queue.
func TestFrozenQueue(t *testing.T) {
	const callers = 256
	server := testenv.Redis(t)
	stores := map[string]*redisstore.Store{
		"pipelined": pipelined(openHasty(t, server.URL())), "by threshold": openHasty(t, server.URL()), "one by one": openHasty(t, server.URL()),
	}
	redisstore.UsePipeline(stores["one by one"], -1, nil)
	for name, s := range stores {
		t.Run(name, func(t *testing.T) {
			cold := openHasty(t, server.URL()) // It has no connection yet.
			ids := make([]ticket.ID, callers)
			for i := range ids {
				ids[i] = fixture.Create(t, s)
			}
			server.Freeze()
			wantAnswersInTime(t, callers, func(i int) error {
				if i%2 == 0 {
					return create(t, s)
				}
				from := map[bool]*redisstore.Store{true: s, false: cold}[i%4 == 1]
				_, err := from.Consume(t.Context(), ids[i], fixture.Redeemed("a"), fixture.Retry)
				return err
			})
			server.Thaw()
			mustWorkAgain(t, s)
			// The commands may have run meanwhile. They have admitted no caller, and the next
			// attempt is admitted at most once.
			for i := 1; i < callers; i += 2 {
				first, err := s.Consume(t.Context(), ids[i], fixture.Redeemed("b"), fixture.Retry)
				if err == nil && first.Mark.State != ticket.Pending {
					t.Errorf("consume: got the record of a ticket that is %s", first.Mark.State)
				}
				_, err = s.Consume(t.Context(), ids[i], fixture.Redeemed("c"), fixture.Retry)
				fixture.WantErr(t, "consume again", err, ticket.ErrSpent)
			}
		})
	}
}

// wantAnswersInTime checks concurrent calls of a server that does not answer.
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
			wantKind(t, "ask", err, redisstore.OutageTimeout)
		})
	}
	all.Wait()
}

// The queue is limited. Further callers are refused without waiting.
func TestQueueIsFull(t *testing.T) {
	const places = 8
	server := testenv.Redis(t)
	s := openHasty(t, server.URL())
	id := fixture.Create(t, s)
	redisstore.UsePipeline(s, 1, &redis.AutoPipelineOptions{MaxQueuedCommands: places})
	fixture.Consume(t, s, id)
	server.Freeze()
	kinds := make(chan redisstore.OutageKind, 4*places)
	var all sync.WaitGroup
	for range cap(kinds) {
		all.Go(func() {
			_, err := s.Consume(t.Context(), id, fixture.Redeemed("b"), fixture.Retry)
			outage, _ := errors.AsType[*redisstore.OutageError](err)
			kinds <- outage.Kind()
		})
	}
	all.Wait()
	close(kinds)
	got := make(map[redisstore.OutageKind]int)
	for kind := range kinds {
		got[kind]++
	}
	if got[redisstore.OutageTimeout] != places || got[redisstore.OutagePool] != 3*places {
		t.Errorf("got %v, want %d timeouts and %d without a place", got, places, 3*places)
	}
	server.Thaw()
	mustWorkAgain(t, s)
}

// A caller that gives up is answered at once. Its command may have run or not, and
// the other commands of the same batch are not affected.
func TestGivesUpInPipeline(t *testing.T) {
	const callers = 32
	server := testenv.Redis(t)
	s := pipelined(openHasty(t, server.URL()))
	ids := make([]ticket.ID, callers)
	for i := range ids {
		ids[i] = fixture.Create(t, s)
	}
	fixture.Consume(t, s, fixture.Create(t, s))
	server.Freeze()
	ctx, giveUp := context.WithCancel(t.Context())
	var patient, impatient sync.WaitGroup
	for i, id := range ids {
		if i%2 == 0 {
			impatient.Go(func() {
				_, err := s.Consume(ctx, id, fixture.Redeemed("a"), fixture.Retry)
				wantKind(t, "impatient", err, redisstore.OutageCanceled)
				fixture.WantErr(t, "impatient", err, context.Canceled)
			})
			continue
		}
		patient.Go(func() { fixture.Consumed(t, s, id) })
	}
	giveUp()
	impatient.Wait()
	server.Thaw()
	patient.Wait()
	for i := 0; i < callers; i += 2 {
		if _, err := s.Consume(t.Context(), ids[i], fixture.Redeemed("a"), fixture.Retry); err != nil {
			t.Errorf("the same attempt: got %v, want the record, first or again", err)
		}
		fixture.WantRefused(t, s, ids[i], ticket.ErrSpent)
	}
}

// For a caller that gave up before the call, nothing is sent.
func TestGaveUpBefore(t *testing.T) {
	s := pipelined(openStore(t, testenv.Redis(t).URL()))
	fixture.Consume(t, s, fixture.Create(t, s)) // loads the script
	id := fixture.Create(t, s)
	ctx, giveUp := context.WithCancel(t.Context())
	giveUp()
	for range 64 {
		_, err := s.Consume(ctx, id, fixture.Redeemed("a"), fixture.Retry)
		wantKind(t, "consume", err, redisstore.OutageCanceled)
	}
	fixture.WantMark(t, "lookup", fixture.Lookup(t, s, id).Mark, ticket.Mark{State: ticket.Pending})
}

// Each node of a cluster has a pipeline of its own: one that does not answer does
// not delay commands for the others.
func TestClusterPipelined(t *testing.T) {
	t.Parallel()
	const callers = 96
	c := testenv.Cluster(t)
	s := pipelined(openHasty(t, c.URL()))
	ids := make([]ticket.ID, callers)
	for i := range ids {
		ids[i] = fixture.Create(t, s)
	}
	frozen := c.MasterOf(key(ids[0]))
	silent := make(map[ticket.ID]bool)
	for _, id := range ids {
		silent[id] = c.MasterOf(key(id)) == frozen
	}
	frozen.Freeze()
	var all sync.WaitGroup
	for _, id := range ids {
		all.Go(func() {
			_, err := s.Consume(t.Context(), id, fixture.Redeemed("a"), fixture.Retry)
			if silent[id] {
				wantKind(t, "consume at the frozen master", err, redisstore.OutageTimeout)
			} else if err != nil { // It has waited for the frozen one.
				t.Errorf("consume at another master: %v", err)
			}
		})
	}
	all.Wait()
	frozen.Thaw()
	for _, id := range ids {
		if !silent[id] {
			fixture.WantRefused(t, s, id, ticket.ErrSpent)
		}
	}
}

// While the client does not know yet which node has a slot, its commands are
// redirected, and the tickets that they create are good.
func TestClusterCreatesWhileSlotMoves(t *testing.T) {
	t.Parallel()
	c := testenv.Cluster(t)
	for way, from := range map[string]int64{"one by one": -1, "in a pipeline": 1} {
		s := openStore(t, c.URL())
		redisstore.UsePipeline(s, from, nil)
		n := 0
		// create makes a ticket in a fixed slot.
		create := func(when string) ticket.ID {
			n++
			id := ticket.ID(fmt.Sprintf("{slot}%s%d", way, n))
			if err := s.Create(t.Context(), id, fixture.Record(), fixture.Lifetime); err != nil {
				t.Errorf("%s, %s: create: %v", way, when, err)
			}
			return id
		}
		good := func(when string) {
			if id := create(when); !fixture.Consumed(t, s, id) {
				t.Errorf("%s, %s: the ticket is not good", way, when)
			}
		}
		good("before")
		for range 4 {
			m := c.StartMigration(redisstore.DefaultPrefix + "{slot}")
			good("on the move")
			m.MoveKeys()
			good("almost there")
			m.Finish()
			good("moved")
			good("and known")
		}
	}
}

// If a server forgets its scripts in the middle of a batch, they are sent again,
// and no command runs twice.
func TestForgetsScriptsInPipeline(t *testing.T) {
	const callers, rounds = 64, 5
	server := testenv.Redis(t)
	s := pipelined(openStore(t, server.URL()))
	for range rounds {
		ids := make([]ticket.ID, callers)
		for i := range ids {
			ids[i] = fixture.Create(t, s)
		}
		server.MustAsk("script", "flush")
		var all sync.WaitGroup
		for _, id := range ids {
			all.Go(func() {
				fixture.Consumed(t, s, id)
				fixture.WantRefused(t, s, id, ticket.ErrSpent)
			})
		}
		all.Wait()
	}
}

// Close ends the pipeline too. The callers in it get an answer.
func TestCloseEndsPipeline(t *testing.T) {
	server := testenv.Redis(t)
	s, err := redisstore.Open(server.URL(), redisstore.Options{Retention: fixture.Retention})
	if err != nil {
		t.Fatal(err)
	}
	redisstore.UsePipeline(s, 1, nil)
	fixture.Consume(t, s, fixture.Create(t, s))
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for {
				err := create(t, s)
				if err == nil {
					continue
				}
				// The kind depends on how far the command has come.
				if _, ok := errors.AsType[*redisstore.OutageError](err); !ok {
					t.Errorf("create on a store that closes: got %v", err)
				}
				return
			}
		})
	}
	mustClose(t, s)
	all.Wait()
	wantKind(t, "create", create(t, s), redisstore.OutagePool)
	wantKind(t, "ping", s.Ping(t.Context()), redisstore.OutagePool)
}

// A store can be closed while the server does not answer. Its pipeline ends with
// the time-outs of the commands in flight.
func TestCloseWhileFrozen(t *testing.T) {
	server := testenv.Redis(t)
	s := pipelined(openHasty(t, server.URL()))
	fixture.Consume(t, s, fixture.Create(t, s))
	server.Freeze()
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			err := create(t, s)
			fixture.WantErr(t, "create", err, ticket.ErrUnavailable)
		})
	}
	all.Wait()
	start := time.Now()
	mustClose(t, s)
	if took := time.Since(start); took > 2*redisstore.DefaultTimeout+answerWithin {
		t.Errorf("close: took %v", took)
	}
}
