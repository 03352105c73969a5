package audit_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"wsticket/audit"
	"wsticket/internal/test"
	"wsticket/ticket"
)

// fault breaks a database, and mends it.
type fault struct {
	rule       string
	start, end func(t *testing.T, d *database)
}

// faults of each kind of database.
func faults(kind string) []fault {
	if kind == "sqlite" {
		return []fault{
			{"locked by another process", func(t *testing.T, d *database) { d.exec(t, "BEGIN EXCLUSIVE") }, func(t *testing.T, d *database) { d.exec(t, "ROLLBACK") }},
			{
				"a full disk",
				func(t *testing.T, d *database) {
					d.exec(t, "CREATE TRIGGER full BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END")
				},
				func(t *testing.T, d *database) { d.exec(t, "DROP TRIGGER full") },
			},
		}
	}
	return []fault{
		{"gone", func(_ *testing.T, d *database) { d.server.Stop() }, func(_ *testing.T, d *database) { d.server.Start() }},
		{"frozen", func(_ *testing.T, d *database) { d.server.Freeze() }, func(_ *testing.T, d *database) { d.server.Thaw() }},
		{"a full disk", func(_ *testing.T, d *database) { d.server.Fill(d.url) }, func(_ *testing.T, d *database) { d.server.Empty(d.url) }},
	}
}

// each runs a test with each fault of each kind of database.
func each(t *testing.T, f func(t *testing.T, d *database, f fault)) {
	t.Helper()
	for kind, open := range databases(t) {
		for _, fault := range faults(kind) {
			t.Run(kind+"/"+fault.rule, func(t *testing.T) { f(t, open(t), fault) })
		}
	}
}

// recordMany records events from several goroutines, and returns how many.
func recordMany(trail *running, from, count int) int {
	const callers = 4
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for n := range count / callers {
				trail.Record(happened(from + c*count/callers + n))
			}
		})
	}
	all.Wait()
	return count / callers * callers
}

// accounts checks that what is in the database and what is counted as lost are all events
// that there were, each once, and that the chain holds.
func accounts(t *testing.T, d *database, trail *running, emitted int) {
	t.Helper()
	s := trail.Stats()
	if got := int(s.Stored + s.LostFull + s.LostStopped); got != emitted {
		t.Errorf("%d stored and %d + %d lost, want %d together", s.Stored, s.LostFull, s.LostStopped, emitted)
	}
	lost, seen := 0, make(map[string]bool)
	for r := range everything(t, d) {
		if r.Event == ticket.EventLost {
			n, _ := strconv.Atoi(r.Details["events"])
			lost += n
			continue
		}
		if seen[r.RequestID] {
			t.Errorf("%s is stored twice", r.RequestID)
		}
		seen[r.RequestID] = true
	}
	if len(seen) != int(s.Stored) || lost != int(s.LostFull) {
		t.Errorf("the database has %d events and says that %d are lost, want %d and %d", len(seen), lost, s.Stored, s.LostFull)
	}
	holds(t, d)
}

// everything yields all records of a database.
func everything(t *testing.T, d *database) func(yield func(ticket.AuditRecord) bool) {
	return func(yield func(ticket.AuditRecord) bool) {
		for q := (ticket.AuditQuery{Limit: 1000}); ; {
			page, err := d.Search(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page.Records {
				if !yield(r) {
					return
				}
			}
			if q.Cursor = page.Cursor; q.Cursor == "" {
				return
			}
		}
	}
}

// TestFaultInTheMiddle: what happens meanwhile is stored afterwards, as much of it as the
// queue holds, and the rest is counted.
func TestFaultInTheMiddle(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *database, f fault) {
		trail := runImpatiently(t, audit.Options{Store: d, Queue: 1000})
		emitted := recordMany(trail, 0, 400)
		f.start(t, d)
		emitted += recordMany(trail, 400, 4000)
		test.Wait(t, "the fault to be noticed", func() bool { return !trail.Stats().FailingSince.IsZero() })
		if s := trail.Stats(); s.LostFull == 0 || s.Cause == "" {
			t.Errorf("stats %+v, want lost events and a cause", s)
		}
		f.end(t, d)
		test.Wait(t, "the end of the fault", func() bool { s := trail.Stats(); return s.FailingSince.IsZero() && s.Queued == 0 })
		emitted += recordMany(trail, 10_000, 400)
		trail.stop()
		accounts(t, d, trail, emitted)
	})
}

// TestFaultAtTheStart: events wait until the database is there.
func TestFaultAtTheStart(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *database, f fault) {
		f.start(t, d)
		trail := runImpatiently(t, audit.Options{Store: d})
		emitted := recordMany(trail, 0, 1200)
		test.Wait(t, "the fault to be noticed", func() bool { return !trail.Stats().FailingSince.IsZero() })
		f.end(t, d)
		trail.Record(happened(5000))
		test.Wait(t, "all to be stored", func() bool { return trail.Stats().Stored == uint64(emitted)+1 })
		trail.stop()
		accounts(t, d, trail, emitted+1)
	})
}

