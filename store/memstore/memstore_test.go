package memstore_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wsticket/store/internal/fixture"
	"wsticket/store/memstore"
	"wsticket/ticket"
)

func TestNewListsEveryFault(t *testing.T) {
	_, err := memstore.New(memstore.Options{Retention: time.Microsecond, MaxTickets: -1})
	if err == nil {
		t.Fatal("got no error")
	}
	want := strings.Join([]string{
		"memstore: Retention: must be at least 1ms (got 1µs)",
		"memstore: MaxTickets: must be positive (got -1)",
	}, "\n")
	if err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

// The bound counts live and spent tickets. When it is reached, each live ticket
// can still be consumed.
func TestFull(t *testing.T) {
	const most = 10
	c := &clock{}
	m := newStore(t, memstore.Options{MaxTickets: most, Retention: fixture.Retention, Now: c.now})
	ids := make([]ticket.ID, most)
	for i := range ids {
		ids[i] = fixture.Create(t, m)
	}
	create := func() error { return m.Create(t.Context(), ticket.NewID(), fixture.Record(), fixture.Lifetime) }
	fixture.WantErr(t, "one too many", create(), ticket.ErrFull)
	fixture.WantErr(t, "one too many", create(), ticket.ErrUnavailable)
	fixture.WantErr(t, "a taken ID", m.Create(t.Context(), ids[0], fixture.Record(), fixture.Lifetime), ticket.ErrFull)
	for _, id := range ids {
		fixture.Consume(t, m, id)
	}
	fixture.WantErr(t, "marks count", create(), ticket.ErrFull)
	c.advance(fixture.Retention)
	for range most {
		if err := create(); err != nil {
			t.Fatalf("after the marks have ended: %v", err)
		}
	}
	fixture.WantErr(t, "full again", create(), ticket.ErrFull)
}

// A Create of a taken ID does not count.
func TestTakenIDDoesNotCount(t *testing.T) {
	m := newStore(t, memstore.Options{MaxTickets: 2})
	id := fixture.Create(t, m)
	for range 5 {
		fixture.WantErr(t, "create", m.Create(t.Context(), id, fixture.Record(), fixture.Lifetime), ticket.ErrExists)
	}
	fixture.Create(t, m)
	if got := m.Len(); got != 2 {
		t.Errorf("tickets: got %d, want 2", got)
	}
}

// The bound is exact for concurrent callers too.
func TestBoundUnderContention(t *testing.T) {
	const most, callers = 50, 200
	m := newStore(t, memstore.Options{MaxTickets: most})
	errs := make([]error, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() { errs[i] = m.Create(t.Context(), ticket.NewID(), fixture.Record(), fixture.Lifetime) })
	}
	all.Wait()
	kept := 0
	for _, err := range errs {
		if err == nil {
			kept++
		} else {
			fixture.WantErr(t, "create", err, ticket.ErrFull)
		}
	}
	if kept != most || m.Len() != most {
		t.Errorf("kept: got %d, Len %d; want %d", kept, m.Len(), most)
	}
}

// Expired tickets and marks are removed without a call.
func TestRemovesExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newStore(t, memstore.Options{Retention: fixture.Retention})
		wantLen := func(want int) {
			t.Helper()
			if got := m.Len(); got != want {
				t.Errorf("tickets: got %d, want %d", got, want)
			}
		}
		for range 2 { // The sweeper starts again after the store was empty.
			fixture.Create(t, m)
			fixture.Consume(t, m, fixture.Create(t, m))
			wantLen(2)
			<-time.After(fixture.Lifetime - time.Second)
			wantLen(2)
			<-time.After(3 * time.Second)
			wantLen(2) // the expired one is kept, too
			<-time.After(fixture.Retention - fixture.Lifetime)
			wantLen(1)
			<-time.After(fixture.Lifetime)
			wantLen(0)
		}
	})
}

func TestExpiresExactly(t *testing.T) {
	c := &clock{}
	m := newStore(t, memstore.Options{Retention: fixture.Retention, Now: c.now})
	early, late := fixture.Create(t, m), fixture.Create(t, m)
	c.advance(fixture.Lifetime - 1)
	fixture.Consume(t, m, early)
	c.advance(1)
	fixture.WantRefused(t, m, late, ticket.ErrExpired)
	c.advance(fixture.Retention - 2)
	fixture.WantRefused(t, m, early, ticket.ErrSpent)
	c.advance(1)
	fixture.WantRefused(t, m, early, ticket.ErrNotFound)
	fixture.WantRefused(t, m, late, ticket.ErrExpired)
	c.advance(1)
	fixture.WantRefused(t, m, late, ticket.ErrNotFound)
}

// Each ticket ends at its own time, whatever ends before and after it. Many share
// a shard.
func TestEndsInOrder(t *testing.T) {
	const tickets = 2000
	c := &clock{}
	m := newStore(t, memstore.Options{Retention: time.Millisecond * tickets, Now: c.now})
	ends := make(map[ticket.ID]int)
	for i := range tickets {
		id, n := ticket.NewID(), i*7919%tickets // in no order
		fixture.WantErr(t, "create", m.Create(t.Context(), id, fixture.Record(), time.Duration(n+1)*time.Millisecond), nil)
		if ends[id] = n + 1; n%2 == 0 { // Its mark ends later than all the others.
			fixture.Consume(t, m, id)
			ends[id] = tickets
		}
	}
	for now := 100; now <= tickets; now += 100 {
		c.advance(100 * time.Millisecond)
		for id, end := range ends {
			if entry, err := m.Lookup(t.Context(), id); (err == nil && !entry.Expired) != (now < end) {
				t.Fatalf("after %d ms: lookup of a ticket that ends after %d: got %v, expired %t", now, end, err, entry.Expired)
			}
		}
	}
}

// A clock that goes back neither ends a ticket nor revives one.
func TestClockGoesBack(t *testing.T) {
	c := &clock{}
	m := newStore(t, memstore.Options{Retention: fixture.Retention, Now: c.now})
	dead := fixture.Create(t, m)
	c.advance(fixture.Lifetime)
	fixture.WantRefused(t, m, dead, ticket.ErrExpired)
	live := fixture.Create(t, m)
	c.advance(-time.Hour)
	fixture.WantRefused(t, m, dead, ticket.ErrExpired)
	fixture.Consume(t, m, live)
}

func TestClosed(t *testing.T) {
	s := newStore(t, memstore.Options{})
	id := fixture.Create(t, s)
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	for what, err := range fixture.Operations(t, t.Context(), s, id) {
		fixture.WantErr(t, what, err, ticket.ErrUnavailable)
	}
	fixture.WantErr(t, "ping", s.Ping(t.Context()), ticket.ErrUnavailable)
}
