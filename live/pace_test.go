package live_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wsticket/live"
	"wsticket/ticket"
)

// burst counts how many connections are ended at each instant of a bubble.
type burst struct {
	mu  sync.Mutex
	per map[time.Time]int
	all int
}

type burstEnder struct {
	*burst
	c *live.Connection
}

func (e burstEnder) End(ticket.Ending) {
	e.mu.Lock()
	e.per[time.Now()]++
	e.all++
	e.mu.Unlock()
	e.c.Abandon()
}

func (e burstEnder) Cut() {}

// Ten thousand that end at once leave pauses for the messages of the others, and are
// all ended within a second: by a revocation, and by a deadline that all of them have.
func TestManyEndAtOnce(t *testing.T) {
	t.Parallel()
	const many = 10_000
	for _, rule := range []string{"revocation", "deadline"} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, live.Options{})
			count := &burst{per: make(map[time.Time]int)}
			end := time.Now().Add(time.Minute)
			var other *live.Connection
			for i := range many + 1 {
				c := &live.Connection{Grant: ticket.Grant{
					ID: ticket.ID(fmt.Sprint(i)), ConnectionExpiresAt: end,
					Identity: ticket.Identity{Issuer: "https://a", Subject: "alice"},
				}}
				if i == many {
					c.Grant.Identity.Subject, c.Grant.ConnectionExpiresAt = "bob", time.Time{}
					other = c
				}
				if err := b.Add(t.Context(), c); err != nil {
					t.Fatal(err)
				}
				c.Attach(burstEnder{count, c})
			}
			start := end
			if rule == "revocation" {
				start = time.Now()
				who := ticket.Selector{Issuer: "https://a", Subject: "alice"}
				if err := b.Revoke(t.Context(), ticket.Revocation{
					ID: "r", Selector: who, Before: start, Action: ticket.RevokeEnd, At: start, ExpiresAt: start.Add(time.Hour),
				}); err != nil {
					t.Fatal(err)
				}
			} else {
				<-time.After(time.Minute)
			}
			<-time.After(time.Second)
			synctest.Wait()
			count.mu.Lock()
			defer count.mu.Unlock()
			if count.all != many {
				t.Errorf("%s: %d of %d are ended within a second", rule, count.all, many)
			}
			for at, n := range count.per {
				if n > many/32 || at.After(start.Add(time.Second)) {
					t.Errorf("%s: %d are ended together, after %s", rule, n, at.Sub(start))
				}
			}
			other.Abandon()
		})
	}
}
