package live_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wsticket/internal/test"
	"wsticket/live"
	"wsticket/ticket"
)

// enterAs opens a connection of a subject, which closes as soon as it is ended.
func (b *bench) enterAs(id ticket.ID, subject string) (*peer, error) {
	p := &peer{polite: true}
	who := test.Alice()
	who.Subject = subject
	p.Connection = &live.Connection{Grant: ticket.Grant{ID: id, Identity: who}}
	leave, _ := b.Enter()
	defer leave()
	if err := b.Add(context.Background(), p.Connection); err != nil {
		return nil, err
	}
	p.Attach(p)
	return p, nil
}

func wantOpen(t *testing.T, b *bench, rule string, id ticket.ID, subject string) *peer {
	t.Helper()
	p, err := b.enterAs(id, subject)
	if err != nil {
		t.Fatalf("%s: got %v, want it open", rule, err)
	}
	return p
}

func wantTooMany(t *testing.T, b *bench, rule string, id ticket.ID, subject string) {
	t.Helper()
	if _, err := b.enterAs(id, subject); !errors.Is(err, ticket.ErrTooManyConnections) {
		t.Errorf("%s: got %v, want ErrTooManyConnections", rule, err)
	}
}

func TestMaxPerSubject(t *testing.T) {
	t.Parallel()
	b := newBench(t, live.Options{MaxPerSubject: 2})
	first := wantOpen(t, b, "the first", "1", "alice")
	second := wantOpen(t, b, "the second", "2", "alice")
	wantTooMany(t, b, "the third", "3", "alice")
	other := wantOpen(t, b, "another subject", "4", "bob")
	if n := b.Stats().Connections[""][live.StateOpen]; n != 3 {
		t.Errorf("there are %d connections, want 3", n)
	}
	again := wantOpen(t, b, "the second once more, whose answer was lost", "2", "alice")
	if got := second.endings(); !slices.Equal(got, []ticket.Ending{ticket.EndReplaced}) {
		t.Errorf("the second ended with %v, want EndReplaced", got)
	}
	wantTooMany(t, b, "and the third is still one too many", "3", "alice")
	first.leave(1000)
	third := wantOpen(t, b, "the third after the first has left", "3", "alice")
	if got, want := b.PlaceStats(), (live.PlaceStats{Held: 3, Refused: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, p := range []*peer{again, third, other} {
		p.leave(1000)
	}
	if got := b.PlaceStats().Held; got != 0 {
		t.Errorf("%d places are held when all have left", got)
	}
}

func TestReplaceOldest(t *testing.T) {
	t.Parallel()
	b := newBench(t, live.Options{MaxPerSubject: 2, ReplaceOldest: true})
	all := make([]*peer, 5)
	for i := range all {
		all[i] = wantOpen(t, b, "each of them", ticket.ID(fmt.Sprint(i)), "alice")
	}
	for i, p := range all {
		want := []ticket.Ending{ticket.EndDisplaced}
		if i >= 3 {
			want = nil
		}
		if got := p.endings(); !slices.Equal(got, want) {
			t.Errorf("connection %d ended with %v, want %v", i, got, want)
		}
	}
	if got, want := b.PlaceStats(), (live.PlaceStats{Held: 2, Displaced: 3}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	all[3].leave(1000)
	all[4].leave(1000)
}

// Whatever comes at once, no subject has more connections than it may have, and all
// places are free in the end.
func TestMaxPerSubjectConcurrent(t *testing.T) {
	t.Parallel()
	for _, replace := range []bool{false, true} {
		b := newBench(t, live.Options{MaxPerSubject: 3, ReplaceOldest: replace})
		var mu sync.Mutex
		var open []*peer
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				p, err := b.enterAs(ticket.ID(fmt.Sprint(i)), "alice")
				if err != nil && !errors.Is(err, ticket.ErrTooManyConnections) {
					t.Error(err)
				}
				if p != nil {
					mu.Lock()
					open = append(open, p)
					mu.Unlock()
				}
			})
		}
		all.Wait()
		live := slices.DeleteFunc(open, func(p *peer) bool { return len(p.endings()) > 0 })
		if len(live) > 3 || len(live) == 0 || !replace && len(live) != 3 {
			t.Errorf("%d connections are open (replace: %t), want 3", len(live), replace)
		}
		for _, p := range live {
			p.leave(1000)
		}
		if got := b.PlaceStats().Held; got != 0 {
			t.Errorf("%d places are held when all have left", got)
		}
	}
}

// shared is a Leases that notes what it is asked for, and can be away.
type shared struct {
	mu             sync.Mutex
	taken          int
	kept, released []string
	away           bool
}

func (s *shared) Take(_ context.Context, key, id string, _ int, _ bool) (place string, displaced []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return "", nil, ticket.ErrUnavailable
	}
	s.taken++
	return key + id, nil, nil
}

func (s *shared) do(list *[]string, places []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return ticket.ErrUnavailable
	}
	*list = append(*list, places...)
	return nil
}

func (s *shared) Keep(_ context.Context, _, places []string) error { return s.do(&s.kept, places) }
func (s *shared) Release(_ context.Context, _, places []string) error {
	return s.do(&s.released, places)
}

func (s *shared) counts() [3]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return [3]int{s.taken, len(s.kept), len(s.released)}
}

// Places are kept while their connections are open, given up when they close, and the
// rest when the process stops.
func TestKeepPlaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		leases := &shared{}
		b := newBench(t, live.Options{MaxPerSubject: 1, Leases: leases, SealKeys: [][]byte{make([]byte, 32)}})
		ctx, stop := context.WithCancel(t.Context())
		var keeping sync.WaitGroup
		keeping.Go(func() { b.KeepPlaces(ctx) })
		want := func(rule string, taken, kept, released int) {
			t.Helper()
			synctest.Wait()
			if got := leases.counts(); got != [3]int{taken, kept, released} {
				t.Errorf("%s: taken, kept and released are %v, want %d, %d, %d", rule, got, taken, kept, released)
			}
		}
		first, second := wantOpen(t, b, "one", "1", "alice"), wantOpen(t, b, "two", "2", "bob")
		want("at the start", 2, 0, 0)
		<-time.After(21 * time.Second)
		want("after two beats", 2, 4, 0)
		first.leave(1000)
		want("one has left", 2, 4, 1)

		leases.mu.Lock()
		leases.away = true
		leases.mu.Unlock()
		if _, err := b.enterAs("3", "carol"); !errors.Is(err, ticket.ErrUnavailable) {
			t.Errorf("without the store: got %v, want ErrUnavailable", err)
		}
		<-time.After(10 * time.Second)
		want("without the store", 2, 4, 1)
		if got, want := b.PlaceStats(), (live.PlaceStats{Held: 1, Failed: 2}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		leases.mu.Lock()
		leases.away = false
		leases.mu.Unlock()
		<-time.After(10 * time.Second)
		want("the store is back", 2, 5, 1)
		stop()
		second.leave(1000)
		keeping.Wait()
	})
}

func TestFaultsOfMaxPerSubject(t *testing.T) {
	t.Parallel()
	for _, o := range []live.Options{{MaxPerSubject: -1}, {MaxPerSubject: 10_001}, {Leases: &shared{}}} {
		if _, err := live.New(o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}
