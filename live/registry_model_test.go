package live

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"wsticket/ticket"
)

var modelTime = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// anyGrant draws a grant of few users, so that they meet.
func anyGrant(t *rapid.T, id ticket.ID) ticket.Grant {
	some := func(what string) string {
		return rapid.SampledFrom([]string{"", what + "1", what + "2", what + "3"}).Draw(t, what)
	}
	return ticket.Grant{ID: id, ConnectionExpiresAt: modelTime.Add(time.Hour), Identity: ticket.Identity{
		Issuer:  rapid.SampledFrom([]string{"https://a", "https://b"}).Draw(t, "iss"),
		Subject: some("sub"), SessionID: some("sid"), TokenID: some("jti"),
	}}
}

// model is a registry, and what it must know.
type model struct {
	r    *Registry
	open map[*Connection]ticket.Grant
	next int
}

func (m *model) any(t *rapid.T) *Connection {
	if len(m.open) == 0 {
		t.Skip("no connection")
	}
	all := make([]*Connection, 0, len(m.open))
	for c := range m.open {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *Connection) int { return a.start.Compare(b.start) })
	return rapid.SampledFrom(all).Draw(t, "connection")
}

func (m *model) add(t *rapid.T) {
	m.next++
	id := ticket.ID(fmt.Sprint(rapid.IntRange(0, 20).Draw(t, "id")))
	c := &Connection{Grant: anyGrant(t, id), Presentation: ticket.Presentation{Door: ticket.DoorQuery}}
	if err := m.r.Add(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	m.open[c] = c.Grant
}

func (m *model) remove(t *rapid.T) {
	c := m.any(t)
	c.Abandon()
	delete(m.open, c)
}

func (m *model) renew(t *rapid.T) {
	c := m.any(t)
	fresh := anyGrant(t, c.Grant.ID)
	renewed, _, err := m.r.replaceGrant(c.Grant.ID, func(ticket.Grant) (ticket.Grant, error) { return fresh, nil })
	if err == nil {
		m.open[renewed] = fresh
	}
}

func (m *model) end(t *rapid.T) { m.any(t).End(ticket.EndRevoked) }

// check compares every index with a search through everything.
func (m *model) check(t *rapid.T) {
	want := make(map[ticket.Selector]int)
	subjects, sessions := make(map[ticket.Selector]bool), make(map[ticket.Selector]bool)
	for _, g := range m.open {
		for _, s := range ticket.SelectorsOf(g) {
			want[s]++
		}
		if who := g.Identity; who.Subject != "" {
			subjects[ticket.Selector{Issuer: who.Issuer, Subject: who.Subject}] = true
		}
		if who := g.Identity; who.SessionID != "" {
			sessions[ticket.Selector{Issuer: who.Issuer, SessionID: who.SessionID}] = true
		}
	}
	for s, n := range want {
		found := m.r.matching(s)
		if len(found) != n {
			t.Fatalf("%+v: got %d connections, want %d", s, len(found), n)
		}
		for _, c := range found {
			if !s.Names(m.open[c]) {
				t.Fatalf("%+v: got %+v, which it does not name", s, m.open[c])
			}
		}
	}
	stats := m.r.Stats()
	states := stats.Connections[ticket.DoorQuery]
	if got := states[StateOpen] + states[StateClosing]; got != len(m.open) || len(m.r.all()) != len(m.open) {
		t.Fatalf("got %d connections, %d listed, want %d", got, len(m.r.all()), len(m.open))
	}
	if stats.Subjects != len(subjects) || stats.Sessions != len(sessions) || stats.Deadlines != states[StateOpen] {
		t.Fatalf("got %+v, want %d subjects, %d sessions and a deadline for each that is open", stats, len(subjects), len(sessions))
	}
}

// TestIndexes: whatever comes, goes and is renewed, each selector finds exactly the
// connections that it names.
func TestIndexes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var calls atomic.Int64
		r, err := New(Options{Now: func() time.Time { return modelTime.Add(time.Duration(calls.Add(1)) * time.Microsecond) }})
		if err != nil {
			t.Fatal(err)
		}
		m := &model{r: r, open: make(map[*Connection]ticket.Grant)}
		t.Repeat(map[string]func(*rapid.T){"add": m.add, "add another": m.add, "remove": m.remove, "renew": m.renew, "end": m.end, "": m.check})
		for c := range m.open {
			c.Abandon()
		}
		m.open = nil
		m.check(t)
		for i := range r.shards {
			for k, heads := range r.shards[i].heads {
				if len(heads) > 0 {
					t.Fatalf("index %d has %d keys and no connections", k, len(heads))
				}
			}
		}
	})
}

// TestSelectorsThatShareADigest: a list may hold connections of another selector.
func TestSelectorsThatShareADigest(t *testing.T) {
	t.Parallel()
	r, _ := New(Options{})
	c := &Connection{Grant: ticket.Grant{ID: "one", Identity: ticket.Identity{Issuer: "https://a", Subject: "alice"}}}
	if err := r.Add(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	bob := ticket.Selector{Issuer: "https://a", Subject: "bob"}
	if got := r.named([]*Connection{c}, bob); len(got) != 0 {
		t.Errorf("got %d connections of alice, want none", len(got))
	}
	c.Abandon()
}

// TestReplaceGrant: what is not open is not renewed, and nothing is renewed to no end.
func TestReplaceGrant(t *testing.T) {
	t.Parallel()
	r, _ := New(Options{})
	c := &Connection{Grant: ticket.Grant{ID: "one", Identity: ticket.Identity{Issuer: "https://a"}, ConnectionExpiresAt: time.Now().Add(time.Hour)}}
	if err := r.Add(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	had := r.grantOf(c)
	for rule, f := range map[string]func(ticket.Grant) (ticket.Grant, error){
		"an error":       func(g ticket.Grant) (ticket.Grant, error) { return g, ticket.ErrInsufficientScope },
		"without an end": func(g ticket.Grant) (ticket.Grant, error) { g.ConnectionExpiresAt = time.Time{}; return g, nil },
	} {
		found, _, err := r.replaceGrant("one", f)
		if got := r.grantOf(c); err == nil || found != c || !got.ConnectionExpiresAt.Equal(had.ConnectionExpiresAt) {
			t.Errorf("%s: got %v and %+v, want an error and what it had", rule, err, got)
		}
	}
	_, got, err := r.replaceGrant("one", func(g ticket.Grant) (ticket.Grant, error) { g.ID = "other"; return g, nil })
	if err != nil || got.ID != "one" {
		t.Errorf("got %v, %+v, want the ID that it has", err, got)
	}
	c.End(ticket.EndExpired)
	for _, id := range []ticket.ID{"one", "unknown"} {
		if found, _, err := r.replaceGrant(id, func(g ticket.Grant) (ticket.Grant, error) { return g, nil }); ticket.Reason(err) != "not_found" || found != nil {
			t.Errorf("%s: got %v, want not_found", id, err)
		}
	}
	c.Abandon()
}
