package audit_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wsticket/audit"
	"wsticket/internal/test"
	"wsticket/ticket"
)

func TestNewListsEveryFault(t *testing.T) {
	_, err := audit.New(audit.Options{Queue: -1, WhenFull: "wait", Retention: time.Minute})
	if got, want := test.Faults(err), []string{"audit.Store", "audit.Queue", "audit.WhenFull", "audit.Retention"}; !slices.Equal(got, want) {
		t.Errorf("New: %v, want faults of %q", err, want)
	}
}

// TestTrailStoresWhatHappened: each event once, in its order, in a chain, with the fence;
// and nothing of the access log, nor what a Keeper has stored.
func TestTrailStoresWhatHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFake()
		trail := run(t, audit.Options{Store: store, Instance: "one", Fence: func() string { return "fence" }})
		var want []string
		for n := range 1234 { // more than two batches
			trail.Record(happened(n))
			want = append(want, "r-"+strconv.Itoa(n))
		}
		trail.Record(&ticket.Event{Kind: ticket.EventRequest})
		trail.Record(&ticket.Event{Kind: ticket.EventRedeem, Kept: true})
		pass(time.Second)
		got := store.all()
		if !slices.Equal(names(got), want) {
			t.Fatalf("%d records, want %d in their order", len(got), len(want))
		}
		for i, r := range got {
			if r.Instance != "one" || r.Seq != uint64(i)+1 || r.Fence != "fence" || r.At.IsZero() {
				t.Fatalf("record %+v, want number %d of one", r, i+1)
			}
		}
		if s := trail.Stats(); s.Stored != 1234 || s.Batches < 3 || s.Queued != 0 || s.LostFull+s.LostStopped != 0 || !s.FailingSince.IsZero() {
			t.Errorf("stats %+v", s)
		}
		if report := holds(t, store); report.Records != 1234 || report.Chains != 1 {
			t.Errorf("report %+v", report)
		}
		trail.stop()
		if !strings.Contains(trail.log.String(), "chain head") || !strings.Contains(trail.log.String(), "seq=1234") {
			t.Errorf("log: %s", trail.log)
		}
	})
}

// blocked returns a store whose first batch, one event, does not end until release.
func blocked(t *testing.T, o audit.Options) (store *fake, trail *running, release func()) {
	t.Helper()
	store = newFake()
	store.gate = make(chan struct{})
	o.Store = store
	trail = run(t, o)
	trail.Record(happened(0))
	pass(time.Second) // which ends at once, when the writer waits
	return store, trail, sync.OnceFunc(func() { close(store.gate) })
}

// TestFullQueueLosesAndCounts: what is stored and what is counted are all that happened,
// and the trail says itself how many are missing.
func TestFullQueueLosesAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, trail, release := blocked(t, audit.Options{Queue: 10})
		for n := range 25 {
			trail.Record(happened(n + 1))
		}
		if s := trail.Stats(); s.LostFull != 15 || s.Queued != 11 || s.Queue != 10 {
			t.Errorf("stats %+v, want 10 that wait, one that is being written, and 15 that are lost", s)
		}
		release()
		pass(time.Second)
		lost := 0
		for _, r := range store.all() {
			if r.Event == ticket.EventLost {
				n, err := strconv.Atoi(r.Details["events"])
				if err != nil || r.Reason != "queue_full" {
					t.Errorf("record %+v", r)
				}
				lost += n
			}
		}
		if stored := len(names(store.all())); stored != 11 || lost != 15 || trail.Stats().Stored != 11 {
			t.Errorf("%d stored and %d said to be lost, want 11 and 15", stored, lost)
		}
		holds(t, store)
	})
}

func TestBlockWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, trail, release := blocked(t, audit.Options{Queue: 2, WhenFull: audit.Block})
		time.AfterFunc(500*time.Millisecond, release)
		for n := range 5 {
			trail.Record(happened(n + 1))
		}
		pass(time.Second)
		if got := names(store.all()); len(got) != 6 || trail.Stats().LostFull != 0 {
			t.Errorf("stored %q, want 6, and none lost", got)
		}
	})
}

func TestBlockDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, trail, release := blocked(t, audit.Options{Queue: 1, WhenFull: audit.Block})
		defer release()
		trail.Record(happened(1))
		start := time.Now()
		trail.Record(happened(2))
		if took := time.Since(start); took != time.Second || trail.Stats().LostFull != 1 {
			t.Errorf("waited for %s, %+v, want 1s and one lost", took, trail.Stats())
		}
	})
}

// TestBatchIsWrittenUntilItIsStored: also where an error came although it was stored, as it
// does if the database goes away in the middle.
func TestBatchIsWrittenUntilItIsStored(t *testing.T) {
	for rule, fault := range map[string]func(call int) (before, after error){
		"nothing was stored":    func(call int) (before, after error) { return failsUntil(8, call), nil },
		"it was stored already": func(call int) (before, after error) { return nil, failsUntil(8, call) },
		"one or the other": func(call int) (before, after error) {
			if call%2 == 0 {
				return failsUntil(8, call), nil
			}
			return nil, failsUntil(8, call)
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			store := newFake()
			store.fault = fault
			trail := run(t, audit.Options{Store: store})
			for n := range 700 {
				trail.Record(happened(n))
			}
			pass(500 * time.Millisecond)
			if s := trail.Stats(); s.FailingSince.IsZero() || s.Cause != errDown.Error() || s.LastFailure.IsZero() {
				t.Errorf("%s: stats %+v, want it to be failing", rule, s)
			}
			pass(10 * time.Second)
			if got := names(store.all()); len(got) != 700 {
				t.Errorf("%s: %d stored, want 700", rule, len(got))
			}
			if s := trail.Stats(); s.Stored != 700 || !s.FailingSince.IsZero() || s.Cause != "" {
				t.Errorf("%s: stats %+v, want all to be well", rule, s)
			}
			holds(t, store)
			trail.stop()
			if n := strings.Count(trail.log.String(), "does not take events"); n != 1 {
				t.Errorf("%s: %d lines about the beginning, want 1", rule, n)
			}
			if n := strings.Count(trail.log.String(), "takes events again"); n != 1 {
				t.Errorf("%s: %d lines about the end, want 1", rule, n)
			}
		})
	}
}

func failsUntil(last, call int) error {
	if call < last {
		return errDown
	}
	return nil
}

// TestStopWritesWhatWaits: all of it, if the database takes it.
func TestStopWritesWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFake()
		trail := run(t, audit.Options{Store: store})
		for n := range 2000 {
			trail.Record(happened(n))
		}
		trail.stop()
		if got := names(store.all()); len(got) != 2000 {
			t.Errorf("%d stored, want 2000", len(got))
		}
		trail.Record(happened(1))
		if err := trail.Keep(t.Context(), *happened(1)); !errors.Is(err, ticket.ErrUnavailable) {
			t.Errorf("Keep after the end = %v, want ErrUnavailable", err)
		}
		if s := trail.Stats(); s.LostStopped != 1 || s.Stored != 2000 {
			t.Errorf("stats %+v, want the one after the end to be lost", s)
		}
	})
}

func TestStopDoesNotWaitForEver(t *testing.T) {
	for rule, change := range map[string]func(*fake){
		"a database that fails": func(f *fake) { f.fault = func(int) (before, after error) { return errDown, nil } },
		"one that is frozen":    func(f *fake) { f.gate = make(chan struct{}) },
	} {
		synctest.Test(t, func(t *testing.T) {
			store := newFake()
			change(store)
			trail := run(t, audit.Options{Store: store})
			for n := range 1000 {
				trail.Record(happened(n))
			}
			pass(time.Second)
			start := time.Now()
			trail.stop()
			if took := time.Since(start); took < 4*time.Second || took > 6*time.Second {
				t.Errorf("%s: took %s, want 5s", rule, took)
			}
			if s := trail.Stats(); s.LostStopped != 1000 || s.Queued != 0 {
				t.Errorf("%s: stats %+v, want 1000 lost", rule, s)
			}
			if !strings.Contains(trail.log.String(), "events=1000") || !strings.Contains(trail.log.String(), "seq=0") {
				t.Errorf("%s: log: %s", rule, trail.log)
			}
		})
	}
}

