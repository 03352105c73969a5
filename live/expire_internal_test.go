package live

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wsticket/ticket"
)

// counted is an Ender that counts.
type counted struct {
	mu    sync.Mutex
	ended []ticket.Ending
}

func (e *counted) End(ending ticket.Ending) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended = append(e.ended, ending)
}

func (e *counted) Cut() {}

func (e *counted) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.ended)
}

// held adds a connection of a minute.
func held(t *testing.T, r *Registry) (*Connection, *counted) {
	t.Helper()
	c, e := &Connection{Grant: ticket.Grant{
		ID: "one", ConnectionExpiresAt: time.Now().Add(time.Minute), Identity: ticket.Identity{Issuer: "https://a", Subject: "alice", IssuedAt: time.Now()},
	}}, &counted{}
	if err := r.Add(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	c.Attach(e)
	return c, e
}

func longer(g ticket.Grant) (ticket.Grant, error) {
	g.ConnectionExpiresAt = g.ConnectionExpiresAt.Add(time.Minute)
	g.Identity.IssuedAt = time.Now()
	return g, nil
}

// TestRenewalMovesTheDeadline: forth and back, but not when it has passed.
func TestRenewalMovesTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, _ := New(Options{})
		c, e := held(t, r)
		start := time.Now()
		for range 3 {
			<-time.After(50 * time.Second)
			if _, _, err := r.replaceGrant("one", longer); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(4*time.Minute - time.Since(start) - time.Millisecond)
		if e.count() != 0 {
			t.Errorf("ended %s before its end", 4*time.Minute-time.Since(start))
		}
		sooner := func(g ticket.Grant) (ticket.Grant, error) { g.ConnectionExpiresAt = time.Now(); return g, nil }
		if _, _, err := r.replaceGrant("one", sooner); err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.replaceGrant("one", longer); ticket.Reason(err) != "not_found" {
			t.Errorf("got %v, want not_found at its deadline", err)
		}
		synctest.Wait()
		if e.count() != 1 {
			t.Errorf("ended %d times, want once", e.count())
		}
		c.Abandon()
	})
}

// TestRenewalOvertakesAnEnding: what waits for its turn to be ended and is renewed
// meanwhile stays, whatever it was to be ended for.
func TestRenewalOvertakesAnEnding(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, _ := New(Options{ExpiryNotice: time.Second})
		c, e := held(t, r)
		crowd := make([]task, 3*perTick)
		for i := range crowd {
			crowd[i] = task{c, func(*Connection) {}}
		}
		r.pace.do(crowd)
		alice := ticket.Selector{Issuer: "https://a", Subject: "alice"}
		if n := r.endMatching(ticket.Revocation{Selector: alice, Before: time.Now(), Action: ticket.RevokeRecheck}); n != 1 {
			t.Fatalf("got %d matches, want one", n)
		}
		r.deadlines.forget(c) // as when its time is over
		r.endDue([]due{{c, true}, {c, false}})
		<-time.After(time.Millisecond)
		if _, _, err := r.replaceGrant("one", longer); err != nil {
			t.Fatal(err)
		}
		<-time.After(30 * time.Second)
		if e.count() != 0 {
			t.Errorf("ended with %v, want it renewed", e.ended)
		}
		c.Abandon()
	})
}
