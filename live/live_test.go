package live_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"wsticket/internal/test"
	"wsticket/live"
	"wsticket/ticket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a registry whose events are recorded.
type bench struct {
	*live.Registry
	events test.Events
}

func newBench(t *testing.T, o live.Options) *bench {
	t.Helper()
	b := &bench{}
	o.Events = b.events.Record
	var err error
	if b.Registry, err = live.New(o); err != nil {
		t.Fatal(err)
	}
	return b
}

// peer is a connection and its Ender. A polite peer closes as soon as it is
// ended, a silent one when it is cut, and a stubborn one not even then.
type peer struct {
	*live.Connection
	polite, stubborn bool

	mu    sync.Mutex
	ended []ticket.Ending
	at    time.Time // of the first ending
	cuts  int
	gone  sync.Once
}

func (p *peer) End(e ticket.Ending) {
	p.mu.Lock()
	if p.ended = append(p.ended, e); len(p.ended) == 1 {
		p.at = time.Now()
	}
	p.mu.Unlock()
	if p.polite {
		p.leave(e.Code)
	}
}

func (p *peer) Cut() {
	p.mu.Lock()
	p.cuts++
	p.mu.Unlock()
	if !p.stubborn {
		p.leave(1006)
	}
}

func (p *peer) leave(code uint16) {
	p.gone.Do(func() {
		p.Ended(context.Background(), ticket.Closed{Code: code, By: ticket.ByServer})
	})
}

func (p *peer) endings() []ticket.Ending {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.ended)
}

// when returns the time of the first ending.
func (p *peer) when() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

// open makes a handshake that becomes a connection.
func (b *bench) open(t *testing.T, id ticket.ID, p *peer) *peer {
	t.Helper()
	leave, ok := b.Enter()
	if !ok {
		t.Fatal("the registry refuses a handshake")
	}
	defer leave()
	p.Connection = &live.Connection{
		Grant:        ticket.Grant{ID: id, Identity: test.Alice()},
		Presentation: ticket.Presentation{Door: ticket.DoorQuery}, Request: live.RequestOf(ticket.WithRequest(t.Context(), ticket.RequestInfo{ID: "request"})),
	}
	_ = b.Add(context.Background(), p.Connection)
	p.Began(t.Context())
	p.Attach(p)
	return p
}

func (b *bench) states() map[live.State]int { return b.Stats().Connections[ticket.DoorQuery] }

func TestNewNamesFaults(t *testing.T) {
	_, err := live.New(live.Options{DrainWindow: 11 * time.Minute})
	if fault, ok := errors.AsType[*ticket.OptionError](err); !ok || fault.Package != "live" || fault.Field != "DrainWindow" {
		t.Errorf("New: %v, want a fault of DrainWindow", err)
	}
}

func TestConnectionIsTwoEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, live.Options{})
		start := time.Now()
		p := b.open(t, "one", &peer{})
		if b.states()[live.StateOpen] != 1 {
			t.Errorf("states %v, want one that is open", b.states())
		}
		<-time.After(time.Minute) // in a bubble, where it takes no time
		p.leave(4005)
		all := b.events.All()
		if len(all) != 2 || all[0].Kind != ticket.EventConnect || all[1].Kind != ticket.EventDisconnect {
			t.Fatalf("events %+v, want a connect and a disconnect", all)
		}
		for _, e := range all {
			if e.TicketID != "one" || e.Identity.Subject != "alice" || e.Presentation.Door != ticket.DoorQuery || e.Request.ID != "request" {
				t.Errorf("event %+v, want what is known of the connection", e)
			}
		}
		if e := all[1]; !all[0].At.Equal(start) || e.Duration != time.Minute || e.Closed.Code != 4005 {
			t.Errorf("events %+v, want a minute, and 4005", all)
		}
		if b.states()[live.StateOpen] != 0 {
			t.Errorf("states %v, want none left", b.states())
		}
	})
}

// A connection can be ended before it has an Ender, and after it is closed.
func TestEndAtAnyTime(t *testing.T) {
	b := newBench(t, live.Options{})
	early := &peer{Connection: &live.Connection{Grant: ticket.Grant{ID: "early"}, Presentation: ticket.Presentation{Door: ticket.DoorQuery}}}
	_ = b.Add(context.Background(), early.Connection)
	early.Connection.End(ticket.EndExpired)
	early.Connection.End(ticket.EndDraining)
	if got := b.states(); got[live.StateClosing] != 1 || got[live.StateOpen] != 0 {
		t.Errorf("states %v, want one that is closing", got)
	}
	early.Attach(early)
	if got := early.endings(); !slices.Equal(got, []ticket.Ending{ticket.EndExpired}) {
		t.Errorf("ended with %v, want the first ending as soon as there is an Ender", got)
	}
	early.leave(ticket.EndExpired.Code)
	early.Connection.End(ticket.EndDraining)
	if got := early.endings(); len(got) != 1 {
		t.Errorf("ended with %v, want nothing more after it is gone", got)
	}

	abandoned := &live.Connection{Grant: ticket.Grant{ID: "abandoned"}}
	_ = b.Add(context.Background(), abandoned)
	abandoned.Abandon()
	if b.events.Has(ticket.Event{TicketID: "abandoned"}) {
		t.Error("there is an event of a connection that never began")
	}
	if err := b.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown: %v, want nil: nothing is left", err)
	}
}