// TestRequiredWithFaults: whoever was told that an event is stored finds it there, whatever
// the database does, and during a fault nobody is.
func TestRequiredWithFaults(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *database, f fault) {
		trail := runImpatiently(t, audit.Options{Store: d})
		var mu sync.Mutex
		stored := make(map[string]bool)
		stop, all := make(chan struct{}), sync.WaitGroup{}
		for c := range 4 {
			all.Go(func() {
				pause := time.NewTicker(5 * time.Millisecond) // who locks a file has to get in between
				defer pause.Stop()
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					case <-pause.C:
					}
					e := happened(c*1_000_000 + n)
					if err := trail.Keep(context.WithoutCancel(t.Context()), *e); err == nil {
						mu.Lock()
						stored[e.Request.ID] = true
						mu.Unlock()
					} else if !errors.Is(err, ticket.ErrUnavailable) {
						t.Errorf("Keep = %v, want ErrUnavailable", err)
					}
				}
			})
		}
		some := func(more int) func() bool {
			mu.Lock()
			least := len(stored) + more
			mu.Unlock()
			return func() bool { mu.Lock(); defer mu.Unlock(); return len(stored) >= least }
		}
		test.Wait(t, "some events", some(20))
		f.start(t, d)
		test.Wait(t, "the fault to be noticed", func() bool { return !trail.Stats().FailingSince.IsZero() })
		if err := trail.Keep(t.Context(), *happened(-1)); !errors.Is(err, ticket.ErrUnavailable) {
			t.Errorf("Keep during the fault = %v, want ErrUnavailable", err)
		}
		f.end(t, d)
		test.Wait(t, "more events", some(20))
		close(stop)
		all.Wait()
		trail.stop()
		there := make(map[string]bool)
		for r := range everything(t, d) {
			there[r.RequestID] = true
		}
		for id := range stored {
			if !there[id] {
				t.Errorf("%s is not there", id)
			}
		}
		holds(t, d)
	})
}

// TestRestartsInTheMiddleOfBatches: PostgreSQL loses power again and again while batches
// are written. A batch whose answer is lost is written again, and stored once.
func TestRestartsInTheMiddleOfBatches(t *testing.T) {
	t.Parallel()
	for kind, open := range databases(t) {
		if kind != "postgres" {
			continue
		}
		d := open(t)
		trail := run(t, audit.Options{Store: d, WhenFull: audit.Block})
		ended := make(chan int)
		go func() { ended <- recordMany(trail, 0, 20_000) }()
		for restarts := range 3 {
			least := trail.Stats().Stored + 500
			test.Wait(t, "events between two restarts", func() bool { s := trail.Stats(); return s.Stored >= least || s.Stored == 20_000 })
			t.Logf("restart %d after %d events", restarts+1, trail.Stats().Stored)
			d.server.Restart()
		}
		emitted := <-ended
		trail.stop()
		accounts(t, d, trail, emitted)
	}
}

// TestManyEventsWithReaders: 100 000 events, while ten people search.
func TestManyEventsWithReaders(t *testing.T) {
	t.Parallel()
	events := 100_000
	if testing.Short() || underRace {
		events = 3000 // the race detector makes SQLite slow
	}
	for kind, open := range databases(t) {
		t.Run(kind, func(t *testing.T) {
			d := open(t)
			trail := run(t, audit.Options{Store: d, WhenFull: audit.Block})
			ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
			defer stop()
			var readers sync.WaitGroup
			for n := range 10 {
				readers.Go(func() { search(ctx, t, d, n) })
			}
			start := time.Now()
			emitted := recordMany(trail, 0, events)
			for trail.Stats().Queued > 0 {
				least := trail.Stats().Stored + 1
				test.Wait(t, "more to be written", func() bool { s := trail.Stats(); return s.Stored >= least || s.Queued == 0 })
			}
			t.Logf("%d events in %s", emitted, time.Since(start))
			stop()
			readers.Wait()
			trail.stop()
			accounts(t, d, trail, emitted)
		})
	}
}

// search reads like somebody who looks for something, until ctx ends.
func search(ctx context.Context, t *testing.T, d *database, n int) {
	q := ticket.AuditQuery{Limit: 50, Newest: n%2 == 0}
	if n%3 == 0 {
		q.TicketID = ticket.ID("ticket-" + strconv.Itoa(n*100))
	}
	pause := time.NewTicker(100 * time.Millisecond)
	defer pause.Stop()
	for ctx.Err() == nil {
		<-pause.C
		page, err := d.Search(ctx, q)
		if err != nil {
			if ctx.Err() == nil {
				t.Errorf("Search: %v", err)
			}
			return
		}
		for _, r := range page.Records {
			if q.TicketID != "" && r.TicketID != q.TicketID {
				t.Errorf("Search for %s found %s", q.TicketID, r.TicketID)
			}
		}
		q.Cursor = page.Cursor
	}
}
