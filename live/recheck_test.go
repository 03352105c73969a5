package live_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wsticket/internal/test"
	"wsticket/live"
	"wsticket/ticket"
)

// asked answers for an application, and counts.
type asked struct {
	mu     sync.Mutex
	times  map[string]int
	answer func(cookies string) (ticket.Identity, error)
}

func (a *asked) Recheck(_ context.Context, cookies ticket.Bearer) (ticket.Identity, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.times == nil {
		a.times = make(map[string]int)
	}
	a.times[cookies.Reveal()]++
	return a.answer(cookies.Reveal())
}

func (a *asked) count(cookies string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.times[cookies]
}

// with opens a connection of Alice with cookies.
func (b *bench) with(t *testing.T, id ticket.ID, cookies string) *peer {
	t.Helper()
	p := &peer{polite: true}
	who := test.Alice()
	who.Scope, who.Cookies = "chat.read", ticket.NewBearer(cookies)
	p.Connection = &live.Connection{Grant: ticket.Grant{ID: id, Identity: who, Scope: "chat.read", ConnectionExpiresAt: time.Now().Add(24 * time.Hour)}}
	leave, _ := b.Enter()
	defer leave()
	if err := b.Add(t.Context(), p.Connection); err != nil {
		t.Fatal(err)
	}
	p.Attach(p)
	return p
}

// checking runs a registry that asks a every 5 m, for a time.
func checking(t *testing.T, a *asked, o live.Options, f func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o.Sessions, o.Recheck = a, 5*time.Minute
		b := newBench(t, o)
		ctx, stop := context.WithCancel(t.Context())
		var watching sync.WaitGroup
		watching.Go(func() { b.RecheckSessions(ctx) })
		f(b)
		stop()
		watching.Wait()
	})
}

// TestRecheck: what the application answers, and what becomes of the connection.
func TestRecheck(t *testing.T) {
	t.Parallel()
	good := test.Alice()
	good.Scope = "chat.read"
	other, less := good, good
	other.Subject, less.Scope = "bob", ""
	for _, row := range []struct {
		rule    string
		who     ticket.Identity
		err     error
		stale   time.Duration
		outcome string
	}{
		{"the same user", good, nil, 0, live.OutcomeKept},
		{"nobody", ticket.Identity{}, ticket.ErrInvalidBearer, 0, live.OutcomeOver},
		{"another user", other, nil, 0, live.OutcomeOver},
		{"the same user without the scope", less, nil, 0, live.OutcomeOver},
		{"no answer", ticket.Identity{}, ticket.ErrUnavailable, 0, live.OutcomeUnavailable},
		{"an error of its own", ticket.Identity{}, errors.New("broken"), 0, live.OutcomeUnavailable},
		{"no answer for longer than that is allowed", ticket.Identity{}, ticket.ErrUnavailable, time.Minute, live.OutcomeOver},
	} {
		a := &asked{answer: func(string) (ticket.Identity, error) { return row.who, row.err }}
		checking(t, a, live.Options{MaxStale: row.stale}, func(b *bench) {
			p := b.with(t, "one", "sid=1")
			<-time.After(2*time.Minute + 20*time.Second)
			if n := a.count("sid=1"); n != 0 {
				t.Errorf("%s: asked %d times before half of the interval", row.rule, n)
			}
			<-time.After(13 * time.Minute)
			want := []ticket.Ending(nil)
			if row.outcome == live.OutcomeOver {
				want = []ticket.Ending{ticket.EndRecheck}
			}
			if got := p.endings(); !slices.Equal(got, want) {
				t.Errorf("%s: ended with %v, want %v", row.rule, got, want)
			}
			if n := a.count("sid=1"); row.outcome != live.OutcomeOver && n < 3 {
				t.Errorf("%s: asked %d times in 15 minutes, want 3 at least", row.rule, n)
			}
			var last ticket.Event
			for _, e := range b.events.All() {
				if e.Kind == ticket.EventRecheck {
					last = e
				}
				if !e.Identity.Cookies.IsZero() {
					t.Errorf("%s: the event %s has the cookies", row.rule, e.Kind)
				}
			}
			if last.Outcome != row.outcome || last.TicketID != "one" {
				t.Errorf("%s: got event %+v, want %s", row.rule, last, row.outcome)
			}
			if !p.Grant.Identity.Cookies.IsZero() {
				t.Errorf("%s: the grant has the cookies", row.rule)
			}
			p.leave(1000)
		})
	}
}

// TestRecheckOncePerSession: connections with the same cookies are one question, those
// that are closed none, and a renewal replaces the cookies.
func TestRecheckOncePerSession(t *testing.T) {
	t.Parallel()
	a := &asked{answer: func(string) (ticket.Identity, error) {
		who := test.Alice()
		who.Scope = "chat.read"
		return who, nil
	}}
	checking(t, a, live.Options{}, func(b *bench) {
		same := []*peer{b.with(t, "one", "sid=1"), b.with(t, "two", "sid=1"), b.with(t, "three", "sid=1")}
		closed, renewed := b.with(t, "closed", "sid=2"), b.with(t, "renewed", "sid=3")
		closed.leave(1000)
		fresh := test.Alice()
		fresh.Scope, fresh.Cookies, fresh.ExpiresAt = "chat.read", ticket.NewBearer("sid=4"), time.Now().Add(time.Hour)
		fresh.IssuedAt = time.Now()
		if _, err := b.Renew(t.Context(), "renewed", fresh); err != nil {
			t.Fatal(err)
		}
		<-time.After(5*time.Minute + 2*time.Second)
		one := a.count("sid=1")
		if one < 1 || one > 2 || a.count("sid=2") != 0 || a.count("sid=3") != 0 || a.count("sid=4") == 0 {
			t.Errorf("got %v, want the sessions of live connections, each once or twice", a.times)
		}
		for _, p := range append(same, renewed) {
			p.leave(1000)
		}
		<-time.After(10 * time.Minute)
		if got := a.count("sid=1"); got != one {
			t.Errorf("asked %d times after the last connection, want none", got-one)
		}
	})
}

// TestRecheckIsOff: without Sessions nobody is asked and nothing waits.
func TestRecheckIsOff(t *testing.T) {
	t.Parallel()
	b := newBench(t, live.Options{})
	b.RecheckSessions(t.Context())
	p := b.with(t, "one", "sid=1")
	p.leave(1000)
}
