package store_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wsticket/store"
	"wsticket/ticket"
)

func TestNewMemoryListsEveryFault(t *testing.T) {
	_, err := store.NewMemory(store.MemoryOptions{Retention: time.Microsecond, MaxTickets: -1})
	if err == nil {
		t.Fatal("got no error")
	}
	want := strings.Join([]string{
		"store: memory: retention: must be at least 1ms (got 1µs)",
		"store: memory: max tickets: must be positive (got -1)",
	}, "\n")
	if err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

// The bound counts live and spent tickets. Reaching it costs no live ticket,
// and none of them becomes useless.
func TestMemoryFull(t *testing.T) {
	const most = 10
	c := &clock{}
	m := newMemory(t, store.MemoryOptions{MaxTickets: most, Retention: retention, Now: c.now})
	ids := make([]ticket.ID, most)
	for i := range ids {
		ids[i] = mustCreate(t, m)
	}
	create := func() error { return m.Create(t.Context(), ticket.NewID(), record("grant"), lifetime) }
	wantErr(t, "one too many", create(), ticket.ErrFull)
	wantErr(t, "one too many", create(), ticket.ErrUnavailable)
	wantErr(t, "a taken ID", m.Create(t.Context(), ids[0], record("grant"), lifetime), ticket.ErrFull)
	for _, id := range ids {
		mustConsume(t, m, id)
	}
	wantErr(t, "marks count", create(), ticket.ErrFull)
	c.advance(retention)
	for range most {
		if err := create(); err != nil {
			t.Fatalf("after the marks have ended: %v", err)
		}
	}
	wantErr(t, "full again", create(), ticket.ErrFull)
}

// An ID that is taken gives the place back that was reserved for it.
func TestMemoryTakenIDCostsNoPlace(t *testing.T) {
	m := newMemory(t, store.MemoryOptions{MaxTickets: 2})
	id := mustCreate(t, m)
	for range 5 {
		wantErr(t, "create", m.Create(t.Context(), id, record("grant"), lifetime), ticket.ErrExists)
	}
	mustCreate(t, m)
	if got := m.Len(); got != 2 {
		t.Errorf("tickets: got %d, want 2", got)
	}
}

// The bound is exact also for callers who come at the same time.
func TestMemoryBoundUnderContention(t *testing.T) {
	const most, callers = 50, 200
	m := newMemory(t, store.MemoryOptions{MaxTickets: most})
	errs := make([]error, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() { errs[i] = m.Create(t.Context(), ticket.NewID(), record("grant"), lifetime) })
	}
	all.Wait()
	kept := 0
	for _, err := range errs {
		if err == nil {
			kept++
		} else {
			wantErr(t, "create", err, ticket.ErrFull)
		}
	}
	if kept != most || m.Len() != most {
		t.Errorf("kept: got %d, Len %d; want %d", kept, m.Len(), most)
	}
}

// Expired tickets and marks leave the memory though nobody asks for them.
func TestMemoryForgetsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(t, store.MemoryOptions{Retention: retention})
		wantLen := func(want int) {
			t.Helper()
			if got := m.Len(); got != want {
				t.Errorf("tickets: got %d, want %d", got, want)
			}
		}
		for range 2 { // it works again after it was empty
			mustCreate(t, m)
			mustConsume(t, m, mustCreate(t, m))
			wantLen(2)
			<-time.After(lifetime - time.Second)
			wantLen(2)
			<-time.After(3 * time.Second)
			wantLen(1)
			<-time.After(retention)
			wantLen(0)
		}
	})
}

func TestMemoryEndsToTheInstant(t *testing.T) {
	c := &clock{}
	m := newMemory(t, store.MemoryOptions{Retention: retention, Now: c.now})
	early, late := mustCreate(t, m), mustCreate(t, m)
	c.advance(lifetime - 1)
	mustConsume(t, m, early)
	c.advance(1)
	wantRefused(t, m, late, ticket.ErrNotFound)
	c.advance(retention - 2)
	wantRefused(t, m, early, ticket.ErrSpent)
	c.advance(1)
	wantRefused(t, m, early, ticket.ErrNotFound)
}

// A clock that goes back keeps live tickets and brings back no dead one.
func TestMemoryClockGoesBack(t *testing.T) {
	c := &clock{}
	m := newMemory(t, store.MemoryOptions{Retention: retention, Now: c.now})
	dead := mustCreate(t, m)
	c.advance(lifetime)
	wantRefused(t, m, dead, ticket.ErrNotFound)
	live := mustCreate(t, m)
	c.advance(-time.Hour)
	wantRefused(t, m, dead, ticket.ErrNotFound)
	mustConsume(t, m, live)
}

func TestMemoryClosed(t *testing.T) {
	m, err := store.NewMemory(store.MemoryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	id := mustCreate(t, m)
	if err := m.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
	closeStore(t, m)
	closeStore(t, m)
	for what, err := range operations(t, t.Context(), m, id) {
		wantErr(t, what, err, ticket.ErrUnavailable)
	}
	if err := m.Ping(t.Context()); !errors.Is(err, ticket.ErrUnavailable) {
		t.Errorf("ping: got %v, want ErrUnavailable", err)
	}
}