func TestOneTicketHasOneConnection(t *testing.T) {
	b := newBench(t, live.Options{})
	first, other := b.open(t, "one", &peer{}), b.open(t, "other", &peer{})
	second := b.open(t, "one", &peer{})
	if got := first.endings(); !slices.Equal(got, []ticket.Ending{ticket.EndReplaced}) {
		t.Errorf("the older one: ended with %v, want %v", got, ticket.EndReplaced)
	}
	first.leave(ticket.EndReplaced.Code)
	third := b.open(t, "one", &peer{})
	if got := second.endings(); !slices.Equal(got, []ticket.Ending{ticket.EndReplaced}) {
		t.Errorf("the next one, after the first is gone: ended with %v, want %v", got, ticket.EndReplaced)
	}
	if len(other.endings())+len(third.endings()) != 0 {
		t.Error("a connection of another ticket was ended, or the newest one")
	}
	for _, p := range []*peer{other, second, third} {
		p.leave(1000)
	}
}

// The connections are closed evenly over the window, and all are accounted for.
func TestDrainIsSpread(t *testing.T) {
	for rule, row := range map[string]struct{ window, last time.Duration }{
		"the default": {0, 4500 * time.Millisecond}, "a minute": {time.Minute, 54 * time.Second}, "all at once": {-1, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			const peers = 10
			b := newBench(t, live.Options{DrainWindow: row.window})
			var all []*peer
			for i := range peers {
				all = append(all, b.open(t, ticket.ID(rune('a'+i)), &peer{polite: true}))
			}
			start := time.Now()
			if err := b.Shutdown(t.Context()); err != nil {
				t.Errorf("%s: Shutdown: %v", rule, err)
			}
			var last time.Duration
			for _, p := range all {
				last = max(last, p.at.Sub(start))
				if got := p.endings(); !slices.Equal(got, []ticket.Ending{ticket.EndDraining}) {
					t.Errorf("%s: ended with %v, want %v", rule, got, ticket.EndDraining)
				}
			}
			if last != row.last {
				t.Errorf("%s: the last one is ended after %s, want %s", rule, last, row.last)
			}
			if got, want := b.Stats().Drained, (live.Drained{Total: peers, Closed: peers}); got != want {
				t.Errorf("%s: drained %+v, want %+v", rule, got, want)
			}
			if got := b.states(); got[live.StateOpen] != 0 || got[live.StateClosing] != 0 {
				t.Errorf("%s: states %v, want none left", rule, got)
			}
		})
	}
}

// When the time is up, the rest is ended together, then cut, and then left.
func TestDrainIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, live.Options{DrainWindow: time.Hour / 6})
		silent, stubborn := b.open(t, "silent", &peer{}), b.open(t, "stubborn", &peer{stubborn: true})
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := b.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown: %v, want %v", err, context.DeadlineExceeded)
		}
		if took := time.Since(start); took != 5*time.Second+2*live.Linger {
			t.Errorf("it took %s, want two seconds more than the context", took)
		}
		if got, want := b.Stats().Drained, (live.Drained{Total: 2, Closed: 1, Cut: 2}); got != want {
			t.Errorf("drained %+v, want %+v", got, want)
		}
		if err := b.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown once more: %v, want %v", err, context.DeadlineExceeded)
		}
		if got := b.Stats().Drained.Cut; got != 2 || silent.cuts != 1 {
			t.Errorf("%d were cut, want 2, however often Shutdown is called", got)
		}
		stubborn.leave(1006)
		if err := b.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown, when the last one is gone: %v, want nil", err)
		}
	})
}

// A drain refuses handshakes, ends those that are under way as soon as they
// become a connection, and waits for them.
func TestDrainAndHandshakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, live.Options{})
		leave, _ := b.Enter()
		woken := make(chan struct{})
		cancel := b.OnStop(func() { close(woken) })
		canceled := b.OnStop(func() { t.Error("it was called although it is canceled") })
		if canceled() {
			t.Error("it is too late to cancel before the registry stops")
		}
		stopped := make(chan error, 1)
		go func() { stopped <- b.Shutdown(t.Context()) }()
		<-woken
		if !cancel() {
			t.Error("it is not too late to cancel after the registry stops")
		}
		if _, ok := b.Enter(); ok {
			t.Error("a handshake enters while the registry stops")
		}
		late := &peer{Connection: &live.Connection{Grant: ticket.Grant{ID: "late"}}, polite: true}
		_ = b.Add(context.Background(), late.Connection)
		leave()
		synctest.Wait()
		select {
		case err := <-stopped:
			t.Errorf("Shutdown returned %v before the late connection is gone", err)
		default:
		}
		late.Attach(late)
		if got := late.endings(); !slices.Equal(got, []ticket.Ending{ticket.EndDraining}) {
			t.Errorf("ended with %v, want %v", got, ticket.EndDraining)
		}
		if err := <-stopped; err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if got, want := b.Stats().Drained, (live.Drained{Total: 1, Closed: 1}); got != want {
			t.Errorf("drained %+v, want %+v", got, want)
		}
	})
}

// A connection that has no Ender yet is cut when it gets one.
func TestCutBeforeAttach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, live.Options{})
		p := &peer{Connection: &live.Connection{Grant: ticket.Grant{ID: "slow"}}}
		_ = b.Add(context.Background(), p.Connection)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := b.Shutdown(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Shutdown: %v, want %v", err, context.Canceled)
		}
		p.Attach(p)
		if p.cuts != 1 {
			t.Errorf("it was cut %d times, want once", p.cuts)
		}
		if err := b.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
}
