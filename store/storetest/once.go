package storetest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wsticket/store/internal/fixture"
	"wsticket/ticket"
)

// onceKept is how long the suite has names remembered.
const onceKept = 10 * time.Second

// RunOnce runs the suite of [ticket.Once], as [Run] does that of [ticket.Store]. The
// Subjects' stores must be of that kind, and their twins.
func RunOnce(t *testing.T, fresh Factory) {
	for _, c := range []struct {
		name, rule string
		run        func(tb testing.TB, s Subject, once, twin ticket.Once)
	}{
		{"once", "a name is new once, in each process, and others do not change that", onceNew},
		{"once concurrent", "of 100 concurrent calls with one name one reports that it is new", onceConcurrent},
		{"once kept", "a name is remembered until the end of its time, and not after it", onceKeptFor},
		{"once forgotten", "a name that is forgotten is new again", onceForgotten},
		{"once canceled", "a cancelled context is ErrUnavailable", onceCanceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("the rule: %s", c.rule)
				}
			})
			s := fresh(t)
			once, ok := s.Store.(ticket.Once)
			if !ok {
				t.Fatalf("%T remembers no names", s.Store)
			}
			twin, ok := s.Twin.(ticket.Once)
			if !ok {
				twin = once
			}
			c.run(t, s, once, twin)
		})
	}
}

// wantFirst checks whether a name is new.
func wantFirst(tb testing.TB, rule string, once ticket.Once, name string, want bool) {
	tb.Helper()
	if first, err := once.First(tb.Context(), name, onceKept); err != nil || first != want {
		tb.Errorf("%s: got %v, %v, want %v", rule, first, err, want)
	}
}

func onceNew(tb testing.TB, _ Subject, once, twin ticket.Once) {
	for _, name := range []string{"a", "b", "", "https://id.example.com a", "a\x00", "{a}"} {
		wantFirst(tb, "new", once, name, true)
		wantFirst(tb, "again", once, name, false)
		wantFirst(tb, "in another process", twin, name, false)
	}
}

func onceConcurrent(tb testing.TB, _ Subject, once, twin ticket.Once) {
	var calls sync.WaitGroup
	var firsts atomic.Int64
	for i := range 100 {
		calls.Go(func() {
			by := once
			if i%2 == 1 {
				by = twin
			}
			first, err := by.First(tb.Context(), "a", onceKept)
			if err != nil {
				tb.Errorf("first: %v", err)
			}
			if first {
				firsts.Add(1)
			}
		})
	}
	calls.Wait()
	if got := firsts.Load(); got != 1 {
		tb.Errorf("%d calls were the first, want 1", got)
	}
}

func onceKeptFor(tb testing.TB, s Subject, once, _ ticket.Once) {
	wantFirst(tb, "new", once, "a", true)
	s.Advance(onceKept - margin)
	wantFirst(tb, "before the end of its time", once, "a", false)
	s.Advance(margin)
	wantFirst(tb, "at its end", once, "a", true)
}

func onceForgotten(tb testing.TB, _ Subject, once, twin ticket.Once) {
	if err := once.Forget(tb.Context(), "a"); err != nil {
		tb.Errorf("forget what is not there: %v", err)
	}
	wantFirst(tb, "new", once, "a", true)
	if err := twin.Forget(tb.Context(), "a"); err != nil {
		tb.Errorf("forget: %v", err)
	}
	wantFirst(tb, "forgotten", once, "a", true)
	wantFirst(tb, "and remembered", once, "a", false)
}

func onceCanceled(tb testing.TB, _ Subject, once, _ ticket.Once) {
	ctx, cancel := context.WithCancel(tb.Context())
	cancel()
	_, err := once.First(ctx, "a", onceKept)
	fixture.WantErr(tb, "first", err, ticket.ErrUnavailable)
	fixture.WantErr(tb, "forget", once.Forget(ctx, "a"), ticket.ErrUnavailable)
}
