package live

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"wsticket/ticket"
)

// TestIndexesConcurrently: connections that come, go, are renewed, ended and looked up
// at once leave nothing behind, and nobody finds what a selector does not name.
func TestIndexesConcurrently(t *testing.T) {
	t.Parallel()
	r, _ := New(Options{})
	identity := func(i int) ticket.Identity {
		return ticket.Identity{
			Issuer: "https://a", Subject: fmt.Sprint("u", i%3), SessionID: fmt.Sprint("s", i%7), TokenID: fmt.Sprint("j", i),
			IssuedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour),
		}
	}
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 200 {
				id := ticket.ID(fmt.Sprint(worker, "-", i))
				c := &Connection{Grant: ticket.Grant{ID: id, Identity: identity(i), ConnectionExpiresAt: time.Now().Add(time.Hour)}}
				if err := r.Add(t.Context(), c); err != nil {
					t.Error(err)
					return
				}
				_, _, err := r.replaceGrant(id, func(g ticket.Grant) (ticket.Grant, error) {
					g.Identity = identity(i + 1)
					return g, nil
				})
				if err != nil && ticket.Reason(err) != "not_found" { // another worker has ended it
					t.Errorf("%s: %v", id, err)
				}
				session := ticket.Selector{Issuer: "https://a", SessionID: fmt.Sprint("s", i%7)}
				for _, found := range r.matching(session) {
					if g := r.grantOf(found); g.ID == id && g.Identity.SessionID != session.SessionID {
						t.Errorf("%s: found by a session that it no longer has", id)
					}
				}
				if i%5 == 0 {
					r.endMatching(ticket.Revocation{Selector: session, Before: time.Now(), Action: ticket.RevokeEnd})
				}
				c.Abandon()
			}
		})
	}
	all.Wait()
	stats := r.Stats()
	if stats.Subjects != 0 || stats.Sessions != 0 || stats.Deadlines != 0 || len(r.all()) != 0 {
		t.Errorf("got %+v, want nothing left", stats)
	}
	for state, n := range stats.Connections[""] {
		if n != 0 {
			t.Errorf("%d are %s, want none", n, state)
		}
	}
}