// TestChainThatTheDatabaseHasLost: it was restored from a backup. A new chain begins, and
// says where the other one had ended.
func TestChainThatTheDatabaseHasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFake()
		trail := run(t, audit.Options{Store: store, Instance: "one"})
		trail.Record(happened(1))
		pass(time.Second)
		store.set(func(f *fake) { clear(f.records) })
		trail.Record(happened(2))
		pass(time.Second)
		got := store.all()
		if len(got) != 2 || got[1].RequestID != "r-2" || got[0].Seq != 1 || got[0].Instance == "one" {
			t.Fatalf("records %+v, want the second event in a chain of its own", got)
		}
		if lost := got[0]; lost.Event != ticket.EventLost || lost.Reason != "chain_lost" || lost.Details["instance"] != "one" || lost.Details["seq"] != "1" || len(lost.Details["hash"]) != 64 {
			t.Errorf("record %+v, want where the chain had ended", lost)
		}
		holds(t, store)
		if !strings.Contains(trail.log.String(), "instance=one seq=1") {
			t.Errorf("log: %s", trail.log)
		}
	})
}

func TestKeepReturnsWhenItIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFake()
		trail := run(t, audit.Options{Store: store})
		start := time.Now()
		if err := trail.Keep(t.Context(), *happened(1)); err != nil || time.Since(start) > 0 {
			t.Errorf("Keep = %v after %s, want nil at once", err, time.Since(start))
		}
		if got := names(store.all()); !slices.Equal(got, []string{"r-1"}) {
			t.Errorf("stored %q", got)
		}
	})
}

// TestKeepIsStoredTogetherWithOthers: those who wait while a batch is written share the next.
func TestKeepIsStoredTogetherWithOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, trail, release := blocked(t, audit.Options{})
		var all sync.WaitGroup
		for n := range 200 {
			all.Go(func() {
				if err := trail.Keep(t.Context(), *happened(n + 1)); err != nil {
					t.Errorf("Keep: %v", err)
				}
			})
		}
		synctest.Wait()
		release()
		all.Wait()
		if got := store.called(); got != 2 {
			t.Errorf("%d batches, want 2", got)
		}
		if got := names(store.all()); len(got) != 201 {
			t.Errorf("%d stored, want 201", len(got))
		}
	})
}

// TestKeepDoesNotWaitForEver: and what was refused because of it is not stored later, if it
// was not on its way.
func TestKeepDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, trail, release := blocked(t, audit.Options{})
		start := time.Now()
		err := trail.Keep(t.Context(), *happened(1))
		if took := time.Since(start); !errors.Is(err, ticket.ErrUnavailable) || took != 2*time.Second {
			t.Errorf("Keep = %v after %s, want ErrUnavailable after 2s", err, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := trail.Keep(ctx, *happened(2)); !errors.Is(err, ticket.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Keep = %v, want that of its context", err)
		}
		release()
		pass(time.Second)
		if got := names(store.all()); !slices.Equal(got, []string{"r-0"}) {
			t.Errorf("stored %q, want the first event alone", got)
		}
		holds(t, store)
	})
}

// TestKeepDoesNotWaitForADatabaseThatIsAway: after two seconds of failures everybody hears
// it at once, and when it is back nobody does.
func TestKeepDoesNotWaitForADatabaseThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFake()
		store.fault = func(int) (before, after error) { return errDown, nil }
		trail := run(t, audit.Options{Store: store})
		trail.Record(happened(0))
		pass(10 * time.Second)
		start := time.Now()
		if err := trail.Keep(t.Context(), *happened(1)); !errors.Is(err, ticket.ErrUnavailable) || time.Since(start) > 0 {
			t.Errorf("Keep = %v after %s, want ErrUnavailable at once", err, time.Since(start))
		}
		store.set(func(f *fake) { f.fault = nil })
		pass(2 * time.Second)
		if err := trail.Keep(t.Context(), *happened(2)); err != nil {
			t.Errorf("Keep = %v, want nil", err)
		}
		if got := names(store.all()); !slices.Equal(got, []string{"r-0", "r-2"}) {
			t.Errorf("stored %q", got)
		}
	})
}

// TestKeepOfAFullQueueWaits, and is no loss: what was not stored did not happen.
func TestKeepOfAFullQueueWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, trail, release := blocked(t, audit.Options{Queue: 1})
		for _, request := range []string{"that is withdrawn", "that finds no room"} {
			if err := trail.Keep(t.Context(), *happened(2)); !errors.Is(err, ticket.ErrUnavailable) {
				t.Errorf("Keep of one %s = %v, want ErrUnavailable", request, err)
			}
		}
		time.AfterFunc(time.Second, release)
		if err := trail.Keep(t.Context(), *happened(3)); err != nil {
			t.Errorf("Keep = %v, want nil", err)
		}
		if got := names(store.all()); !slices.Equal(got, []string{"r-0", "r-3"}) || trail.Stats().LostFull != 0 {
			t.Errorf("stored %q, %+v", got, trail.Stats())
		}
	})
}

// TestStrangersKeepNobodyOut: an admission is stored although refusals fill the queue, and
// before them.
func TestStrangersKeepNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const refusals = 2000
		store, trail, release := blocked(t, audit.Options{Queue: refusals})
		for n := range refusals + 10 {
			trail.Record(happened(n + 1))
		}
		time.AfterFunc(time.Second, release)
		if err := trail.Keep(t.Context(), *happened(9000)); err != nil {
			t.Errorf("Keep = %v, want nil", err)
		}
		if got := names(store.all()); !slices.Contains(got[:1+500], "r-9000") {
			t.Errorf("it is not in the first batch of %d records", len(got))
		}
		pass(time.Second)
		if got, s := len(names(store.all())), trail.Stats(); got != refusals+2 || s.LostFull != 10 || s.Queued != 0 {
			t.Errorf("%d are stored, %+v, want %d and 10 that are lost", got, s, refusals+2)
		}
		holds(t, store)
	})
}

func TestKeepIgnoresWhatIsNoRecord(t *testing.T) {
	trail, err := audit.New(audit.Options{Store: newFake()})
	if err != nil {
		t.Fatal(err)
	}
	if err := trail.Keep(t.Context(), ticket.Event{Kind: ticket.EventRequest}); err != nil {
		t.Errorf("Keep of a request = %v, want nil", err)
	}
}

// TestRetention removes in small parts, every minute, and only revocations without it.
func TestRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFake()
		trail := run(t, audit.Options{Store: store})
		pass(150 * time.Second)
		trail.stop()
		if want := []string{"revocations", "revocations", "revocations"}; !slices.Equal(store.pruned, want) {
			t.Errorf("removed %q, want %q", store.pruned, want)
		}
		store = newFake()
		store.prune = func(calls int) (int, error) {
			if calls == 4 {
				return 0, errDown
			}
			return map[bool]int{true: 500}[calls == 2], nil
		}
		trail = run(t, audit.Options{Store: store, Retention: 24 * time.Hour})
		before := time.Now().Add(-24 * time.Hour).UTC()
		first := "records before " + before.Format(time.RFC3339)
		pass(90 * time.Second)
		trail.stop()
		if want := []string{"revocations", first, first, "revocations"}; !slices.Equal(store.pruned, want) {
			t.Errorf("removed %q, want %q", store.pruned, want)
		}
		if !strings.Contains(trail.log.String(), "cannot be removed") {
			t.Errorf("log: %s", trail.log)
		}
	})
}
